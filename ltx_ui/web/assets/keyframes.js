// Pictures at any frames of the clip. The value is a list of rows, {digest, frame, strength, focus} and
// what the studio said of the picture; a row that waits for its picture has no digest. The template does
// not show them, so that nothing that is being dragged is redrawn.
const block = element.closest('.block') ?? element;
const rows = () => props.value ?? [];
const last = () => props.frames - 1;
const numbers = new Intl.NumberFormat(LANGUAGE, {maximumFractionDigits: 2});
const percent = new Intl.NumberFormat(LANGUAGE, {style: 'percent'});

const say = (label, n, s) => {
  label.textContent = label.dataset.words.replace('[n]', n).replace('[s]', s);
};
const draw = (line, row) => {
  const [frame, strength] = line.querySelectorAll('input[type=range]'), [at, held] = line.querySelectorAll('[data-words]');
  const number = row.frame < 0 ? last() : row.frame, picture = line.querySelector('img');
  frame.max = last();
  frame.value = number;
  strength.value = row.strength;
  say(at, number, numbers.format(number / props.fps));
  say(held, percent.format(row.strength));
  at.classList.toggle('wrong', number > last());
  picture.hidden = !row.digest;
  if (row.digest && !picture.src.endsWith(row.digest)) picture.src = `inputs/${row.digest}`;
  const [x, y] = row.focus ?? [0.5, 0.5];
  picture.style.objectPosition = `${100 * x}% ${100 * y}%`;
  line.querySelector('.drop').hidden = !!row.digest;
  line.querySelector('.drop span').textContent = line.querySelector('.drop span').dataset[row.busy ? 'sending' : 'drop'];
  line.querySelector('.small').textContent = row.problem || row.note || '';
  line.querySelector('.small').classList.toggle('wrong', !!row.problem);
  line.setAttribute('aria-label', at.textContent);
};
const show = () => {
  const list = element.querySelector('.rows');
  while (list.children.length > rows().length) list.lastChild.remove();
  while (list.children.length < rows().length)
    list.append(element.querySelector('template').content.firstElementChild.cloneNode(true));
  rows().forEach((row, place) => draw(list.children[place], row));
  element.querySelector('[data-tells]').hidden = rows().length >= element.querySelector('.keyframes').dataset.most;
};
const put = value => {
  props.value = value;
  show();
  trigger('changed');
};
const change = (row, fields) => put(rows().map(each => each === row ? {...each, ...fields} : each));
const of = target => rows()[[...element.querySelectorAll('.keyframe')].indexOf(target.closest('.keyframe'))];

// In the middle of the longest stretch without a picture.
const free = () => {
  const taken = [0, ...rows().map(({frame}) => frame < 0 ? last() : frame), last()].sort((a, b) => a - b);
  const gaps = taken.slice(1).map((end, place) => [end - taken[place], taken[place]]);
  const [length, start] = gaps.reduce((most, gap) => gap[0] > most[0] ? gap : most);
  return start + Math.round(length / 2);
};
document.addEventListener('studio:keyframe', () => {
  put([...rows(), {frame: free(), strength: 1, focus: [0.5, 0.5]}]);
  element.querySelector('.keyframe:last-child input').focus();
});

const send = async (row, file) => {
  const id = {}, sent = () => rows().find(each => each.busy === id);
  block.dataset.busy = '';
  change(row, {busy: id, problem: '', note: ''});
  const told = await studio.sendPicture(file);
  if (sent()) change(sent(), {...told, focus: [0.5, 0.5], busy: undefined});
  if (rows().some(each => each.busy)) return;
  delete block.dataset.busy;
  block.dispatchEvent(new CustomEvent('studio:settled', {bubbles: true}));
};
element.addEventListener('change', ({target}) => {
  if (target.type === 'file' && target.files[0]) send(of(target), target.files[0]);
  if (target.type === 'range') change(of(target), {[target.name]: Number(target.value)});
});
element.addEventListener('input', ({target}) => {
  if (target.type === 'range') draw(target.closest('.keyframe'), {...of(target), [target.name]: Number(target.value)});
});
element.addEventListener('click', ({target}) => {
  if (target.closest('[data-do=remove]')) put(rows().filter(each => each !== of(target)));
});
for (const kind of ['dragover', 'drop'])
  element.addEventListener(kind, event => {
    const row = of(event.target);
    if (!row) return;
    event.preventDefault();
    if (kind === 'drop' && event.dataTransfer.files[0]) send(row, event.dataTransfer.files[0]);
  });
watch(['value', 'frames', 'fps'], show);
show();
