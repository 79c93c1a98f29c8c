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
  const part = name => {
    if (!parts.has(name)) parts.set(name, fetched(name));
    return parts.get(name);
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
    const missed = [];
    let begun = false;
    const begin = async event => {
      if (event) missed.push(event);
      if (begun) return;
      begun = true;
      const scripts = await part(name);
      begins.forEach(each => document.removeEventListener(each, begin));
      scripts[file](component);
      missed.forEach(({type, detail}) => studio.tell(type, detail));
    };
    begins.forEach(each => document.addEventListener(each, begin));
    const look = () => { if (Array.isArray(component.props?.value) && component.props.value.length) begin(); };
    component.watch?.('value', look);
    look();
  };
})();
