// While @ and a name are typed in the prompt, characters are offered below it; who is named, by
// choosing or by typing the whole name, the studio is told of, for the picture and the seed. It begins
// with studio:mention, which tells what the prompt was when it got the focus.
const list = element.querySelector('ul'), PAUSE = 500, MOST = 8;
const field = () => document.querySelector('#prompt textarea');
let known, asked, named, pending, atFocus = '', active = 0;
const key = name => name.normalize('NFC').toLowerCase();
const TYPED = new RegExp(`(?<!${props.letter})@([^\\s@{|}]*)$`, 'u');

const load = () => asked ??= fetch('characters')
  .then(answer => answer.json()).then(told => { known = told.characters; })
  .catch(() => { asked = null; });
document.addEventListener('studio:characters', () => { asked = null; });

const mentioned = text => {
  if (!known?.length || !text.includes('@')) return [];
  const names = known.map(each => each.name.normalize('NFC')).sort((a, b) => b.length - a.length)
    .map(name => name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
  const who = new RegExp(`(?<!${props.letter})@(${names})(?!-?${props.letter})`, 'giu');
  return [...new Set([...text.normalize('NFC').matchAll(who)].map(each => key(each[1])))];
};
// The studio hears of who was not there before; of the one who is still being typed, a moment later.
const tell = text => {
  clearTimeout(pending);
  const present = mentioned(text), before = named ?? present;
  named = present;
  const nameOf = who => known.find(each => key(each.name) === who).name;
  present.filter(who => !before.includes(who)).forEach(who =>
    trigger('bring', {name: nameOf(who), first: nameOf(mentioned(field().value)[0] ?? who)}));
};
const whole = ({value, selectionStart: caret}) => value.slice(0, caret).replace(TYPED, '') + value.slice(caret);

const hide = () => {
  list.replaceChildren();
  field()?.removeAttribute('aria-activedescendant');
};
const mark = place => {
  active = place;
  [...list.children].forEach((option, number) => option.setAttribute('aria-selected', number === place));
  list.children[place]?.scrollIntoView({block: 'nearest'});
  field().setAttribute('aria-activedescendant', `cast-${place}`);
};
const option = (each, place) => {
  const item = document.createElement('li'), name = document.createElement('b'), words = document.createElement('span');
  Object.assign(item, {id: `cast-${place}`, role: 'option'});
  item.dataset.name = each.name;
  name.textContent = `@${each.name}`;
  words.textContent = each.words;
  name.dir = words.dir = 'auto';
  if (each.images[0]) item.append(Object.assign(new Image(), {src: `inputs/${each.images[0]}`, alt: ''}));
  item.append(name, words);
  return item;
};
const offer = () => {
  const {value, selectionStart: caret, selectionEnd} = field();
  const begun = caret === selectionEnd && value.slice(0, caret).match(TYPED);
  const fit = begun ? known.filter(each => key(each.name).startsWith(key(begun[1]))) : [];
  if (!fit.length) return hide();
  list.replaceChildren(...fit.slice(0, MOST).map(option));
  mark(0);
};
const choose = name => {
  const words = field(), caret = words.selectionStart;
  const start = words.value.slice(0, caret).search(TYPED), after = words.value.slice(caret);
  if (start < 0) return;
  const space = /^\s/.test(after) ? '' : ' ';
  words.setRangeText(`@${name}${space}`, start, caret, 'end');
  if (!space) words.selectionStart = words.selectionEnd += 1;
  words.dispatchEvent(new Event('input', {bubbles: true}));
  hide();
};

const begin = text => {
  Object.entries({autocomplete: 'list', controls: 'cast-list'}).forEach(([name, value]) =>
    field().setAttribute(`aria-${name}`, value));
  named = undefined;
  atFocus = text;
  if (text.includes('@')) load();
};
const follow = async () => {
  if (!field().value.includes('@')) return hide(), void (named = []);
  await load();
  if (!known) return;
  named ??= mentioned(atFocus);
  if (document.activeElement !== field()) return leave();
  offer();
  clearTimeout(pending);
  pending = setTimeout(() => tell(whole(field())), PAUSE);
};
const leave = () => {
  hide();
  if (known && named) setTimeout(() => tell(field().value), 60);  // Gradio has the text by then.
};
document.addEventListener('studio:mention', ({detail}) => {
  begin(detail.atFocus);
  if (detail.typed) follow();
}, {once: true});
for (const [happens, does] of [['focusin', () => begin(field().value)], ['input', follow], ['focusout', leave]])
  document.addEventListener(happens, event => { if (event.target === field()) does(); });
document.addEventListener('keydown', event => {
  const count = list.children.length;
  if (event.target !== field() || !count || event.ctrlKey || event.metaKey || event.isComposing) return;
  const does = {
    ArrowDown: () => mark((active + 1) % count),
    ArrowUp: () => mark((active + count - 1) % count),
    Enter: () => choose(list.children[active].dataset.name),
    Tab: () => choose(list.children[active].dataset.name),
    Escape: hide,
  }[event.key];
  if (!does) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  does();
}, true);
list.addEventListener('pointerdown', event => event.preventDefault());  // The prompt keeps the focus.
list.addEventListener('click', event => {
  const item = event.target.closest('li');
  if (item) choose(item.dataset.name);
});
