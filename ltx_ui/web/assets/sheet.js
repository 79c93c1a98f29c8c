// The contact sheet: its clips play in step, the one under the pointer is heard.
const clips = () => [...element.querySelectorAll('video')];
const hear = chosen => clips().forEach(clip => {
  clip.muted = clip !== chosen;
  if (studio.calm.matches) clip === chosen ? clip.play().catch(() => {}) : clip.pause();
});
// A clip that a script puts on the page is not muted by its attribute, and plays only when it is.
element.addEventListener('loadeddata', event => {
  event.target.muted = true;
  if (studio.calm.matches) event.target.pause();
  else event.target.play().catch(() => {});
}, true);
element.addEventListener('pointerover', event => {
  const clip = event.target.closest('video');
  if (clip && navigator.userActivation?.hasBeenActive) hear(clip);
});
element.addEventListener('pointerout', event => { if (event.target.closest('video')) hear(null); });
element.addEventListener('focusin', event => { if (event.target.matches('video')) hear(event.target); });
element.addEventListener('focusout', () => hear(null));
element.addEventListener('timeupdate', event => {
  const [first, ...others] = clips();
  if (event.target !== first) return;
  for (const clip of others)
    if (!clip.paused && clip.readyState > 1) studio.keepUp(clip, first.currentTime, 0.12);
}, true);
element.addEventListener('click', event => {
  const button = event.target.closest('[data-do]');
  if (!button) return;
  const sent = {do: button.dataset.do, take: button.closest('[data-take]')?.dataset.take};
  if (sent.do === 'heart') sent.on = studio.heart(button);
  if (sent.do === 'stop') trigger('stop');
  else trigger('act', sent);
});
