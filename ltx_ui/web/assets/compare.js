// Two to four takes in step, on studio:compare. The longest one leads; a shorter one waits at its last
// frame for the next round.
const dialog = element.querySelector('dialog'), body = dialog.querySelector('.full-body');
const find = selector => body.querySelector(selector), clips = () => [...body.querySelectorAll('video')];
let lead = null, asked = 0, dragged = false;

const hear = () => {
  const chosen = Number(find('[name=compare-sound]:checked')?.value ?? -1);
  clips().forEach((clip, place) => { clip.muted = place !== chosen; });
};
const play = on => {
  if (!lead) return;
  if (on) lead.play().catch(() => { lead.muted = true; lead.play().catch(() => {}); });
  else lead.pause();
};
const said = time => (time || 0).toFixed(2);
const follow = most => {
  if (!lead) return;
  const moves = !lead.paused && !lead.seeking;
  for (const clip of clips()) {
    if (clip === lead) continue;
    const goesOn = studio.keepUp(clip, lead.currentTime, most);
    if (moves && goesOn && clip.paused) clip.play().catch(() => {});
    if (!(moves && goesOn) && !clip.paused) clip.pause();
  }
  if (!dragged) find('.time').value = lead.currentTime;
  find('output').textContent = `${said(lead.currentTime)} / ${said(lead.duration)}`;
  find('.play').setAttribute('aria-pressed', !lead.paused);
};
const each = () => {
  if (!dialog.open) return;
  if (lead && !lead.paused) follow();
  requestAnimationFrame(each);
};
const ready = () => {
  if (lead || !clips().length || clips().some(clip => !clip.duration)) return;
  lead = clips().reduce((longest, clip) => clip.duration > longest.duration ? clip : longest);
  lead.loop = true;
  find('.time').max = lead.duration;
  hear();
  follow();
  play(!studio.calm.matches);
  each();
};
for (const happened of ['loadedmetadata', 'play', 'pause', 'seeked'])
  dialog.addEventListener(happened, event => {
    if (happened === 'loadedmetadata') ready();
    else if (event.target === lead) follow(lead.paused ? 0.001 : undefined);
  }, true);

document.addEventListener('studio:compare', ({detail}) => {
  document.querySelectorAll('video').forEach(video => video.pause());
  trigger('ask', {takes: detail.takes, number: ++asked});
  if (!dialog.open) dialog.showModal();
  body.focus();
});
watch('value', () => {
  const {html, number} = props.value ?? {};
  if (html === undefined || number !== asked || !dialog.open) return;
  lead = null;
  body.innerHTML = html;
  ready();
});
dialog.addEventListener('close', () => {
  lead = null;
  body.replaceChildren();
});

const step = by => {
  const fps = Math.max(...clips().map(clip => Number(clip.dataset.fps)));
  play(false);
  if (lead) lead.currentTime = Math.max(0, Math.min(lead.duration, lead.currentTime + by / fps));
};
const wipe = () => {
  const on = find('.wipes').getAttribute('aria-pressed') !== 'true';
  find('.wipes').setAttribute('aria-pressed', on);
  find('.clips').classList.toggle('wiping', on);
  find('.border').hidden = !on;
};
dialog.addEventListener('click', event => {
  if (event.target.closest('.close')) dialog.close();
  const by = event.target.closest('[data-step]')?.dataset.step;
  if (by) step(Number(by));
  if (event.target.closest('.play')) play(lead?.paused);
  if (event.target.closest('.wipes')) wipe();
});
dialog.addEventListener('input', ({target}) => {
  if (target.matches('.border')) find('.clips').style.setProperty('--wipe', `${target.value}%`);
  if (target.matches('.time') && lead) {
    dragged = true;
    lead.currentTime = Number(target.value);
  }
});
dialog.addEventListener('change', ({target}) => {
  if (target.matches('[name=compare-sound]')) hear();
  if (target.matches('.time')) dragged = false;
});
dialog.addEventListener('keydown', event => {
  event.stopPropagation();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === ' ' && !event.target.closest('button, input')) play(lead?.paused);
  else if (event.key === ',') step(-1);
  else if (event.key === '.') step(1);
  else return;
  event.preventDefault();
});
