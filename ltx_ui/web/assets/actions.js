// Buttons with data-do tell the studio what to do, with all that is written on them and around them.
const told = source => {
  const around = source.closest('[data-take], [data-job]');
  return {...around?.dataset, ...source.dataset};
};
element.addEventListener('click', event => {
  const button = event.target.closest('[data-do]');
  if (!button || button.matches('textarea')) return;
  const sent = told(button);
  if (sent.do === 'heart') sent.on = studio.heart(button);
  button.closest('[popover]:not(.stays)')?.hidePopover();
  trigger('act', sent);
});
// A poster that is gone leaves a dark tile, not a broken picture.
element.addEventListener('error', ({target}) => { if (target.matches('img')) target.remove(); }, true);
studio.notes(element, note => trigger('act', note));
