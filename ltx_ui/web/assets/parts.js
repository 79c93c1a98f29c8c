(() => {
  // Scripts of components. What belongs to other tabs and to dialogs comes in parts, each with a style
  // sheet, which shows what waited for it. A part that can't be had is fetched again once the studio
  // answers; where it is of a version that is gone, the page is loaded anew, with all that was typed.
  const parts = new Map();
  const address = file => new URL(PARTS.folder + file, document.baseURI).href;
  const style = href => new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement('link'), {rel: 'stylesheet', href, onload: resolve});
    link.onerror = error => {
      link.remove();
      reject(error);
    };
    document.head.append(link);
  });
  const fetched = async (name, again = '') => {
    try {
      const script = import(address(`${name}.js${again}`));
      await style(address(`${name}.css${again}`));
      return (await script).scripts;
    } catch {
      await studio.back();
      const {status} = await fetch(address(`${name}.js`), {method: 'HEAD'});
      if (status === 404) location.reload();
      return fetched(name, `?${Date.now()}`);
    }
  };
  // The others build upon what clips need.
  const part = studio.part = async name => {
    const before = name === 'clip' ? null : part('clip');
    if (!parts.has(name)) parts.set(name, fetched(name));
    await before;
    return parts.get(name);
  };
  const anew = ({type, target, detail, dataTransfer, newState}) =>
    target.dispatchEvent(Object.assign(new Event(type, {bubbles: true}), {detail, dataTransfer, newState}));
  // A drop can be read only while it happens, and comes only where the event before was taken.
  const kept = event => {
    const {type, target, detail, newState, dataTransfer: data} = event;
    if (!data) return {type, target, detail, newState};
    if (event.currentTarget !== document) event.preventDefault();
    const types = [...data.types], texts = types.map(each => data.getData(each));
    const getData = each => texts[types.indexOf(each)] ?? '';
    return {type, target, dataTransfer: {types, getData, files: [...data.files]}};
  };
  // Runs a component's script: at once, when its part is there, or when the first of the events happens
  // that its part begins with, which then happens again for it, or when it holds a list with something in it.
  studio.run = async (file, component, name) => {
    if (!name) return SCRIPTS[file](component);
    const begins = PARTS.begins[name];
    if (!begins.length) {
      // Until its script is there, what is pressed would change how it looks, and do nothing.
      const {element} = component;
      element.inert = true;
      const scripts = await part(name);
      element.inert = false;
      return scripts[file](component);
    }
    const missed = [], left = new AbortController();
    let begun = false;
    const begin = async event => {
      if (event) missed.push(kept(event));
      if (begun) return;
      begun = true;
      // Generate waits for what was chosen, here as in the script.
      const block = component.element?.closest('.block');
      if (block) block.dataset.busy = '';
      const scripts = await part(name);
      left.abort();
      delete block?.dataset.busy;
      scripts[file](component);
      missed.forEach(anew);
      if (block && !('busy' in block.dataset)) anew({type: 'studio:settled', target: block});
    };
    for (const each of begins) {
      const [on, type] = each.startsWith('document:') ? [document, each.slice(9)] : each.includes(':') ? [document, each] : [component.element, each];
      on.addEventListener(type, begin, {capture: true, signal: left.signal});
    }
    const look = () => {
      const value = component.props?.value;
      if (value && typeof value === 'object' && Object.keys(value).length) begin();
    };
    component.watch?.('value', look);
    look();
  };
})();
