// Recipes in links. Their sheets are made by the studio when they are asked for.
let sheet;
const open = html => {
  sheet ??= Object.assign(document.createElement('div'), {id: 'link-sheet', className: 'sheet', popover: 'auto'});
  sheet.setAttribute('role', 'dialog');
  sheet.tabIndex = -1;
  // What is outside of an open dialog can't be reached.
  const around = document.querySelector('dialog[open]') ?? document.querySelector('.gradio-container');
  if (sheet.parentElement !== around) around.append(sheet);
  sheet.innerHTML = html;
  sheet.setAttribute('aria-label', sheet.querySelector('.title')?.firstChild.textContent.trim() ?? '');
  sheet.showPopover();
  (sheet.querySelector('[data-use], [data-copy]') ?? sheet).focus();
};
const fail = words => {
  open(`<p class="small wrong" role="alert"></p>`);
  sheet.firstChild.textContent = words;
};
const ask = async (address, type, body) => {
  try {
    const answer = await fetch(address, {method: 'POST', headers: {'Content-Type': type}, body});
    if (answer.ok) return open(await answer.text());
    const {detail} = await answer.json();
    fail([detail].flat().map(each => each.msg ?? each).join(' '));
  } catch (error) {
    fail(error instanceof TypeError ? WORDS.offline : WORDS.not_sent);
  }
};
document.addEventListener('studio:share', ({detail}) => {
  const page = location.origin + location.pathname;
  ask('recipe/share', 'application/json', JSON.stringify({take: detail.take, page}));
});
const copy = async () => {
  const field = sheet.querySelector('input');
  field.select();
  try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand('copy'); }
  sheet.querySelector('[data-copied]').hidden = false;
};
document.addEventListener('click', ({target}) => {
  const button = target.closest('#link-sheet button');
  if (!button) return;
  const {dataset} = button;
  if ('copy' in dataset) copy();
  if ('use' in dataset) studio.tell('studio:told', {told: JSON.parse(dataset.told), name: dataset.name});
  if ('use' in dataset || 'close' in dataset) sheet.hidePopover();
});

// A link that is opened. What it tells leaves the address, which a reload would bring back.
const MOST = 100_050;  // The studio takes a little less.
document.addEventListener('studio:link', () => {
  const {hash} = location;
  history.replaceState(history.state, '', location.pathname + location.search);
  ask('recipe/link', 'text/plain', hash.slice(1, MOST));
});
