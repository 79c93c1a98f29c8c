// The gallery's wall. The studio sends takes page by page; only those near the view are on the page.
const wall = element.querySelector('.wall'), [pattern] = element.querySelector('template').content.children;
const none = element.querySelector('.none'), moreButton = element.querySelector('.more');
const coarse = matchMedia('(pointer: coarse)'), narrow = matchMedia('(max-width: 767px)');
const WIDEST = 3, SLIMMEST = 0.4, SMALL = 320, LARGE = 640;
const cards = new Map();  // those on the page, by their takes
let takes = [], rows = [], goesOn = false, asked, of, active, lists = 0, scrolled = 0, hidden = true;

const at = id => takes.findIndex(take => take.id === id);
const ids = () => takes.map(take => take.id);
const {tell} = studio;
const rowOf = index => rows.findLast(row => row.first <= index);
const make = take => {
  const card = pattern.cloneNode(true), poster = card.querySelector('img'), link = card.querySelector('.open');
  card.dataset.take = take.id;
  link.href = `#take=${take.id}`;
  link.draggable = !coarse.matches;
  poster.onerror = () => poster.remove();
  return card;
};
const dress = (card, take) => {
  for (const [part, words] of [['b', take.name], ['.prompt', take.words], ['.length', take.length]])
    card.querySelector(part).textContent = words;
  card.classList.toggle('lost', take.missing);
  card.querySelector('.gone').hidden = !take.missing;
  card.querySelector('.heart').setAttribute('aria-pressed', take.favourite);
  const reached = take.id === active ? 0 : -1;
  card.querySelectorAll('a, button, input').forEach(part => { part.tabIndex = reached; });
};
const put = (card, index) => {
  const row = rowOf(index), {left, width} = row.boxes[index - row.first];
  Object.assign(card.style, {left: `${left}px`, top: `${row.top}px`, width: `${width}px`, height: `${row.height}px`});
  card.classList.toggle('slim', width < 130);
  card.ariaSetSize = goesOn ? -1 : takes.length;
  card.ariaPosInSet = index + 1;
  const poster = card.querySelector('img');
  if (poster && !poster.hasAttribute('src'))
    poster.src = `takes/${takes[index].id}/poster?w=${width * devicePixelRatio > SMALL ? LARGE : SMALL}`;
};
const draw = () => {
  if (!wall.clientWidth) return;
  const {top} = wall.getBoundingClientRect(), margin = innerHeight;
  const near = rows.filter(row => row.top + row.height > -top - margin && row.top < innerHeight - top + margin);
  const wanted = near.flatMap(row => row.boxes.map((_, place) => row.first + place));
  const held = cards.get(active)?.contains(document.activeElement) ? at(active) : -1;
  if (held >= 0 && rowOf(held)?.boxes[held - rowOf(held).first] && !wanted.includes(held)) wanted.push(held);
  wanted.sort((one, other) => one - other);
  const stays = new Set(wanted.map(index => takes[index].id));
  cards.forEach((card, id) => { if (!stays.has(id)) drop(id); });
  let next = wall.firstElementChild;
  for (const index of wanted) {
    const take = takes[index], known = cards.get(take.id), card = known ?? make(take);
    if (!known) {
      cards.set(take.id, card);
      dress(card, take);
      chosen.mark(card);
    }
    put(card, index);
    if (card === next) next = next.nextElementSibling;
    else {
      if (peeks.isOn(card)) peeks.stop();  // A clip that is moved stands still.
      wall.insertBefore(card, next);
    }
  }
  const last = rows.at(-1), end = last ? last.top + last.height : 0;
  if (goesOn && asked === undefined && end + top < innerHeight + 2 * margin) more();
};
const drop = id => {
  const card = cards.get(id);
  if (peeks.isOn(card)) peeks.stop();
  card.remove();
  cards.delete(id);
};
const lay = () => {
  const width = wall.clientWidth;
  if (!width) return;
  const [height, gap] = narrow.matches ? [172, 4] : [228, 8];
  const ratios = takes.map(take => Math.min(WIDEST, Math.max(SLIMMEST, take.ratio)));
  rows = studio.rows(ratios, width, {height, gap, full: goesOn});
  const last = rows.at(-1);
  wall.style.height = last ? `${last.top + last.height}px` : '';
  if (at(active) < 0) active = takes[0]?.id;
  draw();
  cards.forEach((card, id) => dress(card, takes[at(id)]));
};
const more = () => {
  asked = takes.at(-1)?.place;
  if (asked) trigger('more', {after: asked});
  else trigger('seek');
};
const add = page => {
  const known = new Set(ids());
  takes.push(...page.filter(take => !known.has(take.id)));
};
// The first page: the list stays as far as it was scrolled, unless it is another one now.
const begin = (page, further, now) => {
  const goes = further || page.length === takes.length;
  const same = of === now && page.length > 0 && goes && page.every((take, place) => takes[place]?.id === take.id);
  of = now;
  if (same) {
    if (takes.length > page.length) further = goesOn;
    takes.splice(0, page.length, ...page);
  } else {
    takes = page;
    lists++;
    chosen.end();
    [...cards.keys()].filter(id => at(id) < 0).forEach(drop);  // One that plays plays on.
    if (wall.clientWidth && wall.getBoundingClientRect().top < 0) scrollTo(0, 0);
  }
  return further;
};
// What was changed here lately. An answer that was on its way meanwhile doesn't know of it.
const LAG = 30_000;
const lately = new Map();
const changed = (id, what) => {
  const {known, timer} = lately.get(id) ?? {};
  clearTimeout(timer);
  lately.set(id, {known: {...known, ...what}, timer: setTimeout(() => lately.delete(id), LAG)});
};
const show = () => {
  const {takes: told, more: further, after, empty, menus, question, tags, brings, of: now} = props.value ?? {};
  if (!told || (after && String(after) !== String(asked))) return;
  const page = told.map(take => ({...take, ...lately.get(take.id)?.known})).filter(take => !take.gone);
  if (after) {
    add(page);
    goesOn = further;
  } else {
    // Kept for who begins to listen later.
    studio.menus = {html: menus, of: question, brings};
    tell('studio:menus', studio.menus);
    element.querySelector('datalist').replaceChildren(...tags.map(tag => new Option(tag, tag)));
    goesOn = begin(page, further, now);
    none.innerHTML = empty ?? '';
  }
  asked = undefined;
  moreButton.hidden = !goesOn;
  lay();
  chosen.show();
};

const peeks = studio.peeks(wall);
const MOST = 500;  // of which the studio changes at once
const send = (name, those, what) => {
  for (let from = 0; from < those.length; from += MOST)
    trigger(name, {takes: those.slice(from, from + MOST).map(take => take.id), ...what});
};
const love = (those, on) => {
  those.forEach(take => {
    take.favourite = on;
    changed(take.id, {favourite: on});
  });
  send('heart', those, {on});
  lay();
  chosen.show();
};
const remove = those => {
  const gone = those.map(take => [at(take.id), take]);
  const wasActive = those.some(take => take.id === active), held = wall.contains(document.activeElement);
  const left = takes.slice(at(active)).find(take => !those.includes(take)) ?? takes.findLast(take => !those.includes(take));
  if (wasActive) active = left?.id;
  takes = takes.filter(take => !those.includes(take));
  those.forEach(take => changed(take.id, {gone: true}));
  send('remove', those, {back: false, anew: !takes.length});
  undoable({gone, list: lists}, those.length);
  chosen.forget(those.map(take => take.id));
  lay();
  if (wasActive && held) cards.get(active)?.querySelector('.open').focus();
};
const undoable = studio.bringsBack(element.querySelector('.undo-bar'), ({gone, list}) => {
  gone.forEach(([, take]) => changed(take.id, {gone: false}));
  send('remove', gone.map(([, take]) => take), {back: true, anew: true});
  if (list !== lists) return;
  gone.forEach(([place, take]) => takes.splice(place, 0, take));
  none.replaceChildren();
  lay();
});
const ACTS = {
  heart: those => love(those, !those.every(take => take.favourite)),
  remove,
  export: those => tell('studio:export', {takes: those.map(take => take.id)}),
  compare: those => tell('studio:compare', {takes: those.map(take => take.id)}),
  tag: (those, {add: more, remove: less}) => {
    those.forEach(take => {
      take.tags = [...new Set([...take.tags, ...more])].filter(tag => !less.includes(tag));
      changed(take.id, {tags: take.tags});
    });
    send('tag', those, {add: more, remove: less});
  },
};
const chosen = studio.chosen(element, () => takes, (does, those, what) => ACTS[does](those, what));
const open = id => {
  peeks.stop();
  tell('studio:open', {take: id, among: ids()});
};

// The pointer: a click opens, a finger first plays; with Ctrl, Shift or a long press cards are chosen.
const LONG = 450, SLIP = 10;
let pressed = {};
wall.addEventListener('pointerdown', event => {
  clearTimeout(pressed.timer);
  pressed = {by: event.pointerType, x: event.clientX, y: event.clientY};
  const card = event.target.closest('.card');
  if (!card || event.pointerType === 'mouse') return;
  pressed.timer = setTimeout(() => {
    pressed.long = true;
    navigator.vibrate?.(10);
    chosen.toggle(card.dataset.take);
  }, LONG);
});
for (const ends of ['pointerup', 'pointercancel', 'scroll']) addEventListener(ends, () => clearTimeout(pressed.timer), true);
wall.addEventListener('pointermove', ({clientX, clientY}) => {
  if (Math.hypot(clientX - pressed.x, clientY - pressed.y) > SLIP) clearTimeout(pressed.timer);
});
wall.addEventListener('contextmenu', event => { if (pressed.by === 'touch') event.preventDefault(); });
const press = (event, card) => {
  const id = card.dataset.take, byKey = event.detail === 0;
  if (pressed.long) pressed.long = false;
  else if (event.shiftKey) chosen.upTo(id);
  else if (event.ctrlKey || event.metaKey || (chosen.any && !byKey)) chosen.toggle(id);
  else if (pressed.by === 'touch' && !byKey && !peeks.isOn(card) && !card.matches('.lost')) peeks.start(card);
  else open(id);
};
const BUTTONS = {
  heart: take => love([take], !take.favourite),
  menu: (take, button) => tell('studio:menu', {take: take.id, button}),
  sound: () => peeks.sound(),
  again: take => trigger('again', {take: take.id}),
};
wall.addEventListener('click', event => {
  const card = event.target.closest('.card'), button = event.target.closest('button');
  if (!card) return;
  if (button) BUTTONS[button.dataset.do]?.(takes[at(card.dataset.take)], button);
  else if (event.target.closest('.open')) {
    event.preventDefault();
    press(event, card);
  }
});
wall.addEventListener('change', event => {
  const {take} = event.target.closest('.card').dataset;
  chosen.toggle(take);
});
moreButton.addEventListener('click', more);
// A poster can be dragged into a picture's field.
wall.addEventListener('dragstart', event => {
  const card = event.target.closest('.card');
  event.dataTransfer.setData('text/uri-list', new URL(`takes/${card.dataset.take}/poster`, document.baseURI));
  const poster = card.querySelector('img');
  if (poster) event.dataTransfer.setDragImage(poster, 20, 20);
});

// The keys, on a card.
const activate = id => {
  const before = active;
  active = id;
  for (const each of [before, active]) if (cards.has(each)) dress(cards.get(each), takes[at(each)]);
};
const go = index => {
  const row = rowOf(index);
  if (index < 0 || index >= takes.length || !row?.boxes[index - row.first]) return;
  activate(takes[index].id);
  if (!cards.has(active)) {
    scrollBy(0, wall.getBoundingClientRect().top + row.top - innerHeight / 3);
    draw();
  }
  cards.get(active).querySelector('.open').focus();
};
const across = by => {
  const index = at(active), row = rowOf(index), next = rows[rows.indexOf(row) + by];
  if (!next) return;
  const centre = ({left, width}) => left + width / 2, here = centre(row.boxes[index - row.first]);
  const apart = next.boxes.map(box => Math.abs(centre(box) - here));
  go(next.first + apart.indexOf(Math.min(...apart)));
};
const those = () => chosen.any ? chosen.takes() : [takes[at(active)]];
const KEYS = {
  ArrowLeft: () => go(at(active) - 1),
  ArrowRight: () => go(at(active) + 1),
  ArrowUp: () => across(-1),
  ArrowDown: () => across(1),
  Home: () => go(0),
  End: () => go(rows.at(-1).first + rows.at(-1).boxes.length - 1),
  ' ': () => peeks.toggle(cards.get(active)),
  h: () => ACTS.heart(those()),
  x: () => chosen.toggle(active),
  Delete: () => remove(those()),
};
wall.addEventListener('focusin', event => {
  const id = event.target.closest('.card')?.dataset.take;
  if (id && id !== active) activate(id);
});
wall.addEventListener('keydown', event => {
  const does = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const presses = event.key === ' ' && !event.target.matches('.open');
  if (!does || presses || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  does();
});
// A wall that is not seen leaves it to who asked.
document.addEventListener('studio:delete', event => {
  const those = takes.filter(take => event.detail.takes.includes(take.id));
  if (!those.length || !wall.clientWidth) return;
  event.preventDefault();
  remove(those);
});

let frame;
const soon = () => {
  if (wall.clientWidth) scrolled = document.scrollingElement.scrollTop;
  frame ??= requestAnimationFrame(() => {
    frame = undefined;
    draw();
  });
};
addEventListener('scroll', soon, {passive: true});
new ResizeObserver(() => {
  const comes = hidden && wall.clientWidth > 0;
  hidden = !wall.clientWidth;
  lay();
  if (comes) document.scrollingElement.scrollTop = scrolled;
}).observe(wall);
show();
watch('value', show);
// What is changed elsewhere: what a take is marked with is shown at once and stays where the page was
// scrolled; what is found may differ by now. A wall that is not seen asks when its tab is opened.
document.addEventListener('studio:marked', ({detail: {take, ...marks}}) => {
  changed(take, marks);
  const known = takes[at(take)];
  if (!known) return;
  Object.assign(known, marks);
  lay();
  chosen.show();
});
for (const told of ['studio:changed', 'studio:missing'])
  document.addEventListener(told, () => { if (wall.clientWidth) trigger('seek'); });
