(() => {
  // A sheet that a button opens stands below the button or above it, within the window, also when it
  // grows; on a phone CSS puts it at the bottom. Its place is kept outside of what the studio draws anew.
  const place = sheet => {
    const button = document.querySelector(`[popovertarget="${sheet.id}"]`);
    if (!button?.checkVisibility()) return;
    const {left: start, top: over, bottom: under} = button.getBoundingClientRect();
    const {offsetWidth: width, offsetHeight: height} = sheet;
    const left = Math.max(8, Math.min(start, innerWidth - width - 8));
    const below = under + 6 + height < innerHeight;
    const top = below ? under + 6 : Math.max(8, over - height - 6);
    const around = sheet.closest('.block');
    around.style.setProperty('--left', `${left}px`);
    around.style.setProperty('--top', `${top}px`);
  };
  const grows = new ResizeObserver(all => all.forEach(({target}) => {
    if (target.matches(':popover-open')) place(target);
  }));
  document.addEventListener('toggle', event => {
    const sheet = event.target;
    if (!sheet.matches('[popover]')) return;
    if (event.newState !== 'open') return grows.unobserve(sheet);
    if (!document.querySelector(`[popovertarget="${sheet.id}"]`)) return;
    place(sheet);
    grows.observe(sheet);
    sheet.querySelector('textarea:not(.note), input')?.focus();
  }, true);
  document.addEventListener('keydown', event => {
    const {key, target, ctrlKey, metaKey, altKey} = event;
    const writes = 'input, textarea, select, video, [contenteditable], [popover], [role=tab]';
    if (key !== '?' || ctrlKey || metaKey || altKey || target.closest(writes)) return;
    event.preventDefault();
    document.getElementById('keys').togglePopover();
  });
})();
