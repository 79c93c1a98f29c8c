// Which clips the gallery shows. While it shows some only, the page's address tells which, for a
// reload. What is typed is sought in a pause.
const PAUSE = 250, MENUS = ['tag', 'model', 'preset', 'format', 'picture', 'length', 'when', 'order'];
const [all, favourites] = element.querySelectorAll('[type=radio]'), field = element.querySelector('[type=search]');
const menus = element.querySelector('.menus'), clear = element.querySelector('[data-do=clear]');
const button = element.querySelector('.filters-button i');
let pending, chosen = {}, drawn, asked = 0;
const inAddress = () => new URLSearchParams(location.hash.match(/^#gallery\?(.*)/)?.[1]);
const address = () => new URLSearchParams({
  ...(field.value.trim() && {search: field.value.trim()}),
  ...(favourites.checked && {favourites: ''}),
  ...chosen,
});
const keep = () => {
  if (location.hash.startsWith('#take')) return;
  const kept = address(), hash = kept.size && element.checkVisibility() ? `#gallery?${kept}` : '';
  if (hash || location.hash.startsWith('#gallery'))
    history.replaceState(history.state, '', location.pathname + location.search + hash);
};
const show = () => {
  const count = Object.keys(chosen).length;
  clear.hidden = !count;
  button.textContent = count || '';
};
const say = () => {
  const zone = new Date().getTimezoneOffset();
  props.value = {search: field.value.trim(), favourites: favourites.checked, ...chosen, zone, asked};
};
const seek = () => {
  clearTimeout(pending);
  asked++;
  say();
  show();
  keep();
  trigger('seek');
};
const read = () => {
  chosen = Object.fromEntries([...menus.querySelectorAll('select')].map(({name, value}) => [name, value]).filter(([, value]) => value));
};
// From the studio: what can be chosen from, and of what was chosen only what can be meant; unless
// something else was chosen meanwhile.
const offer = ({html, of}) => {
  if (of !== asked || html === drawn) return;
  drawn = html;
  const {name} = menus.contains(document.activeElement) ? document.activeElement : {};
  menus.innerHTML = html;
  if (name) menus.querySelector(`[name=${name}]`)?.focus();
  read();
  say();
  show();
  keep();
};
document.addEventListener('studio:menus', ({detail}) => offer(detail));
const kept = inAddress();
field.value = kept.get('search') ?? '';
favourites.checked = kept.has('favourites');
all.checked = !favourites.checked;
for (const name of MENUS) if (kept.get(name)) chosen[name] = kept.get(name);
if (kept.size) seek();
else say();
if (studio.menus) offer(studio.menus);
new IntersectionObserver(keep).observe(element);
element.addEventListener('change', event => {
  if (event.target === field) return;
  if (event.target.matches('select')) read();
  seek();
});
clear.addEventListener('click', () => {
  menus.querySelectorAll('select').forEach(menu => { menu.value = ''; });
  read();
  seek();
});
field.addEventListener('input', () => {
  clearTimeout(pending);
  pending = setTimeout(seek, field.value ? PAUSE : 0);
});
field.addEventListener('keydown', event => {
  if (event.key !== 'Escape' || !field.value) return;
  event.preventDefault();
  event.stopPropagation();
  field.value = '';
  seek();
});
