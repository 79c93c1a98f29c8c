// The shelf of favourite seeds and characters. The studio draws its parts: {part, html}, with a
// number that makes each another value.
const seeds = element.querySelector('.seeds'), characters = element.querySelector('.characters');
const dialog = element.querySelector('dialog'), bar = element.querySelector('.chosen-seeds');
const row = () => seeds.querySelector('.shelf-row');
let asked, opener;

const fill = (place, html) => { place.innerHTML = html; };
const SHOWS = {
  seeds: html => {
    const kept = picked().map(card => card.dataset.take), at = row()?.scrollLeft;
    asked = null;
    fill(seeds, html);
    kept.forEach(take => seeds.querySelector(`[data-take="${take}"] .pick input`)?.click());
    if (row()) row().scrollLeft = at ?? 0;
    tally();
    look();
  },
  more: html => {
    row().querySelector('.more-seeds')?.remove();
    row().insertAdjacentHTML('beforeend', html);
    asked = null;
    look();
  },
  characters: html => {
    dialog.close();
    fill(characters, html);
    studio.tell('studio:characters');
  },
  dialog: html => {
    fill(dialog, html);
    dialog.querySelectorAll('[data-image]').forEach(slot => frame(slot));
    if (!dialog.open) dialog.showModal();
  },
  problem: html => {
    const said = dialog.querySelector('.wrong-character');
    fill(said, html);
    said.scrollIntoView({block: 'nearest'});
  },
};
const nearEnd = new IntersectionObserver(seen => {
  if (seen.some(each => each.isIntersecting)) more();
}, {rootMargin: '600px'});
const look = () => {
  nearEnd.disconnect();
  seeds.querySelectorAll('.more-seeds').forEach(end => nearEnd.observe(end));
};
const more = () => {
  const before = Number([...row().querySelectorAll('.seed')].at(-1)?.dataset.number);
  if (!before || asked === before) return;
  asked = before;
  trigger('look', {what: 'more', before});
};

// The seeds that are chosen, to be tried together.
const picked = () => [...seeds.querySelectorAll('.pick input:checked')].map(box => box.closest('.seed'));
const tally = () => {
  const many = picked().length, most = Number(bar.dataset.most);
  bar.classList.toggle('on', many > 0);
  bar.querySelector('b').textContent = many;
  seeds.querySelectorAll('.pick input:not(:checked)').forEach(box => { box.disabled = many >= most; });
};
const attempt = cards => {
  trigger('try_seeds', {takes: cards.map(card => card.dataset.take)});
  document.getElementById('seeds-bar')?.scrollIntoView({behavior: studio.calm.matches ? 'auto' : 'smooth'});
};

const DOES = {
  all: button => {
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', on);
    element.classList.toggle('shelf-open', on);
  },
  clear: () => {
    picked().forEach(card => { card.querySelector('.pick input').checked = false; });
    tally();
  },
  close: () => dialog.close(),
  clips_with: button => trigger('look', {what: 'clips_with', id: button.closest('.character').dataset.id}),
  forget: () => trigger('forget', {id: dialog.querySelector('form').dataset.id}),
  form: button => trigger('look', {what: 'form', id: button.closest('.character')?.dataset.id ?? ''}),
  heart: (button, card) => trigger('heart', {take: card.dataset.take, on: studio.heart(button)}),
  make_first: button => button.closest('.pictures').prepend(button.closest('[data-image]')),
  more,
  open: (button, card) => studio.tell('studio:open', {
    take: card.dataset.take, among: [...seeds.querySelectorAll('.seed')].map(each => each.dataset.take),
  }),
  play_all: () => dialog.querySelectorAll('video').forEach(clip => {
    clip.currentTime = 0;
    clip.muted = true;
    clip.play().catch(() => {});
  }),
  remove_picture: button => button.closest('[data-image]').remove(),
  seed_clips: (button, card) => trigger('look', {what: 'seed_clips', seed: Number(card.dataset.seed)}),
  try: (button, card) => attempt(card ? [card] : picked()),
  untag: (button, card) => {
    trigger('write', {do: 'tags', take: card.dataset.take, remove: [button.dataset.tag]});
    const field = card.querySelector('.new-tag');
    button.closest('.tag').remove();
    field.focus();
  },
  use: button => trigger('use', {id: button.closest('.character').dataset.id}),
};
element.addEventListener('click', event => {
  if (event.target === dialog) return dialog.close();
  const button = event.target.closest('button[data-do]');
  if (!button) return;
  if (!button.closest('dialog')) opener = button;
  DOES[button.dataset.do]?.(button, button.closest('.seed'));
});
dialog.addEventListener('close', () => {
  dialog.querySelectorAll('video').forEach(clip => clip.pause());
  dialog.replaceChildren();
  if (opener?.isConnected) opener.focus();
});
element.addEventListener('change', event => {
  const field = event.target;
  if (field.name === 'shelf-which') {
    const others = field.value === 'characters';
    seeds.hidden = others;
    characters.hidden = !others;
    bar.classList.toggle('away', others);
    trigger('look', {what: field.value});
  } else if (field.matches('.pick input')) tally();
  else if (field.type === 'file') [...field.files].forEach(send);
});

// Names and notes are sent in a pause, tags when they are complete.
studio.notes(element, written => trigger('write', written));
const addTags = field => {
  const tags = studio.tags(field.value);
  field.value = '';
  tags.forEach(tag => addTag(field, tag.replace(/\s+/g, ' ').normalize('NFC')));
};
const addTag = (field, tag) => {
  const card = field.closest('.seed');
  const known = [...card.querySelectorAll('[data-tag]')].map(each => each.dataset.tag);
  if (known.includes(tag)) return;
  const chip = document.createElement('span'), text = document.createElement('bdi'), remove = document.createElement('button');
  chip.className = 'tag';
  text.textContent = tag;
  Object.assign(remove.dataset, {do: 'untag', tag});
  remove.setAttribute('aria-label', field.dataset.untag.replace('…', () => tag));
  remove.textContent = '×';
  chip.append(text, remove);
  field.before(chip);
  trigger('write', {do: 'tags', take: card.dataset.take, add: [tag]});
};
element.addEventListener('focusout', event => {
  if (event.target.matches('.new-tag')) addTags(event.target);
});
element.addEventListener('keydown', event => {
  const field = event.target;
  if (event.isComposing || !field.matches('.seed input')) return;
  if (event.key === 'Enter' || (event.key === ',' && field.matches('.new-tag'))) {
    event.preventDefault();
    field.matches('.new-tag') ? addTags(field) : field.blur();
  }
});

// The form of a character. A picture is sent to the studio as soon as it is chosen.
const frame = slot => {
  const {first, remove} = slot.closest('.pictures').dataset, {image} = slot.dataset;
  const picture = Object.assign(new Image(), {src: `inputs/${image}`, alt: ''});
  const button = (does, words, sign) => {
    const made = Object.assign(document.createElement('button'), {type: 'button', title: words, textContent: sign});
    made.dataset.do = does;
    made.setAttribute('aria-label', words);
    return made;
  };
  slot.append(picture, button('make_first', first, ''), button('remove_picture', remove, '×'));
};
const send = async file => {
  const pictures = dialog.querySelector('.pictures'), form = pictures.closest('form');
  if (pictures.querySelectorAll('[data-image], .busy').length >= Number(form.dataset.most)) return;
  const slot = Object.assign(document.createElement('span'), {className: 'busy'});
  pictures.querySelector('.add').before(slot);
  const told = await fetch('inputs', {method: 'POST', body: file, headers: {'Content-Type': file.type || 'application/octet-stream'}})
    .then(answer => answer.json()).catch(() => ({detail: WORDS.offline}));
  slot.classList.remove('busy');
  if (!told.digest || pictures.querySelector(`[data-image="${told.digest}"]`)) slot.remove();
  if (told.digest) {
    slot.dataset.image = told.digest;
    if (slot.isConnected) frame(slot);
  } else {
    const said = Object.assign(document.createElement('p'), {className: 'problem'});
    said.textContent = [told.detail].flat().map(each => (each.msg ?? each).replace(/^image_\w+: /, 'It ')).join(' ');
    form.querySelector('.wrong-character').replaceChildren(said);
  }
};
element.addEventListener('submit', event => {
  event.preventDefault();
  const form = event.target, {name, words, seed} = form.elements;
  const images = [...form.querySelectorAll('[data-image]')].map(slot => slot.dataset.image);
  const {id, was} = form.dataset;
  trigger('save', {character: {id, name: name.value, words: words.value, seed: seed.value, images}, was: was && JSON.parse(was)});
});

// What is marked or gone elsewhere.
const which = () => element.querySelector('[name=shelf-which]:checked').value;
for (const told of ['studio:changed', 'studio:missing'])
  document.addEventListener(told, () => { if (element.checkVisibility()) trigger('look', {what: which()}); });
document.addEventListener('studio:marked', ({detail: {take, favourite}}) => {
  if (favourite !== undefined) seeds.querySelector(`[data-take="${take}"] .heart`)?.setAttribute('aria-pressed', favourite);
});

// What was drawn before this script came needs all of the above.
const show = () => SHOWS[props.value?.part]?.(props.value.html);
show();
watch('value', show);
