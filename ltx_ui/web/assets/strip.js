element.addEventListener('click', event => {
  const chosen = event.target.closest('button[data-take]');
  if (!chosen) return;
  element.querySelectorAll('button[data-take]').forEach(button =>
    button.setAttribute('aria-pressed', button === chosen));
  trigger('choose', {take: chosen.dataset.take});
});
