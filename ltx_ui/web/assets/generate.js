(() => {
  // Ctrl+Enter presses Generate. Generate waits for a picture that is being sent.
  document.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    const button = document.getElementById('generate');
    if (!button || button.disabled) return;
    event.preventDefault();
    // Gradio takes a field's text when the field loses the focus.
    const field = document.activeElement;
    if (field) field.blur();
    setTimeout(() => button.click(), 60);
    if (field) field.focus();
  });
  const narrow = matchMedia('(max-width: 767px)');
  let follow = false;
  document.addEventListener('click', event => {
    if (!event.target.closest('#generate')) return;
    if (document.querySelector('.picture-field[data-busy]')) {
      event.preventDefault();
      event.stopImmediatePropagation();
      const press = () => setTimeout(() => document.getElementById('generate').click());
      document.addEventListener('studio:settled', press, {once: true});
      return;
    }
    follow = narrow.matches;
  }, true);

  // On a phone the clip is scrolled into view, until the visitor scrolls away.
  const bringIntoView = () => {
    const result = document.getElementById('result');
    if (follow) result?.scrollIntoView({behavior: 'smooth', block: 'start'});
  };
  for (const moved of ['touchstart', 'wheel'])
    document.addEventListener(moved, () => { follow = false; }, {passive: true});
  document.addEventListener('studio:working', bringIntoView);
  document.addEventListener('loadedmetadata', bringIntoView, true);
})();
