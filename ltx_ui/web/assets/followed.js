// The film that the clip follows. The value is a list: nothing, or {digest, kind, strength, start, seconds}
// and what the studio said of it; one that waits for its file has no digest.
const block = element.closest('.block') ?? element;
const row = () => props.value?.[0];
let sent = 0;
const numbers = new Intl.NumberFormat(LANGUAGE, {maximumFractionDigits: 2});
const percent = new Intl.NumberFormat(LANGUAGE, {style: 'percent'});
const draw = given => {
  const [drop, film, said] = ['.drop', '.film', '.small'].map(each => element.querySelector(each));
  const [kind, strength, start] = film.querySelectorAll('select, input'), [held, from] = film.querySelectorAll('[data-words]');
  drop.hidden = !!given?.digest;
  film.hidden = !given?.digest;
  drop.querySelector('span').textContent = drop.querySelector('span').dataset[given?.busy ? 'sending' : 'drop'];
  said.textContent = given?.problem || '';
  said.classList.toggle('wrong', !!given?.problem);
  if (film.hidden) return;
  kind.value = given.kind;
  strength.value = given.strength;
  start.max = given.seconds || 60;
  start.value = given.start;
  held.textContent = held.dataset.words.replace('[n]', percent.format(given.strength));
  from.textContent = from.dataset.words.replace('[n]', numbers.format(given.start));
};
const show = () => {
  const given = row(), picture = element.querySelector('img');
  element.querySelector('.following').hidden = !given && !props.led;
  draw(given);
  if (given?.digest) picture.src = `inputs/${given.digest}/followed?kind=${given.kind}&start=${given.start}`;
};
const put = value => {
  props.value = value;
  show();
  trigger('changed');
};
const change = fields => put([{kind: 'given', strength: 1, start: 0, ...row(), ...fields}]);
const send = async file => {
  const id = ++sent, headers = {'Content-Type': file.type.startsWith('video/') ? file.type : 'application/octet-stream'};
  block.dataset.busy = '';
  change({busy: id, problem: ''});
  const told = await fetch('inputs/film', {method: 'POST', body: file, headers})
    .then(async answer => answer.ok ? answer.json() : {problem: await studio.reason(answer)}).catch(() => ({problem: WORDS.offline}));
  if (row()?.busy === id) change({...told, busy: undefined});
  delete block.dataset.busy;
  block.dispatchEvent(new CustomEvent('studio:settled', {bubbles: true}));
};
element.addEventListener('change', ({target}) => {
  if (target.type === 'file') {
    if (target.files[0]) send(target.files[0]);
    target.value = '';  // The same file, mended, is a change as well.
  }
  else if (target.name) change({[target.name]: target.type === 'range' ? Number(target.value) : target.value});
});
element.addEventListener('input', ({target}) => {
  if (target.type === 'range') draw({...row(), [target.name]: Number(target.value)});
});
element.addEventListener('click', ({target}) => { if (target.closest('.clear')) put([]); });
watch(['value', 'led'], show);
show();
