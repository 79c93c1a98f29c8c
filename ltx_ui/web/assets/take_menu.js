// What can be done with a card's take: fetched when its menu is opened.
const sheet = element.querySelector('#take-menu');
const ACTS = ['use_seed', 'use_all', 'follow'];
let take;
document.addEventListener('studio:menu', ({detail: {take: id, button}}) => {
  take = id;
  sheet.replaceChildren();
  const {left, bottom} = button.getBoundingClientRect();
  const around = sheet.closest('.block');
  around.style.setProperty('--left', `${Math.max(8, Math.min(left, innerWidth - 348))}px`);
  around.style.setProperty('--top', `${Math.max(8, Math.min(bottom + 6, innerHeight - 380))}px`);
  sheet.showPopover();
  trigger('seek', {take});
});
watch('value', () => {
  const {take: of, html} = props.value ?? {};
  if (of !== take || !sheet.matches(':popover-open')) return;
  sheet.innerHTML = html;
  sheet.querySelector('button').focus();
});
element.addEventListener('click', event => {
  const button = event.target.closest('[data-do], a.download');
  if (!button || button.matches('textarea')) return;
  const {take: id, seed} = button.closest('[data-take]').dataset, does = button.dataset.do;
  sheet.hidePopover();
  if (does === 'remove') studio.tell('studio:delete', {takes: [id]});
  else if (ACTS.includes(does)) trigger(does, {take: id, seed: Number(seed)});
});
document.addEventListener('studio:missing', () => sheet.hidePopover());
studio.notes(element, note => trigger('note', note));
