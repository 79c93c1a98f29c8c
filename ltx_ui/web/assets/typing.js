// Triggers an event when somebody pauses after typing: one for each key would be 75 for a sentence.
const PAUSE = 250;
let pending;
document.addEventListener('input', event => {
  if (!event.target.closest('#prompt, #negative-prompt')) return;
  clearTimeout(pending);
  pending = setTimeout(() => trigger('paused'), PAUSE);
});
