// Zips of takes out of the gallery and into it.
const file = element.querySelector('[type=file]'), said = element.querySelector('.said');
const sheet = element.querySelector('#along'), bar = element.querySelector('progress');

// Out. A form, so that the browser itself writes the file, however large it is.
const send = takes => {
  const form = Object.assign(document.createElement('form'), {method: 'post', action: 'library/export', hidden: true});
  for (const take of takes)
    form.append(Object.assign(document.createElement('input'), {name: 'take', value: take}));
  document.body.append(form);
  form.submit();
  form.remove();
};
document.addEventListener('studio:export', ({detail}) => send(detail.takes));

// In, for whom the studio lets bring clips.
const into = element.querySelector('.in');
let busy = false;
const lets = ({brings}) => { into.hidden = !brings; };
document.addEventListener('studio:menus', ({detail}) => lets(detail));
if (studio.menus) lets(studio.menus);
const bring = zip => {
  if (busy) return;
  busy = true;
  if (!sheet.matches(':popover-open')) sheet.showPopover();
  const show = (words, wrong) => {
    said.textContent = words;
    said.classList.toggle('wrong', wrong);
    bar.hidden = true;
    busy = false;
  };
  said.textContent = '';
  bar.hidden = false;
  bar.value = 0;
  const sent = new XMLHttpRequest();
  sent.upload.onprogress = ({loaded, total}) => {
    if (loaded < total) bar.value = loaded / total;
    else bar.removeAttribute('value');
  };
  sent.onload = () => {
    let told = {};
    try { told = JSON.parse(sent.responseText); } catch { told.detail = WORDS.not_sent; }
    show(told.message ?? String(told.detail), sent.status !== 200);
    if (told.came) studio.tell('studio:changed');
  };
  sent.onerror = () => show(WORDS.offline, true);
  sent.open('POST', 'library/import');
  sent.setRequestHeader('Content-Type', 'application/zip');
  sent.send(zip);
};
file.addEventListener('change', () => {
  if (file.files[0]) bring(file.files[0]);
  file.value = '';
});
const isZip = ({dataTransfer}) => !into.hidden && dataTransfer.types.includes('Files') && element.checkVisibility();
document.addEventListener('dragover', event => { if (isZip(event)) event.preventDefault(); });
document.addEventListener('drop', event => {
  if (!isZip(event)) return;
  event.preventDefault();
  const [zip] = event.dataTransfer.files;
  if (zip) bring(zip);
});
element.addEventListener('click', ({target}) => {
  if (target.closest('[data-export]')) send([]);
  if (target.closest('[data-choose]')) file.click();
});
