// On a phone the fields below the prompt are sheets, which the chips of the summary open.
const narrow = matchMedia('(max-width: 767px)');
const SHEETS = ['format', 'how-long', 'preset', 'which-seed', 'pictures', 'advanced'];
const settle = () => SHEETS.map(id => document.getElementById(id)).forEach(field => {
  if (!field || narrow.matches === field.hasAttribute('popover')) return;
  if (narrow.matches) field.popover = 'auto';
  else field.removeAttribute('popover');
  field.classList.toggle('sheet', narrow.matches);
});
const whenThere = () => SHEETS.every(id => document.getElementById(id)) ? settle() : setTimeout(whenThere, 50);
whenThere();
narrow.addEventListener('change', settle);
element.addEventListener('click', event => {
  const {opens} = event.target.closest('[data-opens]')?.dataset ?? {};
  if (!opens) return;
  document.getElementById(opens).showPopover();
  studio.tell('studio:disclose');
});
