(() => {
  // Takes along: zips out of the gallery and into it, and recipes in links. The sheets of links are
  // made by the studio when they are asked for.
  const inGallery = () => document.querySelector('#along')?.closest('.tabitem')?.checkVisibility();
  const {tell} = studio;

  // Out. A form, so that the browser itself writes the file, however large it is.
  document.addEventListener('studio:export', ({detail}) => {
    const form = Object.assign(document.createElement('form'), {method: 'post', action: 'library/export', hidden: true});
    for (const take of detail?.takes ?? [])
      form.append(Object.assign(document.createElement('input'), {name: 'take', value: take}));
    document.body.append(form);
    form.submit();
    form.remove();
  });

  // In.
  let busy = false;
  const bring = file => {
    const sheet = document.querySelector('#along'), said = sheet.querySelector('.said'), bar = sheet.querySelector('progress');
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
      if (told.came) tell('studio:changed');
    };
    sent.onerror = () => show(WORDS.offline, true);
    sent.open('POST', 'library/import');
    sent.setRequestHeader('Content-Type', 'application/zip');
    sent.send(file);
  };
  document.addEventListener('change', ({target}) => {
    if (!target.matches('#along [type=file]')) return;
    if (target.files[0]) bring(target.files[0]);
    target.value = '';
  });
  const isZip = ({dataTransfer}) => dataTransfer.types.includes('Files') && inGallery();
  document.addEventListener('dragover', event => { if (isZip(event)) event.preventDefault(); });
  document.addEventListener('drop', event => {
    if (!isZip(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) bring(file);
  });

  // Links.
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
    const button = target.closest('button');
    if (!button) return;
    const {dataset} = button;
    if ('share' in dataset) tell('studio:share', {take: button.closest('[data-take]').dataset.take});
    if (button.matches('#along [data-export]')) tell('studio:export', {takes: null});
    if (button.matches('#along [data-choose]')) document.querySelector('#along [type=file]').click();
    if (!button.closest('#link-sheet')) return;
    if ('copy' in dataset) copy();
    if ('use' in dataset) tell('studio:told', {told: JSON.parse(dataset.told), name: dataset.name});
    if ('use' in dataset || 'close' in dataset) sheet.hidePopover();
  });

  // A link that is opened. What it tells leaves the address, which a reload would bring back.
  const KEY = '#recipe=', MOST = 100_050;  // The studio takes a little less.
  const follow = () => {
    const {hash} = location;
    if (!hash.startsWith(KEY)) return;
    if (!document.querySelector('#recall input')) return setTimeout(follow, 100);
    history.replaceState(history.state, '', location.pathname + location.search);
    ask('recipe/link', 'text/plain', hash.slice(1, MOST));
  };
  addEventListener('hashchange', follow);
  follow();
})();
