// Which of a wall's cards are chosen, by their takes, and the bar that says what can be done with them.
// `order` gives the takes in the order of the wall, `act` gets what is to be done.
studio.chosen = (element, order, act) => {
  const bar = element.querySelector('.chosen-bar'), count = bar.querySelector('[role=status]');
  const tags = element.querySelector('#gallery-tags');
  const chosen = new Set();
  let from;
  const takes = () => order().filter(take => chosen.has(take.id));
  const mark = card => {
    const on = chosen.has(card.dataset.take);
    card.classList.toggle('chosen', on);
    card.querySelector('.pick input').checked = on;
  };
  const show = () => {
    element.querySelectorAll('.card').forEach(mark);
    element.classList.toggle('chooses', chosen.size > 0);
    bar.hidden = !chosen.size;
    count.textContent = count.dataset.words.replace('{number}', chosen.size);
    const loved = chosen.size > 0 && takes().every(take => take.favourite);
    bar.querySelector('.heart').setAttribute('aria-pressed', loved);
    bar.querySelector('[data-bar=compare]').disabled = chosen.size < 2 || chosen.size > 4;
    if (!chosen.size && tags.matches(':popover-open')) tags.hidePopover();
  };
  const end = () => {
    chosen.clear();
    from = undefined;
    show();
  };
  const toggle = id => {
    if (!chosen.delete(id)) chosen.add(id);
    from = id;
    show();
  };
  const upTo = id => {
    const ids = order().map(take => take.id);
    const [a, b] = [ids.indexOf(from ?? id), ids.indexOf(id)].sort((one, other) => one - other);
    if (a < 0) return toggle(id);
    ids.slice(a, b + 1).forEach(each => chosen.add(each));
    from ??= id;
    show();
  };
  bar.addEventListener('click', event => {
    const does = event.target.closest('[data-bar]')?.dataset.bar;
    if (does === 'end') end();
    else if (does && does !== 'tags') act(does, takes());
  });
  // The tags of what is chosen, and a field for a new one.
  const list = () => {
    const present = [...new Set(takes().flatMap(take => take.tags))].sort();
    const words = tags.querySelector('.phrases');
    words.replaceChildren(...present.map(tag => {
      const button = Object.assign(document.createElement('button'), {type: 'button', textContent: `${tag} ×`});
      button.dataset.tag = tag;
      button.ariaLabel = words.dataset.words.replace('{tag}', () => tag);
      return button;
    }));
  };
  tags.addEventListener('beforetoggle', event => { if (event.newState === 'open') list(); });
  tags.addEventListener('click', event => {
    const {tag} = event.target.closest('[data-tag]')?.dataset ?? {};
    if (tag === undefined) return;
    act('tag', takes(), {add: [], remove: [tag]});
    list();
  });
  tags.addEventListener('submit', event => {
    event.preventDefault();
    const field = tags.querySelector('input'), add = studio.tags(field.value);
    if (add.length) act('tag', takes(), {add, remove: []});
    field.value = '';
    list();
  });
  document.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || !chosen.size || !element.checkVisibility()) return;
    if (!document.querySelector(':popover-open, dialog[open]')) end();
  });
  return {
    mark, show, end, toggle, upTo, takes,
    get any() { return chosen.size > 0; },
    forget(ids) {
      ids.forEach(id => chosen.delete(id));
      show();
    },
  };
};
