(() => {
  // Ctrl+Enter presses Generate. Generate waits for a picture that is being sent.
  document.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || event.repeat || !(event.ctrlKey || event.metaKey)) return;
    const button = document.getElementById('generate');
    if (!button?.offsetParent || button.disabled) return;
    event.preventDefault();
    // Gradio takes a field's text when the field loses the focus.
    const field = document.activeElement;
    if (field) field.blur();
    setTimeout(() => button.click(), 60);
    if (field) field.focus();
  });
  document.addEventListener('click', event => {
    if (!event.target.closest('#generate') || !document.querySelector('#pictures [data-busy]')) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const press = () => setTimeout(() => document.getElementById('generate').click());
    document.addEventListener('studio:settled', press, {once: true});
  }, true);

  // On a phone the stage comes into view when a clip is asked for. It stays there when the clip makes
  // it higher, where the browser would hold on to what is below; as it does for somebody who writes.
  const narrow = matchMedia('(max-width: 767px)');
  const hold = below => document.documentElement.style.overflowAnchor = below ? '' : 'none';
  document.addEventListener('click', event => {
    if (!event.target.closest('#generate') || !narrow.matches) return;
    hold(false);
    document.getElementById('result')?.scrollIntoView({behavior: studio.calm.matches ? 'auto' : 'smooth', block: 'start'});
  });
  document.addEventListener('focusin', event => hold(!event.target.closest('#actions')));
})();
