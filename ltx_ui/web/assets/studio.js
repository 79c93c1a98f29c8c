(() => {
  const byId = id => document.getElementById(id);

  // The page's own calls are short, and made one after the other, so that their answers come in the
  // same order: a poll that was on its way while Generate was pressed could make the page forget the
  // new job. One that is never answered, as when a phone changes its network, is given up; the next
  // poll would wait for it for ever.
  const PATIENCE = 15_000;
  const fetched = window.fetch;
  let answered = Promise.resolve();
  window.fetch = (address, options = {}) => {
    const ours = String(address.url ?? address).includes('/gradio_api/run/');
    if (!ours) return fetched(address, options);
    const answer = answered.then(() => {
      const call = new AbortController();
      setTimeout(() => call.abort(), PATIENCE);
      options.signal?.addEventListener('abort', () => call.abort());
      return fetched(address, {...options, signal: call.signal});
    });
    answered = answer.catch(() => {});
    return answer;
  };

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
