// Storyboards. The studio draws all of one, or of all of them: {html, board, making, …}, with a number
// that makes each another value. What has changed since is replaced, block by block, but not where
// somebody types, nor what was typed and not taken, nor a clip that plays. Texts are sent in a pause and
// when their field is left, with what was drawn there, or sent from there last: what another page wrote
// meanwhile is not replaced, but shown beside it.
const place = element.querySelector('.boards'), dialog = element.querySelector('dialog');
const BEGINS = ['begin', 'from_take'];
const KEPT = `${KEEP}board`, TAKE = `${KEEP}board-take`, PAUSE = 500;
const unsent = new Map(), drawn = new Map(), untaken = new Set(), written = new Map();
let board = localStorage.getItem(KEPT) ?? '', making = false, gone = false, film, scrolled = 0;
const blocks = within => [...within.querySelectorAll('[data-block]')];
const shotOf = node => node.closest('[data-shot]')?.dataset.shot ?? '';
const keyOf = field => `${shotOf(field)} ${field.dataset.field}`;
const look = () => trigger('look', {board});
const act = (what, more) => trigger('act', {do: what, board, ...more});

// Where the keys are, so that they are there again when what they were on is drawn anew.
const whereabouts = () => {
  const at = document.activeElement, {do: does, by, take} = at?.dataset ?? {};
  return place.contains(at) && does ? {shot: shotOf(at), does, by, take} : null;
};
const returnTo = at => {
  if (!at || place.contains(document.activeElement)) return;
  const around = at.shot ? place.querySelector(`[data-shot="${at.shot}"]`) : place;
  const same = [...around?.querySelectorAll(`[data-do="${at.does}"]`) ?? []]
    .find(each => each.dataset.by === at.by && each.dataset.take === at.take && !each.disabled);
  (same ?? place.querySelector('footer button:not(:disabled), button'))?.focus({preventScroll: true});
};
const typedIn = block => {
  const at = document.activeElement;
  if (block.contains(at) && at.matches('[data-field], [name]')) return true;
  return [...block.querySelectorAll('[data-field]')].some(field => [unsent, untaken].some(those => those.has(keyOf(field))));
};
// What may only be read from now on: its words can be copied.
const close = within => {
  within.querySelectorAll('button:not([data-do=list])').forEach(button => { button.disabled = true; });
  within.querySelectorAll('textarea, input').forEach(field => { field.readOnly = true; });
  within.querySelectorAll('select').forEach(field => { field.disabled = true; });
};
const replace = (list, fresh) => {
  const before = new Map([...list.children].map(item => [item.dataset.shot, item]));
  const now = [...fresh.children].map(item => before.get(item.dataset.shot) ?? item);
  // A shot that was removed elsewhere stays where it is as long as its words were not taken.
  [...list.children].forEach((item, number) => {
    if (now.includes(item) || !typedIn(item)) return;
    close(item);
    now.splice(number, 0, item);
  });
  now.forEach((item, number) => { if (list.children[number] !== item) list.insertBefore(item, list.children[number] ?? null); });
  [...list.children].slice(now.length).forEach(item => item.remove());
};
const draw = html => {
  const fresh = document.createElement('template');
  fresh.innerHTML = html;
  const now = fresh.content, list = place.querySelector('.shots');
  const texts = new Map(blocks(now).map(block => [block.dataset.block, block.outerHTML]));
  const left = place.firstElementChild?.dataset.board, root = document.scrollingElement;
  if (left !== now.firstElementChild.dataset.board) {
    // One opens at its top, and the list where it was left.
    if (left === '') scrolled = root.scrollTop;
    place.replaceChildren(now);
    if (left != null && place.clientWidth) root.scrollTop = board ? 0 : scrolled;
    [drawn, untaken, written].forEach(those => those.clear());
  } else {
    for (const block of blocks(now)) {
      const name = block.dataset.block, was = place.querySelector(`[data-block="${name}"]`);
      if (!was || drawn.get(name) === texts.get(name)) continue;
      if (typedIn(was)) {
        texts.delete(name);
        continue;
      }
      if (was.querySelector('.shared[open]')) block.querySelector('.shared').open = true;
      was.querySelectorAll('[data-field]').forEach(field => written.delete(keyOf(field)));
      was.replaceWith(block.cloneNode(true));
    }
    if (list) replace(list, now.querySelector('.shots'));
  }
  for (const [name, text] of texts) drawn.set(name, text);
};
// What is wrong with a field is told until that one is written anew; anything else until something is done.
const tellWrong = (wrong, did, shot, field) => {
  for (const said of place.querySelectorAll('.wrong-board, .wrong-shot'))
    if (!said.dataset.field || (said.dataset.field === field && shotOf(said) === shot)) said.replaceChildren();
  if (!wrong) return;
  const within = did === 'add' ? '.add-shot' : shot ? `[data-shot="${shot}"]` : '.wrong-board';
  const said = place.querySelector(`${within} .wrong-shot`) ?? place.querySelector('.wrong-board');
  said.dataset.field = field;
  said.innerHTML = wrong;
  said.scrollIntoView({block: 'nearest'});
};
const show = () => {
  const {html, board: of, making: goes = false, did, wrong = '', shot = '', field = '', gone: lost} = props.value ?? {};
  // An answer about one that was left meanwhile is none any more.
  if (html === undefined || !(of === board || !of || BEGINS.includes(did)) || (lost && lost !== board)) return;
  if (lost && lost === place.firstElementChild?.dataset.board) {
    [gone, making] = [true, false];
    localStorage.setItem(KEPT, '');
    close(place);
    tellWrong(wrong, '', '', '');
    return;
  }
  gone = false;
  if (did === 'write') untaken[wrong ? 'add' : 'delete'](`${shot} ${field}`);
  const at = whereabouts();
  if (did === 'add' && !wrong) document.activeElement.blur();
  board = of;
  localStorage.setItem(KEPT, board);
  draw(html);
  place.querySelectorAll('form button:disabled').forEach(button => { button.disabled = false; });
  if (did || wrong) tellWrong(wrong, did, shot, field);
  returnTo(at);
  if (did === 'add' && !wrong) place.querySelector('.add-shot textarea')?.focus();
  const begins = place.querySelector('.begin-board textarea');
  if (begins && !begins.value) begins.value = document.querySelector('#compiled-prompt q')?.textContent ?? '';
  // What is being made is told of to the whole page, from now on.
  if (goes && !making) studio.tell('studio:outdated');
  making = goes;
};
watch('value', show);

// Texts, numbers and choices, as they are typed.
const drawnIn = field => field.options ? [...field.options].find(each => each.defaultSelected)?.value ?? '' : field.defaultValue;
const send = (field, was) => {
  const key = keyOf(field);
  act('write', {shot: shotOf(field), field: field.dataset.field, text: field.value, was});
  written.set(key, field.value);
};
const write = field => {
  const key = keyOf(field);
  clearTimeout(unsent.get(key)?.timer);
  const now = () => {
    clearTimeout(unsent.get(key)?.timer);
    if (unsent.delete(key)) send(field, [drawnIn(field), written.get(key)].filter(text => text != null));
  };
  unsent.set(key, {now, timer: setTimeout(now, PAUSE)});
};
const flush = () => [...unsent.values()].forEach(({now}) => now());
element.addEventListener('input', event => {
  // Answers are drawn here also while somebody types.
  event.stopPropagation();
  const {target} = event;
  if (target.matches('[data-field]')) write(target);
  else target.form?.querySelector('button:disabled')?.removeAttribute('disabled');
});
element.addEventListener('focusout', flush);
element.addEventListener('submit', event => {
  const form = event.target;
  if (!form.dataset.do) return;
  event.preventDefault();
  form.querySelector('button').disabled = true;
  act(form.dataset.do, Object.fromEntries(new FormData(form)));
});
element.addEventListener('keydown', event => {
  const {target, key} = event;
  if (event.isComposing || key !== 'Enter') return;
  if (target.matches('input[data-field]')) flush();
  else if (target.matches('form textarea') && (event.ctrlKey || event.metaKey)) target.form.requestSubmit();
});

// The film is joined when it is asked for, and kept here as long as it is shown.
const end = () => {
  film?.abort();
  const video = dialog.querySelector('video'), link = dialog.querySelector('a');
  if (video.src) URL.revokeObjectURL(video.src);
  video.removeAttribute('src');
  video.load();
  video.hidden = link.hidden = true;
};
const join = async () => {
  const said = dialog.querySelector('.joining'), video = dialog.querySelector('video'), link = dialog.querySelector('a');
  const title = place.querySelector('.board-name').value;
  film = new AbortController();
  const {signal} = film;
  dialog.querySelector('.title strong').textContent = title;
  said.className = 'joining small';
  said.textContent = dialog.dataset.joining;
  dialog.showModal();
  const answer = await fetch(`api/v1/storyboards/${board}/film`, {signal}).catch(() => null);
  const told = answer?.ok ? await answer.blob().catch(() => null) : await answer?.json().catch(() => null);
  if (signal.aborted) return;
  if (!answer?.ok || !told) {
    said.className = 'joining problem';
    said.textContent = answer ? dialog.dataset.failed : WORDS.offline;
    look();
    return;
  }
  said.textContent = '';
  video.src = link.href = URL.createObjectURL(told);
  link.download = `${title.replace(/[^\p{L}\p{N} _-]/gu, '').trim() || 'storyboard'}.mp4`;
  video.hidden = link.hidden = false;
  video.play().catch(() => {});
};
dialog.addEventListener('close', end);

const shown = button => {
  const field = button.closest('[data-shot]').querySelector('[data-field=prompt]');
  return [drawnIn(field), field.value];
};
// What another page wrote in a field: it stays, or what was typed here replaces it.
const fieldBeside = button => {
  const said = button.closest('[data-field]:not(button)'), name = said.dataset.field;
  return (said.closest('[data-shot], .board')).querySelector(`textarea[data-field=${name}], input[data-field=${name}], select[data-field=${name}]`);
};
const DOES = {
  close: () => dialog.close(),
  film: join,
  list: () => {
    board = '';
    look();
  },
  mine: button => send(fieldBeside(button), [button.dataset.text]),
  theirs: button => {
    const field = fieldBeside(button);
    untaken.delete(keyOf(field));
    drawn.delete(field.closest('[data-block]').dataset.block);
    tellWrong('', '', shotOf(field), field.dataset.field);
    look();
  },
  open: button => {
    board = button.dataset.board;
    look();
  },
};
element.addEventListener('click', event => {
  if (event.target === dialog) return dialog.close();
  const button = event.target.closest('button[data-do]');
  if (!button) return;
  flush();
  const {do: does, by, take} = button.dataset;
  if (DOES[does]) DOES[does](button);
  else act(does, {shot: shotOf(button), ...by && {by}, ...take && {take}, ...does === 'remove' && {was: shown(button)}});
});

// When the tab is opened, and while it is seen and something is made, or somebody came back to it.
const begin = () => {
  const take = sessionStorage.getItem(TAKE);
  sessionStorage.removeItem(TAKE);
  if (take) act('from_take', {take});
  else look();
};
let seen = false;
new IntersectionObserver(([{isIntersecting}]) => {
  if (isIntersecting && !seen) begin();
  else if (!isIntersecting) flush();
  seen = isIntersecting;
}).observe(element);
document.addEventListener('studio:news', ({detail}) => { if (seen && !gone && (making || detail === 'woke')) look(); });
document.addEventListener('visibilitychange', flush);
