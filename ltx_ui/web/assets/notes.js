// A note, or a name, is sent in a pause, for the clip that it was begun for, whatever is there by then.
// It stands in the field's attribute too: what the studio draws differs from it then, and is shown.
studio.notes = (element, send) => {
  let note, pending;
  const now = () => {
    clearTimeout(pending);
    if (note) send(note);
    note = null;
  };
  element.addEventListener('input', event => {
    const field = event.target.closest('input:is([data-do=note], [data-do=name])');
    if (!field) return;
    const {take} = field.closest('[data-take]').dataset, {do: does} = field.dataset;
    if (note && (note.take !== take || note.do !== does)) now();
    note = {do: does, take, text: field.value};
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
