// A file that is chosen here, or dropped on Create beside the picture fields, tells its recipe. Of a
// film or a picture only the part that may hold one is sent. A picture without one goes where a
// pasted one would.
const chosen = element.querySelector('input'), said = element.querySelector('p');
const create = element.closest('.create');
const HEAD = 2 ** 18, MOST = 2 ** 24, FTYP = 0x66747970, MOOV = 0x6d6f6f76;

// A film's index, wherever it stands, after the box that says what the file is.
const index = async film => {
  const parts = [];
  for (let start = 0, count = 0; start + 8 <= film.size && count < 1000; count++) {
    const head = new DataView(await film.slice(start, start + 16).arrayBuffer());
    const kind = head.getUint32(4);
    let size = head.getUint32(0);
    if (size === 1 && head.byteLength === 16) size = Number(head.getBigUint64(8));
    if (size < 8) size = film.size - start;
    if (kind === FTYP || kind === MOOV) parts.push(film.slice(start, start + Math.min(size, MOST)));
    if (kind === MOOV) break;
    start += size;
  }
  return new Blob(parts);
};
const part = async file => {
  const head = await file.slice(0, 64).text();
  if (/^\s*\{/.test(head)) return file;
  return head.slice(4, 8) === 'ftyp' ? index(file) : file.slice(0, HEAD);
};
const isPicture = file => file.type.startsWith('image/') || /\.(hei[cf]|avif)$/i.test(file.name);
const open = async file => {
  said.textContent = '';
  let answer, told;
  try {
    const headers = {'Content-Type': 'application/octet-stream'};
    answer = await fetch('recipe', {method: 'POST', headers, body: await part(file)});
    told = await answer.json();
  } catch (error) {
    told = {detail: error instanceof TypeError ? WORDS.offline : WORDS.not_sent};
  }
  if (answer?.ok) return trigger('told', {told, name: file.name});
  if (answer?.status === 422 && isPicture(file)) return studio.place(file);
  said.textContent = [told.detail].flat().map(each => each.msg ?? each).join(' ');
};

document.addEventListener('studio:told', ({detail}) => trigger('told', detail));
element.querySelector('button').addEventListener('click', () => chosen.click());
chosen.addEventListener('change', () => {
  if (chosen.files[0]) open(chosen.files[0]);
  chosen.value = '';
});

create.addEventListener('input', () => { said.textContent = ''; });

let own = false;  // whether what is dragged is the page's own
document.addEventListener('dragstart', () => { own = true; });
document.addEventListener('dragend', () => { own = false; });
const taken = event => !own && create.offsetParent && event.dataTransfer.types.includes('Files')
  && !event.target.closest?.('.picture-field');
const mark = on => create.classList.toggle('takes-file', on);
document.addEventListener('dragover', event => {
  mark(taken(event));
  if (taken(event)) event.preventDefault();
});
document.addEventListener('dragleave', event => { if (!event.relatedTarget) mark(false); });
document.addEventListener('drop', event => {
  mark(false);
  if (!taken(event)) return;
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) open(file);
});
