// The picture field's value is null, {digest, note}, {busy}, {problem} of a picture that could not be
// used, or {hint} if there was no picture. A picture is sent to the studio as soon as it is chosen;
// Generate waits for it.
const field = element.closest('.block');
let latest = 0;

const put = value => {
  props.value = value;
  trigger('changed');
};

// Gradio evaluates the HTML as a template, so text from the server must not hold a placeholder.
const plain = text => String(text).replaceAll('$', '＄').replaceAll('`', '’').replaceAll('\\', '/');

const reason = async answer => {
  const {detail} = await answer.json().catch(() => ({}));
  const said = Array.isArray(detail) ? detail.map(each => each.msg).join(' ') : detail;
  return (said || 'The picture could not be sent. Try again.').replace(/^image_\w+: /, 'It ');
};

const send = async file => {
  const mine = ++latest;
  field.dataset.busy = '';
  props.value = {busy: true};
  let value;
  try {
    const headers = {'Content-Type': file.type || 'application/octet-stream'};
    const answer = await fetch('inputs', {method: 'POST', body: file, headers});
    value = answer.ok ? await answer.json() : {problem: plain(await reason(answer))};
  } catch {
    value = {problem: 'The studio does not answer. Choose the picture again when it is back.'};
  }
  if (mine !== latest) return;
  delete field.dataset.busy;
  if (value.note) value.note = plain(value.note);
  put(value);
  field.dispatchEvent(new CustomEvent('studio:settled', {bubbles: true}));
};

const paste = async () => {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find(each => each.startsWith('image/'));
      if (type) return send(await item.getType(type));
    }
    put({hint: 'There is no picture in the clipboard. Copy one, then press Paste again.'});
  } catch {
    put({hint: 'The browser does not hand over the clipboard here. Press Ctrl+V instead.'});
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
    put(null);
  }
});
element.addEventListener('dragover', event => {
  event.preventDefault();
  field.classList.add('over');
});
element.addEventListener('dragleave', () => field.classList.remove('over'));
element.addEventListener('drop', event => {
  event.preventDefault();
  field.classList.remove('over');
  const [file] = event.dataTransfer.files;
  if (file) send(file);
});
// Pasted anywhere on the page; following.js says which field it is for.
field.addEventListener('studio:picture', event => send(event.detail));
