// The LoRAs: those that are chosen, each with its strength and its trigger words, and a list to add one
// from. The value has a name and a strength for each; a name may have @ and a digest after it. It begins
// with studio:disclose, or with studio:lora, by which the camera's picker turns one on or off.
const MOST = 4, LEAST_STRENGTH = -2, MOST_STRENGTH = 2, SAID = props.words;
const make = (tag, more, ...inside) => {
  const made = Object.assign(document.createElement(tag), more);
  made.append(...inside);
  return made;
};
const plain = name => name.split('@')[0];
const shown = strength => Number(strength).toLocaleString(document.documentElement.lang, {maximumFractionDigits: 2});
const put = value => {
  props.value = value;
  show();
};
const row = ([asked, strength], place) => {
  const name = plain(asked), known = props.offered.find(each => each.name === name);
  const told = make('output', {textContent: shown(strength)});
  const slider = make('input', {
    type: 'range', min: LEAST_STRENGTH, max: MOST_STRENGTH, step: 0.05, value: strength,
    oninput: () => { told.textContent = shown(slider.value); },
    onchange: () => put(props.value.map((each, at) => at === place ? [asked, Number(slider.value)] : each)),
  });
  slider.setAttribute('aria-label', `${SAID.strength}: ${name}`);
  const remove = make('button', {type: 'button', className: 'clear', textContent: '×', onclick: () => {
    put(props.value.filter((each, at) => at !== place));
    element.querySelector('select')?.focus();
  }});
  remove.setAttribute('aria-label', `${SAID.remove}: ${name}`);
  const words = (known?.words ?? []).map(word => make('button', {
    type: 'button', textContent: `+ ${word}`, title: SAID.add_word, dir: 'auto', onclick: () => write(word),
  }));
  const beside = known ? words : [make('span', {className: 'missing', textContent: SAID.missing})];
  return make('li', {}, make('p', {}, make('b', {textContent: known?.label ?? name, title: name, dir: 'auto'}), told, remove),
    slider, make('div', {className: 'phrases'}, ...beside));
};
// Puts a trigger word before what is typed, unless it is there.
const write = word => {
  const field = document.querySelector('#prompt textarea');
  if (field.value.includes(word)) return;
  field.value = field.value.trim() ? `${word}, ${field.value}` : word;
  field.dispatchEvent(new Event('input', {bubbles: true}));
};
const add = name => put([...(props.value ?? []), [name, 1]]);
const show = () => {
  const chosen = props.value ?? [], names = chosen.map(([asked]) => plain(asked));
  const others = props.offered.filter(each => !names.includes(each.name));
  const select = make('select', {onchange: () => add(select.value)},
    make('option', {value: '', textContent: SAID.add}),
    ...others.map(each => make('option', {value: each.name, textContent: each.label})));
  select.setAttribute('aria-label', SAID.add);
  element.querySelector('ol').replaceChildren(...chosen.map(row));
  element.querySelector('.adding').replaceChildren(...(others.length && chosen.length < MOST ? [select] : []));
};
document.addEventListener('studio:lora', ({detail: name}) => {
  const chosen = props.value ?? [], others = chosen.filter(([asked]) => plain(asked) !== name);
  if (others.length < chosen.length) put(others);
  else if (chosen.length < MOST) add(name);
  const around = document.getElementById('advanced');
  if (around.popover) around.showPopover();
  else if (!around.classList.contains('open')) around.querySelector('.disclose').click();
  element.scrollIntoView({block: 'nearest'});
});
watch(Object.keys(props), show);
show();
