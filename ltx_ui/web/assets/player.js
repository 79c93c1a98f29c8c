// A clip that arrives plays, with sound as the visitor left it; without, where the browser wants a click
// first. In a comparison both play in step.
(() => {
  const QUIET = `${KEEP}quiet`;
  const clip = () => document.querySelector('#player video:not(.pinned)');
  const other = () => document.querySelector('#player video.pinned');
  // Of an opened take, or of what is on the stage.
  const around = element => element.closest('.opened') ?? document.getElementById('result');
  const clipOf = element => element.closest('.opened')?.querySelector('video') ?? clip();
  const isPlayed = video => video === clip() || video === clipOf(video);
  // What a script mutes is not what the visitor wants; the browser tells of it a moment later.
  let scripted = 0;
  const mute = (video, on) => {
    if (!video || video.muted === on) return;
    scripted++;
    video.muted = on;
  };
  const asLeft = video => mute(video, localStorage.getItem(QUIET) === 'yes');
  const start = async video => {
    const over = document.querySelector('dialog.full[open]');
    if (over && !over.contains(video)) return;
    asLeft(video);
    video.playbackRate = Number(around(video).querySelector('.speed')?.value ?? 1);
    if (studio.calm.matches) return;
    await video.play().catch(() => {
      mute(video, true);
      return video.play().catch(() => {});
    });
  };
  document.addEventListener('loadeddata', event => {
    if (isPlayed(event.target)) start(event.target);
  }, true);
  if (clip()?.readyState > 1) start(clip());
  document.addEventListener('volumechange', event => {
    if (!isPlayed(event.target)) return;
    if (scripted) scripted--;
    else if (navigator.userActivation?.hasBeenActive)
      localStorage.setItem(QUIET, event.target.muted ? 'yes' : 'no');
  }, true);
  // One clip plays at a time; the two of a comparison play together, and so does a contact sheet.
  document.addEventListener('play', event => {
    const pair = [clip(), other()];
    if (event.target.closest('.contact, .examples, .compared')) return;
    document.querySelectorAll('video').forEach(video => {
      if (video !== event.target && !(pair.includes(video) && pair.includes(event.target))) video.pause();
    });
    if (event.target === clip()) other()?.play().catch(() => {});
  }, true);
  document.addEventListener('pause', event => {
    if (event.target === clip()) other()?.pause();
  }, true);
  for (const moved of ['timeupdate', 'seeked'])
    document.addEventListener(moved, event => {
      if (event.target === clip() && other()) studio.keepUp(other(), event.target.currentTime);
    }, true);
  document.addEventListener('input', event => {
    const stage = event.target.closest('.compare')?.closest('.stage');
    stage?.style.setProperty('--wipe', `${event.target.value}%`);
  });
  document.addEventListener('change', event => {
    const video = event.target.matches('.speed') && clipOf(event.target);
    if (video) video.playbackRate = Number(event.target.value);
  });
  document.addEventListener('click', event => {
    const by = event.target.closest('[data-frame]')?.dataset.frame;
    if (by) studio.step(clipOf(event.target), Number(by));
    if (event.target.closest('[role=tab]')) setTimeout(() => { if (!clip()?.offsetParent) clip()?.pause(); });
    if (event.target.closest('[data-do=unpin]')) {
      document.getElementById('player').classList.remove('side');
      asLeft(clip());
    }
    const button = event.target.closest('[data-compare]');
    if (!button) return;
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', on);
    if (button.dataset.compare === 'side') button.closest('.block').classList.toggle('side', on);
    else {
      mute(clip(), on);
      other().muted = !on;
    }
  });

  // Keys, where nothing is being written.
  const press = id => document.getElementById(id)?.click();
  const keys = studio.keys(clip, {
    ArrowLeft: () => studio.step(clip(), -1),
    ArrowRight: () => studio.step(clip(), 1),
    l: () => press('lock-seed'),
    o: () => press('open-take'),
    s: () => press('save-seed'),
  });
  document.addEventListener('keydown', event => {
    const writes = 'input, textarea, select, [contenteditable], [popover]';
    const pressed = event.key === ' ' ? `${writes}, button, a, summary, video` : `${writes}, video, [role=tab]`;
    if (!event.target.closest(pressed)) keys(event);
  });
})();
