// A chip with a picker of phrases, and room for own words. Its value is the text.
const PAUSE = 250;
const part = selector => element.querySelector(selector);
let pending;
const show = () => {
  const known = props.phrases.find(each => each.text === props.value), text = props.value || '';
  const chip = part('.chip button');
  chip.textContent = text ? known?.name ?? text : props.add;
  chip.title = text;
  part('.chip').classList.toggle('on', Boolean(text));
  part('.clear').hidden = !text;
  element.querySelectorAll('[data-phrase]').forEach(button =>
    button.setAttribute('aria-pressed', props.phrases[button.dataset.phrase]?.text === text));
  const words = part('textarea');
  if (document.activeElement !== words) words.value = text;
};
const put = text => {
  clearTimeout(pending);
  if (text !== props.value) props.value = text;
  show();
};
show();
watch(Object.keys(props), show);
element.addEventListener('click', event => {
  const phrase = event.target.closest('[data-phrase]');
  if (phrase) {
    const {text} = props.phrases[phrase.dataset.phrase];
    part('textarea').value = text === props.value ? '' : text;
    put(part('textarea').value);
    part('[popover]').hidePopover();
  }
  const lora = event.target.closest('[data-lora]');
  if (lora) {
    part('[popover]').hidePopover();
    studio.tell('studio:lora', props.loras[lora.dataset.lora].name);
  }
  if (event.target.closest('.clear')) {
    part('textarea').value = '';
    put('');
    part('.chip button').focus();
  }
});
element.addEventListener('input', () => {
  clearTimeout(pending);
  pending = setTimeout(() => put(part('textarea').value), PAUSE);
});
element.addEventListener('focusout', event => {
  if (event.target.matches('textarea')) put(event.target.value);
});
