(() => {
  // A picture pasted anywhere on the page goes into the focused picture field, or the first empty one.
  studio.place = picture => {
    const fields = [...document.querySelectorAll('.block.picture-field')];
    const free = fields.find(field => field.contains(document.activeElement))
      ?? fields.find(field => !field.querySelector('img')) ?? fields[0];
    free?.querySelector('.picture').dispatchEvent(new CustomEvent('picture', {detail: picture, bubbles: true}));
  };
  document.addEventListener('paste', event => {
    const picture = [...event.clipboardData.files].find(file => file.type.startsWith('image/'));
    if (!picture) return;
    event.preventDefault();
    studio.place(picture);
  });

  // What is dragged over a tab opens it.
  document.addEventListener('dragover', event => {
    const tab = event.target.closest?.('[role=tab]');
    if (tab?.ariaSelected === 'false') tab.click();
  });

  // An address that tells what the gallery shows opens it.
  const open = () => {
    const tab = document.querySelector('[role=tab][data-tab-id=gallery]');
    tab ? tab.click() : setTimeout(open, 50);
  };
  if (location.hash.startsWith('#gallery')) open();

  // Gradio marks the page with the browser's language, which may be one that the studio doesn't speak.
  const root = document.documentElement;
  const mark = () => { if (root.lang !== LANGUAGE) root.lang = LANGUAGE; };
  new MutationObserver(mark).observe(root, {attributeFilter: ['lang']});
  mark();

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
        moment.toLocaleString(LANGUAGE, {dateStyle: 'medium', timeStyle: 'short'});
    });
  };
  // Fields for people's words take the text's own direction, left to right or right to left.
  const WORDS = '#prompt, #negative-prompt';
  const directions = () => {
    for (const block of document.querySelectorAll(WORDS))
      for (const field of block.querySelectorAll('textarea:not([dir=auto]), input:not([dir=auto])'))
        field.dir = 'auto';
  };
  // The tab's title tells how far the running clip is.
  let own = '';
  const title = () => {
    const bar = document.querySelector('#progress .working [role=progressbar]');
    if (!document.title.endsWith('% · Studio')) own = document.title;
    const words = bar ? `${Math.round(bar.ariaValueNow)} % · Studio` : own;
    if (document.title !== words) document.title = words;
  };
  // Tells that a clip has arrived: one in the strip that was not there before.
  let known;
  const arrivals = () => {
    const takes = [...document.querySelectorAll('#takes .tile.take')].map(tile => tile.dataset.take);
    if (known && takes[0] && !known.has(takes[0])) document.dispatchEvent(new Event('studio:done'));
    if (takes.length || known) known = new Set([...known ?? [], ...takes]);
    else if (document.querySelector('#progress .working')) known = new Set();
  };
  // What has come onto the stage is seen in the strip too.
  let onStage;
  const inStrip = () => {
    const tile = document.querySelector('#takes [aria-pressed=true]')?.closest('.tile');
    const take = tile?.dataset.take ?? '';
    if (!tile || take === onStage) return;
    onStage = take;
    const {left, right} = tile.getBoundingClientRect(), strip = tile.parentElement, box = strip.getBoundingClientRect();
    if (left < box.left || right > box.right) strip.scrollLeft += left - box.left - tile.offsetWidth;
  };
  // An example plays, without sound, while the pointer or the focus is on it.
  for (const [over, plays] of [['pointerover', true], ['pointerout', false], ['focusin', true], ['focusout', false]])
    document.addEventListener(over, event => {
      const video = event.target.closest?.('.examples.clips button')?.querySelector('video');
      if (!video) return;
      video.muted = true;
      if (plays) video.play().catch(() => {});
      else video.pause();
    });

  // What can be done with clips comes with the first one that is there or on its way.
  const clips = () => {
    if (document.querySelector('#takes .tile, #take .take-row, #progress :is(.working, .problem, .notice)')) studio.part('clip');
  };
  let waiting = false;
  const observer = new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    // Not at the next frame: a hidden tab has none.
    setTimeout(() => {
      waiting = false;
      clips();
      arrivals();
      inStrip();
      markProblems();
      localTimes();
      directions();
      title();
    });
  });
  observer.observe(document.body, {childList: true, subtree: true, attributes: true,
    attributeFilter: ['aria-valuenow', 'data-fields', 'datetime']});

  // A notice about the last job is hidden by the visitor's next click or key. Not when the pointer goes
  // down: what is below the notice moves up, and the click would miss it.
  for (const done of ['click', 'keydown'])
    document.addEventListener(done, () =>
      document.querySelectorAll('#progress .notice').forEach(notice => { notice.hidden = true; }));
})();
