// The Guide: its buttons, and a search that leaves only what holds all of the words.
element.addEventListener('click', event => {
  const button = event.target.closest('[data-do]');
  if (button) trigger('act', {...button.dataset});
});
element.addEventListener('input', event => {
  if (event.target.type !== 'search') return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = part => words.every(word => part.textContent.toLowerCase().includes(word));
  let found = 0;
  for (const part of element.querySelectorAll('li, tr, details')) {
    part.hidden = !fits(part) && !(part.closest('details') && part.tagName !== 'DETAILS');
    if (part.tagName === 'DETAILS') part.open = words.length > 0 && !part.hidden;
    found += !part.hidden && !part.parentElement.closest('details');
  }
  for (const part of element.querySelectorAll('section, article'))
    part.hidden = words.length > 0 && ![...part.querySelectorAll('li, tr, details')].some(each => !each.closest('[hidden]'));
  element.querySelector('.nothing').hidden = found > 0;
});
