(() => {
  // A picture pasted anywhere on the page goes into the focused picture field, or the first empty one.
  document.addEventListener('paste', event => {
    const picture = [...event.clipboardData.files].find(file => file.type.startsWith('image/'));
    if (!picture) return;
    event.preventDefault();
    const fields = [...document.querySelectorAll('.block.picture-field')];
    const free = fields.find(field => field.contains(document.activeElement))
      ?? fields.find(field => !field.querySelector('img')) ?? fields[0];
    free?.dispatchEvent(new CustomEvent('studio:picture', {detail: picture}));
  });

  // Runs whenever the page changes: marks wrong fields, shows local times, sets text directions.
  const markProblems = () => {
    const box = document.querySelector('#problem [data-fields]');
    const wrong = new Set((box?.dataset.fields || '').split(' ').filter(Boolean));
    document.querySelectorAll('.has-problem').forEach(element => {
      if (!wrong.has(element.id)) element.classList.remove('has-problem');
    });
    wrong.forEach(id => document.getElementById(id)?.classList.add('has-problem'));
  };
  const localTimes = () => {
    document.querySelectorAll('time[datetime]:not([data-local])').forEach(element => {
      const moment = new Date(element.getAttribute('datetime'));
      element.dataset.local = '';
      element.textContent =
        moment.toLocaleString([], {dateStyle: 'medium', timeStyle: 'short'});
    });
  };
  // Fields for people's words take the text's own direction, left to right or right to left.
  const WORDS = '#prompt, #negative-prompt, #compiled-prompt, #note, #camera, #lighting, #sound, #speech';
  const directions = () => {
    for (const block of document.querySelectorAll(WORDS))
      for (const field of block.querySelectorAll('textarea:not([dir=auto]), input:not([dir=auto])'))
        field.dir = 'auto';
  };
  let waiting = false, working = false;
  const observer = new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      markProblems();
      localTimes();
      directions();
      const now = Boolean(document.querySelector('#progress .working'));
      if (now && !working) document.dispatchEvent(new Event('studio:working'));
      working = now;
    });
  });
  observer.observe(document.documentElement, {childList: true, subtree: true});

  // A notice about the last job is hidden at the visitor's next click or key.
  for (const done of ['pointerdown', 'keydown'])
    document.addEventListener(done, () =>
      document.querySelectorAll('#progress .notice').forEach(notice => { notice.hidden = true; }));

  // One clip plays at a time.
  document.addEventListener('play', event => {
    document.querySelectorAll('video').forEach(video => {
      if (video !== event.target) video.pause();
    });
  }, true);
})();
