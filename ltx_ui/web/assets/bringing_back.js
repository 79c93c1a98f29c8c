// A notice of what was deleted last, while that can be undone: by its button, or by Ctrl and Z.
studio.bringsBack = (notice, undo) => {
  const done = [];
  let timer;
  const seconds = Number(notice.dataset.seconds);
  const show = () => {
    clearTimeout(timer);
    const now = Date.now();
    while (done.length && done[0].until <= now) done.shift();
    const last = done.at(-1);
    notice.hidden = !last;
    if (!last) return;
    const words = last.count === 1 ? notice.dataset.one : notice.dataset.many;
    notice.querySelector('span').textContent = words.replace('{number}', last.count);
    timer = setTimeout(show, last.until - now + 50);
  };
  const back = () => {
    const last = done.pop();
    show();
    if (last) undo(last.what);
  };
  notice.querySelector('button').addEventListener('click', back);
  document.addEventListener('keydown', event => {
    const undoes = event.key.toLowerCase() === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey;
    const writes = event.target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]');
    if (!undoes || writes || notice.hidden || !notice.parentElement.checkVisibility()) return;
    event.preventDefault();
    back();
  });
  return (what, count) => {
    // A moment less than the studio keeps it.
    done.push({what, count, until: Date.now() + 1000 * (seconds - 2)});
    show();
  };
};
