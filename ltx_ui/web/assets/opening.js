(() => {
  // What opens a take, on O, on Enter or a double click in the strip, or by the address #take=ID; and a
  // link's sheet, for a take or by the address #recipe=. Their own scripts come at the first.
  const open = take => studio.tell('studio:open', {take});
  document.addEventListener('click', ({target}) => {
    const {take} = target.closest('#open-take, [data-share]')?.closest('[data-take]')?.dataset ?? {};
    if (take) target.closest('#open-take') ? open(take) : studio.tell('studio:share', {take});
  });
  document.addEventListener('dblclick', event => {
    const tile = event.target.closest('#takes .take');
    const clip = event.target.closest('#player .stage video') && document.querySelector('#take .take-row');
    if (!tile && !clip) return;
    event.preventDefault();
    getSelection()?.removeAllRanges();
    open((tile ?? clip).dataset.take);
  });
  document.addEventListener('keydown', event => {
    const tile = event.key === 'Enter' && event.target.closest('#takes .take');
    if (!tile || event.repeat || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open(tile.dataset.take);
  });

  const whenThere = (selector, does) => {
    if (document.querySelector(selector)) does();
    else setTimeout(whenThere, 50, selector, does);
  };
  const follow = () => {
    if (location.hash.startsWith('#take=') || document.querySelector('#opened dialog[open]'))
      whenThere('#opened dialog', () => studio.tell('studio:open'));
  };
  const followLink = () => {
    if (location.hash.startsWith('#recipe=')) whenThere('#recall input', () => studio.tell('studio:link'));
  };
  // Sheets that the studio makes, and buttons that send what they are for.
  document.addEventListener('click', ({target}) => {
    const button = target.closest('[data-sheet], [data-give], [data-call]');
    if (button) studio.tell('studio:sheet', button);
    const shot = target.closest('[data-first-shot]');
    if (shot) {
      sessionStorage.setItem(`${KEEP}board-take`, shot.closest('[data-take]').dataset.take);
      shot.closest('[popover]').hidePopover();
      document.querySelector('[role=tab][data-tab-id=board]').click();
    }
    const event = target.closest('[data-tells]')?.dataset.tells;
    if (event) studio.tell(event);
  });
  studio.run('links.js', {}, 'links');
  studio.run('people.js', {}, 'people');
  addEventListener('popstate', follow);
  addEventListener('hashchange', followLink);
  follow();
  followLink();
})();
