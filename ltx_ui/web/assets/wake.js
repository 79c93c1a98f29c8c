// Asks what is new. While something is on its way a stream says when there is something; where it says
// nothing, and in a hidden tab, the page asks now and then whether there is, and looks at all of it
// when there is, and once a minute, as an answer may have been lost. Somebody who comes back to the
// page sees what other devices did meanwhile.
const PAUSE = 2000, HIDDEN = 10_000, SILENCE = 25_000, LONGEST = 60_000;
let stream, timer, tells, heard, version, looked = 0, again = 0, pause = PAUSE, last = performance.now();
// What else shows what is being made looks at it then, too.
const news = name => {
  trigger(name);
  studio.tell('studio:news', name);
};
const close = () => {
  stream?.close();
  stream = tells = null;
};
const open = () => {
  stream = new EventSource('session/events');
  heard = Date.now();
  stream.onerror = broken;
  const hear = ({type}) => {
    [tells, heard, pause] = [true, Date.now(), PAUSE];
    if (type === 'changed') news('due');
  };
  for (const type of ['changed', 'beat']) stream.addEventListener(type, hear);
};
const broken = () => {
  close();
  again = Date.now() + pause;
  pause = Math.min(2 * pause, LONGEST);
  follow();
};
const follow = () => {
  clearTimeout(timer);
  const every = 1000 * (props.value?.every ?? 0);
  if (!every || document.hidden) close();
  else if (!stream && Date.now() >= again) open();
  if (every) timer = setTimeout(due, document.hidden ? HIDDEN : every);
};
const due = () => {
  if (stream && Date.now() - heard > SILENCE) broken();
  if (!tells) ask();
  follow();
};
const ask = async () => {
  const headers = version && Date.now() - looked < LONGEST ? {'If-None-Match': version} : {};
  const answer = await fetch('session/version', {headers}).catch(() => null);
  if (answer?.status === 304) return;
  [version, looked] = [answer?.headers.get('etag'), Date.now()];
  news('due');
};
watch('value', () => {
  follow();
  // The last that was told may have come before all was done.
  if (!props.value?.every) studio.tell('studio:news');
});
for (const told of ['studio:outdated', 'studio:missing'])
  document.addEventListener(told, () => setTimeout(trigger, 500, 'due'));
const woke = () => {
  if (document.hidden || performance.now() - last < PAUSE) return;
  last = performance.now();
  news('woke');
};
document.addEventListener('visibilitychange', follow);
document.addEventListener('visibilitychange', woke);
addEventListener('focus', woke);
