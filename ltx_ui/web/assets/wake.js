// Says that somebody has come back to the page: what other devices did meanwhile is shown then.
const PAUSE = 2000;
let last = performance.now();
const woke = () => {
  if (document.hidden || performance.now() - last < PAUSE) return;
  last = performance.now();
  trigger('woke');
};
document.addEventListener('visibilitychange', woke);
addEventListener('focus', woke);
