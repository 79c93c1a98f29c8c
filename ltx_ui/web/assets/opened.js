// A take opened over the page, on studio:open, or the one of the address #take=ID. The neighbours are
// those of the place that it was opened from.
const dialog = element.querySelector('dialog'), body = dialog.querySelector('.full-body');
const MOST = 500, PATIENCE = 15_000;
let shown = null, among = [], marked = false, asked = 0;
// Each question has a number, so that no answer is the same as the one before.
const ask = (what, more) => trigger(what, {take: shown, number: ++asked, ...more});
const {tell} = studio;
const inAddress = () => location.hash.match(/^#take=([\w-]{1,64})$/)?.[1];
const ofStrip = () => [...document.querySelectorAll('#takes .take')].map(tile => tile.dataset.take);
const neighbour = by => among[among.indexOf(shown) + by];

const place = others => {
  among = others?.includes(shown) ? others : [shown];
  const at = among.indexOf(shown);
  dialog.querySelector('.place').textContent = among.length > 1 ? `${at + 1} / ${among.length}` : '';
  dialog.querySelectorAll('[data-by]').forEach(button => { button.disabled = !neighbour(Number(button.dataset.by)); });
};
const show = (take, others) => {
  shown = take;
  place(others);
  body.querySelector('video')?.pause();
  body.setAttribute('aria-busy', true);
  ask('ask');
  if (dialog.open) return;
  document.querySelectorAll('video').forEach(video => video.pause());
  dialog.showModal();
  // Not a button, which a space would press: it plays the clip.
  body.focus();
};
const keep = (take, others) => {
  const first = Math.max(0, others.indexOf(take) - MOST / 2);
  return {...history.state, among: others.slice(first, first + MOST)};
};
// Back closes the dialog, or leads from a relative to the take before: `over` counts the entries of the
// history that the dialog has made.
const open = (take, others = [], deeper = !dialog.open) => {
  const known = others.includes(take) ? others : ofStrip(), over = history.state?.over;
  const kept = {...keep(take, known), over: dialog.open ? over && over + deeper : 1};
  history[deeper ? 'pushState' : 'replaceState'](kept, '', `#take=${take}`);
  show(take, kept.among);
};
const go = by => { if (neighbour(by)) open(neighbour(by), among); };
const toCreate = () => {
  dialog.close();
  document.querySelector('[role=tab][data-tab-id=create]')?.click();
};

// Below the fold of a phone nobody would see them.
const tellChanges = html => {
  const weighed = body.querySelector('.weighed');
  weighed.innerHTML = html;
  weighed.querySelector('[data-fill]')?.focus({preventScroll: true});
  weighed.scrollIntoView({block: 'nearest'});
};
// What was answered, unless another take is shown by now.
watch('value', () => {
  const {take, html, changes, newest, number} = props.value ?? {};
  if (take !== shown || number !== asked || !dialog.open) return;
  if (newest && !history.state?.among) place(newest);
  if (changes !== undefined) tellChanges(changes);
  if (html === undefined) return;
  body.innerHTML = html;
  body.scrollTop = 0;
  body.removeAttribute('aria-busy');
  if (!dialog.contains(document.activeElement)) body.focus();  // What had the focus is gone.
});

dialog.addEventListener('close', () => {
  const last = shown;
  shown = null;
  body.replaceChildren();
  if (inAddress()) {
    if (history.state?.over) history.go(-history.state.over);
    else history.replaceState(null, '', location.pathname + location.search);
  }
  if (marked) trigger('left');
  marked = false;
  // What was left for the dialog may have been drawn anew.
  if (document.activeElement === document.body)
    document.querySelector(`#takes [data-take="${last}"]`)?.focus();
});
const follow = () => {
  const take = inAddress();
  if (take) show(take, history.state?.among);
  else if (dialog.open) dialog.close();
};
document.addEventListener('studio:missing', () => { if (dialog.open) ask('ask'); });
document.addEventListener('studio:open', ({detail}) => detail ? open(detail.take, detail.among) : follow());

// By the wall, where that is seen and can bring it back, else as on Create.
const remove = take => {
  dialog.close();
  const asked = new CustomEvent('studio:delete', {detail: {takes: [take]}, cancelable: true});
  if (!document.dispatchEvent(asked)) return;
  trigger('act', {do: 'remove', take});
  toCreate();
};
const weigh = chosen => {
  const on = chosen.getAttribute('aria-expanded') !== 'true';
  body.querySelectorAll('[data-way]').forEach(way => way.setAttribute('aria-expanded', on && way === chosen));
  body.querySelector('.weighed').replaceChildren();
  if (on) ask('weigh', {way: chosen.dataset.way});
};
const copy = async () => {
  const said = body.querySelector('[data-copied]'), text = body.querySelector('pre');
  try {
    await navigator.clipboard.writeText(text.textContent);
    said.textContent = said.dataset.copied;
  } catch {
    getSelection().selectAllChildren(text);  // Ctrl+C copies it then.
  }
};
dialog.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button || button.closest('.sheet')) return;
  const {by, way, fill, opens, compareWith, do: does, name} = button.dataset;
  if (button.matches('.close')) dialog.close();
  else if (by) go(Number(by));
  else if (way) weigh(button);
  else if (opens) open(opens, [opens], true);
  else if (compareWith) tell('studio:compare', {takes: [compareWith, shown]});
  else if ('copy' in button.dataset) copy();
  else if ('leave' in button.dataset) {
    const way = body.querySelector('[data-way][aria-expanded=true]');
    weigh(way);
    way.focus();
  }
  else if (fill) {
    trigger('fill', {take: shown, way: fill});
    toCreate();
  } else if (does === 'heart') {
    const on = studio.heart(button);
    trigger('act', {do: does, take: shown, on});
    tell('studio:marked', {take: shown, favourite: on});
  } else if (does === 'remove') remove(shown);
  else if (does) {
    trigger('act', {do: does, take: shown, name});
    toCreate();
  }
});

// A name, tags and a note are kept when their field is left. What is wrong with one stands below them
// until it is right; of several tags the others are kept, and the wrong ones stay to be mended.
const keepMarks = async (take, marks) => {
  try {
    const answer = await fetch(`takes/${take}`, {method: 'PATCH', headers: {'Content-Type': 'application/json'},
      body: JSON.stringify(marks), signal: AbortSignal.timeout(PATIENCE)});
    const {detail, ...told} = await answer.json();
    return answer.ok ? {told} : {wrong: [detail].flat()};
  } catch (error) {
    return {wrong: [error instanceof TypeError ? WORDS.offline : WORDS.not_sent]};
  }
};
const keepTags = async (take, tags, was) => {
  const {told, wrong} = await keepMarks(take, {tags, was});
  const places = new Set(wrong?.map(each => Number(each.loc?.at(-1).split('.')[1])));
  const [right, left] = [false, true].map(isLeft => tags.filter((_, place) => places.has(place) === isLeft));
  if (!left.length || !right.length) return {told, wrong};
  return {...await keepMarks(take, {tags: right, was}), wrong, left};
};
dialog.addEventListener('change', async ({target}) => {
  const marks = target.closest('.marks'), {name, value} = target, take = shown;
  if (!marks) return;
  marked = true;
  const {told, wrong = [], left = []} = name === 'tags'
    ? await keepTags(take, studio.tags(value), {tags: studio.tags(target.defaultValue)})
    : await keepMarks(take, {[name]: value, was: {[name]: target.defaultValue}});
  target.dataset.wrong = wrong.map(each => each.msg ?? each).join(' ');
  target.setAttribute('aria-invalid', wrong.length > 0);
  const said = marks.querySelector('.wrong');
  said.textContent = [...marks.querySelectorAll('[data-wrong]')].map(field => field.dataset.wrong).join(' ').trim();
  if (wrong.length) said.scrollIntoView({block: 'nearest'});
  if (!told) return;
  target.defaultValue = [told[name]].flat().join(', ');
  // What was typed meanwhile is kept next.
  if (target.value === value) target.value = [told[name], left].flat(2).join(', ');
  const title = marks.parentElement.querySelector('h2');
  title.textContent = told.name || title.dataset.unnamed;
  tell('studio:marked', {take, name: told.name, tags: told.tags});
  tell('studio:changed');
});

// Keys, none of which reach the page below.
const video = () => body.querySelector('video');
const keys = studio.keys(video, {
  ArrowLeft: () => go(-1),
  ArrowRight: () => go(1),
  ',': () => studio.step(video(), -1),
  '.': () => studio.step(video(), 1),
  s: () => body.querySelector('.heart')?.click(),
});
dialog.addEventListener('keydown', event => {
  event.stopPropagation();
  if (event.target.closest('input, textarea, select, pre, .sheet')) return;
  if (event.key !== ' ' || !event.target.closest('button, a, summary, video')) keys(event);
});
// A swipe goes to a neighbour; not along the clip's own timeline.
let from = null;
dialog.addEventListener('touchstart', event => {
  const [finger] = event.touches, clip = event.target.closest('video');
  const controls = clip && clip.getBoundingClientRect().bottom - finger.clientY < 64;
  from = event.touches.length > 1 || controls || event.target.closest('input, textarea, select, pre, .sheet') ? null : finger;
}, {passive: true});
dialog.addEventListener('touchend', event => {
  const [finger] = event.changedTouches;
  if (!from) return;
  const across = finger.clientX - from.clientX, down = finger.clientY - from.clientY;
  if (Math.abs(across) > 60 && Math.abs(across) > 2 * Math.abs(down)) go(across > 0 ? -1 : 1);
});
