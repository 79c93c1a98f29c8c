// A row of radio buttons, and a list after them. The template never shows which one is chosen, so that
// a choice redraws nothing: the focus stays, and so does an open list.
const everyOne = () => [...props.choices ?? [], ...props.others ?? []];
const show = () => {
  const at = everyOne().findIndex(each => each.value === props.value);
  element.querySelectorAll('input').forEach((input, place) => { input.checked = place === at; });
  const list = element.querySelector('select'), other = at - (props.choices?.length ?? 0);
  if (list) {
    list.selectedIndex = other + 1 > 0 ? other + 1 : 0;
    list.parentElement.classList.toggle('on', other >= 0);
  }
  element.querySelector('p.small').textContent = everyOne()[at]?.note ?? '';
  const {shape} = everyOne()[at] ?? {};
  if (shape) document.documentElement.style.setProperty('--shape', shape);
};
const choose = choice => {
  if (!choice) return;
  props.value = choice.value;
  show();
  trigger('chosen');
};
show();
watch(Object.keys(props), show);
// Not "change", which does not come when what is chosen is chosen again.
element.addEventListener('click', event => {
  if (event.target.matches('input')) choose(props.choices[event.target.value]);
});
element.addEventListener('change', event => {
  if (!event.target.matches('select')) return;
  if (event.target.value === '') show();
  else choose(props.others[event.target.value]);
});
