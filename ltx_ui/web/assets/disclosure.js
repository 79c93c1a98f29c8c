element.addEventListener('click', event => {
  const button = event.target.closest('button');
  const open = element.closest('.discloses').classList.toggle('open');
  button?.setAttribute('aria-expanded', open);
  studio.tell('studio:disclose');
});
