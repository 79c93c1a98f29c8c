// Sheets that the studio makes when they are opened: the account menu, tokens, people, links to a take.
// A button with data-call sends what it is for, and the sheet is fetched anew; one with data-sure asks
// back first.
let sheet, shown;
const json = {'Content-Type': 'application/json'};
const told = async answer => {
  const {detail, errors} = await answer.json();
  return (errors ?? [detail].flat()).map(each => each.message ?? each.msg ?? each).join(' ');
};
const say = words => { sheet.querySelector('[role=alert]').textContent = words; };
const open = async (address, fresh = '') => {
  const answer = await fetch(address);
  sheet ??= Object.assign(document.createElement('div'), {id: 'account', className: 'sheet', popover: 'auto', tabIndex: -1});
  sheet.setAttribute('role', 'dialog');
  sheet.onsubmit = event => { if (!event.target.hasAttribute('action')) event.preventDefault(); };
  const around = document.querySelector('dialog[open]') ?? document.querySelector('.gradio-container');
  if (sheet.parentElement !== around) around.append(sheet);
  sheet.innerHTML = answer.ok ? await answer.text() : '<p class="small wrong" role="alert"></p>';
  shown = address;
  if (!answer.ok) say(await told(answer));
  sheet.setAttribute('aria-label', sheet.querySelector('.title')?.firstChild.textContent.trim() ?? '');
  if (!sheet.matches(':popover-open')) sheet.showPopover();
  const kept = sheet.querySelector('[data-new]');
  if (fresh && kept) {
    kept.hidden = false;
    kept.querySelector('input').value = fresh;
  }
  sheet.focus();
};
const filled = form => {
  const body = {};
  for (const {name, type, value, checked} of form.elements) {
    if (!name) continue;
    if (type === 'checkbox') body[name] = [...body[name] ?? [], ...checked ? [value] : []];
    else {
      const [of, own] = name.split('.'), one = type !== 'number' ? value : value ? Number(value) : null;
      own ? (body[of] ??= {})[own] = one : body[of] = one;
    }
  }
  return JSON.stringify(body);
};
const call = async button => {
  const [method, address] = button.dataset.call.split(' ');
  if (button.dataset.sure) {
    button.textContent = button.dataset.sure;
    return delete button.dataset.sure;
  }
  const {send, value, true: yes, false: no} = button.dataset;
  const body = method === 'DELETE' ? undefined : button.form ? filled(button.form)
    : JSON.stringify({...send && {[send]: value}, ...yes && {[yes]: true}, ...no && {[no]: false}});
  const answer = await fetch(address, {method, headers: body ? json : {}, body});
  const inSheet = button.closest('#account');
  if (!inSheet) return answer.ok ? button.closest('.problem').remove() : button.after(await told(answer));
  if (!answer.ok) return say(await told(answer));
  if (button.dataset.done) {
    document.dispatchEvent(new Event('studio:outdated'));
    return button.form.replaceWith(button.dataset.done);
  }
  open(shown, answer.status === 201 ? (await answer.json()).token : '');
};
document.addEventListener('studio:sheet', async ({detail: button}) => {
  const {dataset} = button;
  try {
    if (dataset.sheet) await open(dataset.sheet);
    else if ('give' in dataset) await open(`account/links/${button.closest('[data-take]').dataset.take}`);
    else await call(button);
  } catch (error) {
    const words = error instanceof TypeError ? WORDS.offline : WORDS.not_sent;
    if (sheet?.matches(':popover-open')) say(words);
    else button.title = words;
  }
});
// A file is sent as soon as it is chosen, and is then one more choice of the field that it is for.
document.addEventListener('change', async ({target}) => {
  const [file] = target.closest('#account [data-stores]')?.files ?? [];
  if (!file) return;
  say('');
  const type = file.type.startsWith('audio/') ? file.type : 'application/octet-stream';
  try {
    const answer = await fetch(target.dataset.stores, {method: 'POST', body: file, headers: {'Content-Type': type}});
    if (!answer.ok) return say(await told(answer));
    target.form.elements[target.dataset.for].add(new Option(file.name, (await answer.json()).digest, true, true));
  } catch { say(WORDS.offline); }
});
// Two handles over a film: their times in words, and what is seen at the one that is moved, which takes
// the other one along.
const show = handle => {
  const {fps, said} = handle.dataset, digits = {minimumFractionDigits: 2, maximumFractionDigits: 2};
  const time = new Intl.NumberFormat(document.documentElement.lang || undefined, digits).format(handle.value / fps);
  const words = said.replace(/\d+\D\d+/, time);
  handle.closest('label').querySelector('span').textContent = words;
  handle.setAttribute('aria-valuetext', words);
};
document.addEventListener('input', ({target}) => {
  if (!target.closest('#account [data-fps]')) return;
  const [start, end] = sheet.querySelectorAll('[data-fps]'), isStart = target === start;
  if (Number(start.value) >= Number(end.value)) (isStart ? end : start).value = Number(target.value) + (isStart ? 1 : -1);
  [start, end].forEach(show);
  sheet.querySelector('video').currentTime = Math.max(0, target.value - !isStart + 0.5) / target.dataset.fps;
});
// What is painted on the film, white on black, of which only the white is seen.
const painted = (canvas, some) => {
  const form = canvas.closest('form');
  form.elements[canvas.dataset.mask].value = some ? canvas.toDataURL() : '';
  form.querySelector('[data-call]').disabled = !some && !canvas.hidden;
};
const unpaint = canvas => {
  const pen = canvas.getContext('2d'), {width, height} = canvas;
  pen.fillRect(0, 0, width, height);
  Object.assign(pen, {strokeStyle: '#fff', lineWidth: Math.min(width, height) / 7, lineCap: 'round', lineJoin: 'round'});
  painted(canvas, false);
};
document.addEventListener('change', ({target}) => {
  if (!target.closest('#account select')?.querySelector('[data-painted]')) return;
  const canvas = sheet.querySelector('canvas');
  canvas.hidden = sheet.querySelector('[data-painting]').hidden = !('painted' in target.selectedOptions[0].dataset);
  unpaint(canvas);
  canvas.scrollIntoView({block: 'nearest'});
});
for (const kind of ['pointerdown', 'pointermove', 'pointerup']) document.addEventListener(kind, event => {
  const {target: canvas, buttons, offsetX, offsetY, pointerId} = event;
  if (!canvas.matches?.('#account canvas')) return;
  if (kind === 'pointerup') return painted(canvas, true);
  const pen = canvas.getContext('2d'), scale = canvas.width / canvas.clientWidth, at = [offsetX * scale, offsetY * scale];
  if (kind === 'pointerdown') {
    canvas.setPointerCapture(pointerId);
    pen.beginPath();
    pen.moveTo(...at);
  }
  if (!buttons) return;
  pen.lineTo(at[0] + 0.1, at[1]); // A dot, where nothing was moved.
  pen.stroke();
});
document.addEventListener('click', async ({target}) => {
  const button = target.closest('#account button');
  if (!button) return;
  if ('close' in button.dataset) sheet.hidePopover();
  if ('unpaint' in button.dataset) unpaint(sheet.querySelector('canvas'));
  if ('copy' in button.dataset) {
    const field = button.previousElementSibling;
    field.select();
    try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand('copy'); }
    button.textContent = button.dataset.copied;
  }
});
