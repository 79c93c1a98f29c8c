(() => {
  const byId = id => document.getElementById(id);

  document.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    const button = byId('generate');
    if (!button || button.disabled) return;
    event.preventDefault();
    // A field hands its text over when it loses the focus.
    const field = document.activeElement;
    if (field) field.blur();
    setTimeout(() => button.click(), 60);
    if (field) field.focus();
  });

  document.addEventListener('click', event => {
    if (event.target.closest('#generate') && matchMedia('(max-width: 767px)').matches)
      setTimeout(() => byId('result')?.scrollIntoView({behavior: 'smooth', block: 'start'}), 300);
  });

  const markProblems = () => {
    const box = document.querySelector('#problem [data-fields]');
    const wrong = new Set((box?.dataset.fields || '').split(' ').filter(Boolean));
    document.querySelectorAll('.has-problem').forEach(element => {
      if (!wrong.has(element.id)) element.classList.remove('has-problem');
    });
    wrong.forEach(id => byId(id)?.classList.add('has-problem'));
  };

  const localTimes = () => {
    document.querySelectorAll('time[datetime]:not([data-local])').forEach(element => {
      const moment = new Date(element.getAttribute('datetime'));
      element.dataset.local = '';
      element.textContent =
        moment.toLocaleString([], {dateStyle: 'medium', timeStyle: 'short'});
    });
  };

  let waiting = false;
  const observer = new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      markProblems();
      localTimes();
    });
  });
  observer.observe(document.documentElement, {childList: true, subtree: true});

  // One clip plays at a time.
  document.addEventListener('play', event => {
    document.querySelectorAll('video').forEach(video => {
      if (video !== event.target) video.pause();
    });
  }, true);
})();
