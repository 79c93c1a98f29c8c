(() => {
  // Numbers stay within their bounds, and a field that is left empty gets its last number back.
  const hint = (field, words) => {
    const block = field.closest('.block');
    let line = block.querySelector('.bound');
    if (!line) {
      line = document.createElement('p');
      line.className = 'bound small';
      line.setAttribute('role', 'status');
      block.append(line);
    }
    line.textContent = words;
  };
  const says = (words, number) => words.replace('{number}', Number(number).toLocaleString(LANGUAGE));
  const bounded = target => target.matches?.('#recipe input[type=number][min][max]');
  document.addEventListener('input', event => {
    const field = event.target;
    if (!bounded(field)) return;
    if (field.value === '') return event.stopImmediatePropagation();
    const [least, most] = [Number(field.min), Number(field.max)], value = Number(field.value);
    hint(field, value > most ? says(WORDS.most, most) : value < least ? says(WORDS.least, least) : '');
    if (value > most) field.value = most;
    field.dataset.last = field.value;
  }, true);
  document.addEventListener('input', event => {
    const field = event.target;
    if (field.closest('#seed') && field.type === 'number')
      hint(field, Number(field.value) < 0 ? WORDS.leave_empty : '');
  });
  document.addEventListener('change', event => {
    const field = event.target;
    if (!field.closest('#seed') || field.type !== 'number' || Number(field.value) >= 0) return;
    field.value = '';
    field.dispatchEvent(new Event('input', {bubbles: true}));
    hint(field, WORDS.left_empty);
  });
  document.addEventListener('focusin', event => {
    if (bounded(event.target)) event.target.dataset.last = event.target.value;
  });
  document.addEventListener('focusout', event => {
    const field = event.target;
    if (!bounded(field)) return;
    if (field.value !== '') return;
    field.value = field.dataset.last;
    hint(field, says(WORDS.back, field.value));
  }, true);
})();
