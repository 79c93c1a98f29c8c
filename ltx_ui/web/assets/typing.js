// Triggers an event when somebody pauses after typing: one for each key would be 75 for a sentence. Who
// is offered after an @ comes with the first one.
const PAUSE = 250;
let pending, atFocus = '', known = false;
const mention = ({target, type}) => {
  if (known || !target.matches?.('#prompt textarea')) return;
  if (type === 'focusin') atFocus = target.value;
  if (!target.value.includes('@')) return;
  known = true;
  studio.tell('studio:mention', {atFocus, typed: type === 'input'});
};
document.addEventListener('focusin', mention);
document.addEventListener('input', event => {
  mention(event);
  if (!event.target.closest('#prompt, #negative-prompt')) return;
  clearTimeout(pending);
  pending = setTimeout(() => trigger('paused'), PAUSE);
});
studio.run('mention.js', {element, trigger, props}, 'cast');
