// Tells of a text once its writer pauses: a call for each key would be 75 for one sentence.
const PAUSE = 250;
let pending;
document.addEventListener('input', event => {
  if (!event.target.closest('#prompt, #negative-prompt')) return;
  clearTimeout(pending);
  pending = setTimeout(() => trigger('paused'), PAUSE);
});
