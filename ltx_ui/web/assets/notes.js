// A note, or a name, is sent in a pause, for the clip that it was begun for, whatever is there by then.
// What was drawn there, or was sent from here last, goes along: what another page wrote meanwhile is not
// replaced. It stands in the field's attribute too, by which Gradio fills a textarea as well: what the
// studio draws differs from it then, and is shown.
studio.written = new Map();
studio.notes = (element, send) => {
  let note, pending;
  const now = () => {
    clearTimeout(pending);
    if (note) {
      send(note);
      studio.written.set(`${note.take} ${note.do}`, note.text);
    }
    note = null;
  };
  element.addEventListener('input', event => {
    const field = event.target.closest('[data-do=note], [data-do=name]');
    if (!field) return;
    const {take} = field.closest('[data-take]').dataset, {do: does} = field.dataset;
    if (note && (note.take !== take || note.do !== does)) now();
    const was = note?.was ?? [field.getAttribute('value'), studio.written.get(`${take} ${does}`)].filter(text => text != null);
    note = {do: does, take, text: field.value, was};
    field.setAttribute('value', field.value);
    clearTimeout(pending);
    pending = setTimeout(now, 400);
  });
  element.addEventListener('focusout', now);
};
studio.heart = button => {
  const on = button.getAttribute('aria-pressed') !== 'true';
  button.setAttribute('aria-pressed', on);
  return on;
};
// The tags in what was typed into one field. The studio parts them at the same signs.
studio.tags = text => text.split(/[,，、،]/).map(tag => tag.trim()).filter(Boolean);
