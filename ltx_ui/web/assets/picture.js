// The picture field's value is null, {digest, note}, {busy}, {problem} of a picture that could not be
// used, or {hint} if there was no picture. A picture is sent to the studio as soon as it is chosen;
// Generate waits for it.
const field = element.closest('.block');
let latest = 0;

const put = value => {
  props.value = value;
  trigger('changed');
  place();
};

// The part of the picture that the format leaves over; a drag or the arrow keys move it. CSS crops to
// the chosen format's shape.
const place = () => queueMicrotask(() => {
  const [x, y] = props.value?.focus ?? [0.5, 0.5], picture = element.querySelector('img');
  if (picture) picture.style.objectPosition = `${100 * x}% ${100 * y}%`;
});
const within = share => Math.min(1, Math.max(0, Math.round(share * 1000) / 1000));
const moved = (x, y) => [within(x), within(y)];
const drag = down => {
  const picture = down.target, [x, y] = props.value.focus ?? [0.5, 0.5];
  const {naturalWidth, naturalHeight, clientWidth, clientHeight} = picture;
  const scale = Math.max(clientWidth / naturalWidth, clientHeight / naturalHeight);
  const over = [naturalWidth * scale - clientWidth, naturalHeight * scale - clientHeight];
  let focus = [x, y];
  const move = event => {
    const by = [event.clientX - down.clientX, event.clientY - down.clientY];
    focus = moved(x - (over[0] > 1 ? by[0] / over[0] : 0), y - (over[1] > 1 ? by[1] / over[1] : 0));
    picture.style.objectPosition = `${100 * focus[0]}% ${100 * focus[1]}%`;
  };
  const whileDown = new AbortController(), {signal} = whileDown;
  const drop = () => {
    whileDown.abort();
    put({...props.value, focus});
  };
  picture.setPointerCapture(down.pointerId);
  picture.addEventListener('pointermove', move, {signal});
  picture.addEventListener('pointerup', drop, {signal});
  picture.addEventListener('pointercancel', drop, {signal});  // A phone scrolls instead.
};
element.addEventListener('pointerdown', event => {
  if (!event.target.matches('img')) return;
  event.preventDefault();
  drag(event);
});
const ARROWS = {ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, -0.05], ArrowDown: [0, 0.05]};
element.addEventListener('keydown', event => {
  const by = ARROWS[event.key];
  if (!by || !event.target.matches('img')) return;
  event.preventDefault();
  const [x, y] = props.value.focus ?? [0.5, 0.5];
  put({...props.value, focus: moved(x + by[0], y + by[1])});
});
watch('value', place);

const send = async file => {
  const mine = ++latest;
  field.dataset.busy = '';
  props.value = {busy: true};
  const value = await studio.sendPicture(file);
  if (mine !== latest) return;
  delete field.dataset.busy;
  put(value);
  field.dispatchEvent(new CustomEvent('studio:settled', {bubbles: true}));
};

const paste = async () => {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find(each => each.startsWith('image/'));
      if (type) return send(await item.getType(type));
    }
    put({hint: WORDS.clipboard_empty});
  } catch {
    put({hint: WORDS.clipboard_closed});
  }
};

element.addEventListener('change', event => {
  if (event.target.type === 'file' && event.target.files[0]) send(event.target.files[0]);
});
element.addEventListener('click', event => {
  const action = event.target.closest('[data-do]')?.dataset.do;
  if (action === 'paste') paste();
  if (action === 'remove') {
    latest++;
    delete field.dataset.busy;
    put(null);
  }
});
place();
element.addEventListener('dragover', event => {
  event.preventDefault();
  field.classList.add('over');
});
element.addEventListener('dragleave', () => field.classList.remove('over'));
element.addEventListener('drop', event => {
  event.preventDefault();
  field.classList.remove('over');
  const {dataTransfer: dropped} = event, [file] = dropped.files;
  const [poster] = dropped.getData('text/uri-list').match(/takes\/\w+\/poster$/) ?? [];
  if (poster) fetch(poster).then(async answer => {
    if (answer.ok) send(await answer.blob());
    else put({problem: await studio.reason(answer)});
  });
  else if (file) send(file);
});
// Pasted anywhere on the page; following.js says which field it is for.
element.addEventListener('picture', event => send(event.detail));
