// The prompt in more words. It is asked for when its sheet is opened, unless the sheet shows it for the
// same prompt already; closing the sheet while the studio writes ends that.
const prompt = () => document.querySelector('#prompt textarea').value;
const place = () => element.querySelector('[role=status]');
let asking, shownFor;
const ask = async () => {
  asking?.abort();
  asking = new AbortController();
  const {signal} = asking, typed = prompt();
  const picture = document.querySelector('#reference-image img')?.src.match(/sha256:[0-9a-f]{64}/)?.[0];
  shownFor = undefined;
  place().textContent = place().dataset.waits;
  try {
    const body = JSON.stringify({prompt: typed, ...picture && {image_start: picture}});
    const answer = await fetch('prompt/enhanced', {method: 'POST', signal, headers: {'Content-Type': 'application/json'}, body});
    if (!answer.ok) return place().textContent = await studio.reason(answer);
    place().innerHTML = await answer.text();
    shownFor = typed;
  } catch (error) {
    if (!signal.aborted) place().textContent = error instanceof TypeError ? WORDS.offline : WORDS.not_sent;
  }
};
document.addEventListener('studio:enhance', () => { if (shownFor !== prompt()) ask(); });
element.addEventListener('toggle', ({newState}) => { if (newState === 'closed') asking?.abort(); }, true);
element.addEventListener('click', ({target}) => {
  const does = target.closest('[data-enhance]')?.dataset.enhance;
  if (does === 'another') ask();
  if (does === 'use') trigger('use', {text: element.querySelector('textarea').value});
  if (does === 'use' || does === 'close') element.querySelector('[popover]').hidePopover();
});
