// Where the visitor wants it: a message and a short tone when a clip is done while the tab is hidden.
const TELL = `${KEEP}tell`;
const wanted = () => localStorage.getItem(TELL) === 'yes';
document.addEventListener('change', async event => {
  if (event.target.id !== 'tell-me') return;
  const on = event.target.checked && (!('Notification' in window) || await Notification.requestPermission() !== 'denied');
  event.target.checked = on;
  localStorage.setItem(TELL, on ? 'yes' : 'no');
});
document.addEventListener('toggle', event => {
  if (event.target.id === 'keys') document.getElementById('tell-me').checked = wanted();
}, true);
const tone = () => {
  const context = new AudioContext(), note = context.createOscillator(), loud = context.createGain();
  note.frequency.value = 660;
  loud.gain.setValueAtTime(0.08, context.currentTime);
  loud.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.5);
  note.connect(loud).connect(context.destination);
  note.start();
  note.stop(context.currentTime + 0.5);
  note.onended = () => context.close();
};
document.addEventListener('studio:done', () => {
  if (!document.hidden || !wanted()) return;
  if (window.Notification?.permission === 'granted') new Notification(WORDS.clip_is_done, {tag: 'studio'});
  tone();
});
