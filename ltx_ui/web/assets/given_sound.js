// The sound that the clip is made to. The value is a list: nothing, or {digest, start, strength, seconds}
// and what the studio said of it, or why it can't be recorded (told); one that waits for its file has no digest. The template does not show
// it, so that nothing that is being dragged is redrawn.
const block = element.closest('.block') ?? element;
const row = () => props.value?.[0];
const length = () => props.frames / props.fps;
const numbers = new Intl.NumberFormat(LANGUAGE, {maximumFractionDigits: 2});
const percent = new Intl.NumberFormat(LANGUAGE, {style: 'percent'});
let drawn = '', peaks = [], recorder;

// How loud the sound is along its length, with the part that the clip has.
const paint = (canvas, {start, seconds}) => {
  const pen = canvas.getContext('2d'), width = canvas.width = canvas.clientWidth || 300, high = canvas.height;
  const [line, part] = ['color', 'accentColor'].map(name => getComputedStyle(canvas)[name]);
  peaks.forEach((peak, place) => {
    const at = place / peaks.length * seconds, tall = Math.max(1, peak * high);
    pen.fillStyle = at >= start && at < start + length() ? part : line;
    pen.fillRect(place / peaks.length * width, (high - tall) / 2, Math.max(1, width / peaks.length - 1), tall);
  });
};
const measure = async (canvas, digest) => {
  let lasts = NaN;
  drawn = digest;
  peaks = [];
  try {
    const data = await (await fetch(`inputs/${digest}/sound`)).arrayBuffer();
    const samples = (await new OfflineAudioContext(1, 1, 8000).decodeAudioData(data)).getChannelData(0);
    const step = Math.ceil(samples.length / 120);
    lasts = samples.length / 8000;
    peaks = Array.from({length: Math.ceil(samples.length / step)}, (_, place) =>
      samples.subarray(place * step, (place + 1) * step).reduce((most, each) => Math.max(most, Math.abs(each)), 0));
  } catch { /* What a browser can't decode has no picture here; the studio can. */ }
  if (row()?.digest === digest) draw(canvas.parentElement, row());
  known(digest, lasts);
};
const draw = (line, given) => {
  const [start, strength] = line.querySelectorAll('input[type=range]'), [from, held] = line.querySelectorAll('[data-words]');
  const canvas = line.querySelector('canvas'), player = line.querySelector('audio'), drop = line.querySelector('.drop');
  for (const part of [canvas, player, start.parentElement, strength.parentElement]) part.hidden = !given.digest;
  canvas.hidden ||= !peaks.length || drawn !== given.digest || !given.seconds;
  drop.hidden = !!given.digest || !!recorder;
  drop.querySelector('span').textContent = drop.querySelector('span').dataset[given.busy ? 'sending' : 'drop'];
  const record = line.querySelector('[data-do=record]');
  record.hidden = !!given.digest || !!given.busy;
  record.textContent = record.dataset[recorder ? 'stop' : 'record'];
  record.setAttribute('aria-pressed', String(!!recorder));
  line.querySelector('[data-do=fit]').hidden = !given.digest;
  line.querySelector('.small').textContent = given.problem || record.dataset[given.told] || '';
  line.querySelector('.small').classList.toggle('wrong', !!given.problem);
  if (!given.digest) return;
  if (!player.src.includes(given.digest)) player.src = `inputs/${given.digest}/sound`;
  if (drawn !== given.digest) measure(canvas, given.digest);
  start.max = given.seconds ? Math.max(0, given.seconds - length()).toFixed(2) : start.dataset.most;
  start.disabled = !Number(start.max);
  start.value = given.start;
  strength.value = given.strength;
  from.textContent = from.dataset.words.replace('[n]', numbers.format(given.start));
  held.textContent = held.dataset.words.replace('[n]', percent.format(given.strength));
  if (!canvas.hidden) paint(canvas, given);
};
const show = () => {
  const list = element.querySelector('.rows');
  if (!row()) list.replaceChildren();
  else if (!list.firstElementChild) list.append(element.querySelector('template').content.firstElementChild.cloneNode(true));
  if (row()) draw(list.firstElementChild, row());
  element.querySelector('[data-tells]').hidden = !!row();
};
const put = value => {
  if (recorder && !value.length) recorder.drop();
  props.value = value;
  show();
  trigger('changed');
};
const change = fields => put([{...row(), ...fields}]);
const known = (digest, seconds) => {
  if (row()?.digest === digest && !row().seconds && Number.isFinite(seconds)) change({seconds});
};
document.addEventListener('studio:sound', () => {
  put([{start: 0, strength: 1}]);
  element.querySelector('input').focus();
});
const settled = () => {
  delete block.dataset.busy;
  block.dispatchEvent(new CustomEvent('studio:settled', {bubbles: true}));
};
const send = async file => {
  const id = {}, headers = {'Content-Type': file.type.startsWith('audio/') ? file.type : 'application/octet-stream'};
  block.dataset.busy = '';
  change({busy: id, problem: ''});
  const told = await fetch('inputs/sound', {method: 'POST', body: file, headers})
    .then(async answer => answer.ok ? answer.json() : {problem: await studio.reason(answer)}).catch(() => ({problem: WORDS.offline}));
  if (row()?.busy === id) change({...told, start: 0, busy: undefined});
  settled();
};
// Sound to follow is wanted as it is, without what calls take out of it. Firefox records OGG, the others WebM.
const RAW = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
const record = async () => {
  if (recorder) return recorder.stop?.();
  const mimeType = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus'].find(each => window.MediaRecorder?.isTypeSupported(each));
  if (!isSecureContext) return change({told: 'insecure', problem: ''});
  if (!mimeType || !navigator.mediaDevices) return change({told: 'unable', problem: ''});
  const parts = [], asked = recorder = {drop: () => { recorder = undefined; }};  // Until the visitor has decided.
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({audio: RAW});
  } catch ({name}) {
    if (recorder !== asked) return;
    recorder = undefined;
    return change({told: {NotAllowedError: 'refused', NotFoundError: 'missing'}[name] ?? 'unable', problem: ''});
  }
  const silence = () => stream.getTracks().forEach(track => track.stop());
  if (recorder !== asked) return silence();
  const running = recorder = new MediaRecorder(stream, {mimeType});
  const most = setTimeout(() => running.stop(), element.querySelector('[data-most]').dataset.most * 1000 - 1000);
  const end = () => {
    clearTimeout(most);
    silence();
    recorder = undefined;
  };
  running.drop = () => { running.onstop = null; running.stop(); end(); settled(); };
  running.ondataavailable = ({data}) => parts.push(data);
  running.onstop = () => { end(); send(new Blob(parts, {type: mimeType})); };
  running.start();
  block.dataset.busy = '';  // Generate waits for it.
  change({told: '', problem: ''});
};
element.addEventListener('change', ({target}) => {
  if (target.type === 'file' && target.files[0]) send(target.files[0]);
  if (target.type === 'range') {
    change({[target.name]: Number(target.value)});
    if (target.name === 'start') element.querySelector('audio').currentTime = row().start;
  }
});
element.addEventListener('input', ({target}) => {
  if (target.type === 'range') draw(target.closest('.heard'), {...row(), [target.name]: Number(target.value)});
});
element.addEventListener('click', ({target}) => {
  const what = target.closest('[data-do]')?.dataset.do;
  if (what === 'remove') put([]);
  if (what === 'record') record();
  if (what === 'fit') trigger('fit');
});
for (const kind of ['dragover', 'drop'])
  element.addEventListener(kind, event => {
    if (!row() || recorder) return;
    event.preventDefault();
    if (kind === 'drop' && event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
  });
// Where only its digest is known, as after "Use all", its length is the player's; a recording does not tell its own.
element.addEventListener('loadedmetadata', ({target}) => known(row()?.digest, target.duration), true);
watch(['value', 'frames', 'fps'], show);
show();
