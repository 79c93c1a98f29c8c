// A row of radio buttons, and a list after them. The template never shows which one is chosen, so that
// a choice redraws nothing: the focus stays, and so does an open list.
const everyOne = () => [...props.choices ?? [], ...props.others ?? []];
const say = choice => { element.querySelector('p.small').textContent = choice?.note ?? ''; };
const show = () => {
  const at = everyOne().findIndex(each => each.value === props.value);
  element.querySelectorAll('input').forEach((input, place) => { input.checked = place === at; });
  const list = element.querySelector('select'), other = at - (props.choices?.length ?? 0);
  if (list) {
    list.selectedIndex = other + 1 > 0 ? other + 1 : 0;
    list.parentElement.classList.toggle('on', other >= 0);
  }
  say(everyOne()[at]);
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
  if (!event.target.matches('input')) return;
  const choice = props.choices[event.target.value];
  if (!choice?.closed) return choose(choice);
  // Not "disabled", which would tell why only to a mouse that rests on it.
  event.preventDefault();
  say(choice);
});
element.addEventListener('change', event => {
  if (!event.target.matches('select')) return;
  if (event.target.value === '') show();
  else choose(props.others[event.target.value]);
});
