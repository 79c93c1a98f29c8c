// The buttons of the gallery's cards. Each event carries the card's take and how many cards are shown.
const details = source => {
  const card = source.closest('[data-take]');
  const limit = Number(element.querySelector('[data-limit]')?.dataset.limit ?? 0);
  return {limit, ...(card && {take: card.dataset.take, seed: Number(card.dataset.seed)})};
};
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-do]');
  if (!button) return;
  const action = button.dataset.do, sent = details(button);
  if (action === 'heart') {
    sent.on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', sent.on);
    button.textContent = sent.on ? '♥' : '♡';
    trigger('heart', sent);
  }
  if (action === 'use_seed') trigger('use_seed', sent);
  if (action === 'use_all') trigger('use_all', sent);
  if (action === 'again') trigger('again', sent);
  if (action === 'remove') trigger('remove', sent);
  if (action === 'more') trigger('more', sent);
});
element.addEventListener('change', event => {
  if (event.target.dataset.do === 'note')
    trigger('note', {...details(event.target), text: event.target.value});
});
