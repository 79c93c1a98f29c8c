// A poster plays while the pointer is on it, or once it is tapped: with sound as the visitor left it,
// without until they have clicked or typed somewhere, which browsers want first.
studio.peeks = element => {
  const QUIET = `${KEEP}quiet`, PAUSE = 180;
  let over, pending, card, clip;
  const quiet = () => !navigator.userActivation?.hasBeenActive || localStorage.getItem(QUIET) === 'yes';
  const stop = () => {
    clearTimeout(pending);
    card?.classList.remove('plays', 'silent');
    clip?.pause();
    clip?.removeAttribute('src');
    clip?.load();  // What was loaded of it is given up.
    clip?.remove();
    card = clip = over = undefined;
  };
  const show = () => card?.classList.toggle('silent', clip.muted);
  const start = chosen => {
    stop();
    const poster = chosen.querySelector('img');
    if (!poster || chosen.classList.contains('lost')) return;
    card = chosen;
    clip = Object.assign(document.createElement('video'), {
      src: `takes/${card.dataset.take}.mp4`, loop: true, playsInline: true, muted: quiet(), tabIndex: -1,
    });
    clip.ariaHidden = 'true';
    card.classList.add('plays');
    poster.after(clip);
    const playing = clip;
    playing.play().catch(() => {
      playing.muted = true;
      show();
      return playing.play().catch(() => {});
    });
    show();
  };
  element.addEventListener('pointerover', event => {
    if (event.pointerType !== 'mouse') return;
    const now = event.target.closest('.card');
    if (now === over) return;
    if (card !== now) stop();
    clearTimeout(pending);
    over = now;
    if (now && now !== card && !studio.calm.matches) pending = setTimeout(start, PAUSE, now);
  });
  element.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') stop(); });
  new IntersectionObserver(([seen]) => { if (!seen.isIntersecting) stop(); }).observe(element);
  return {
    start,
    stop,
    isOn: chosen => chosen === card,
    toggle(chosen) {
      if (chosen !== card) start(chosen);
      else if (clip.paused) clip.play().catch(() => {});
      else clip.pause();
    },
    sound() {
      if (!clip) return;
      clip.muted = !clip.muted;
      localStorage.setItem(QUIET, clip.muted ? 'yes' : 'no');
      show();
    },
  };
};
