// What was done for the visitor, and how to undo it: {words, draft}, how the fields were before, or
// {words, takes, seconds}, what was deleted and how long it can be brought back; or null.
let late;
const show = (value = props.value) => {
  element.querySelector('.undo').hidden = !value;
  element.querySelector('span').textContent = value?.words ?? '';
  clearTimeout(late);
  if (value?.seconds) late = setTimeout(show, 1000 * value.seconds, null);
};
show();
watch('value', () => show());
element.querySelector('button').addEventListener('click', () => trigger(props.value?.takes ? 'restore' : 'undo'));
