(() => {
  // The page's calls to the studio go at once. Only calls of one event go one after the other, so
  // that the last click on a heart is the last one that the studio hears of.
  // An answer leaves alone what the answer to a later call has changed already, and a text that was
  // typed in since the call was sent, as before a page's first answer. A poll gives way to every call
  // whose answer comes first: it was sent without knowing what that changed, and would make the page
  // forget the job that Generate has begun. Another one follows it soon.
  // What is asked after a text was written, such as a note, is asked when that is kept, so that the
  // answer has it.
  // A call that is not answered for PATIENCE milliseconds, as when a phone changes its network, and
  // one that does not reach the studio is sent again once the studio is there; the page says so
  // meanwhile. It has the same name then, so that what has happened does not happen twice.
  const PATIENCE = 15_000, RETRY = 2_000, SHOWN = 10_000;
  const fetched = window.fetch;
  const underWay = new Set(), lastOf = new Map();
  let sent = 0, kept = Promise.resolve();

  const UNCHANGED = {__type__: 'update'};
  const changes = value => value?.__type__ !== 'update' || Object.keys(value).length > 1;
  const sets = value => value?.__type__ !== 'update' || 'value' in value;
  const valueOf = value => value?.__type__ !== 'update' ? value : sets(value) ? {...UNCHANGED, value: value.value} : UNCHANGED;
  const json = told => new Response(JSON.stringify(told), {headers: {'content-type': 'application/json'}});

  const GATEWAY = [502, 504];  // what a proxy answers when the studio behind it is gone
  const offline = gone => document.body.toggleAttribute('data-offline', gone);
  // Returns when the studio answers again.
  studio.back = async () => {
    offline(true);
    for (;;) {
      await new Promise(resolve => setTimeout(resolve, RETRY));
      const health = await fetched('health', {cache: 'no-store'}).catch(() => null);
      if (health?.ok) break;
    }
    offline(false);
  };
  // Gradio shows an error only where its queue had the event. What comes is HTML.
  let shows;
  const refused = ({error, detail}) => {
    const sentence = new DOMParser().parseFromString(error || detail || '', 'text/html').body.textContent;
    if (!sentence) return;
    const told = document.getElementById('refused') ?? document.createElement('div');
    Object.assign(told, {id: 'refused', className: 'problem', role: 'alert', popover: 'manual'});
    document.body.append(told);
    told.textContent = sentence;
    told.showPopover();
    clearTimeout(shows);
    shows = setTimeout(() => told.hidePopover(), SHOWN);
  };
  const send = async (address, options, call) => {
    for (;;) {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), PATIENCE);
      for (const signal of [options.signal, call.outdated.signal])
        signal?.addEventListener('abort', () => patience.abort());
      try {
        const answer = await fetched(address, {...options, signal: patience.signal});
        if (GATEWAY.includes(answer.status)) throw new TypeError(answer.statusText);
        offline(false);
        if (answer.ok) return json(settle(await answer.json(), call));
        if (!call.polls) refused(await answer.clone().json().catch(() => ({})));
        if (answer.status === 404) studio.tell('studio:missing');  // What shows it is drawn anew.
        return answer;
      } catch (error) {
        if (call.outdated.signal.aborted) {
          studio.tell('studio:outdated');
          return json({data: call.outputs.map(() => UNCHANGED)});
        }
        if (options.signal?.aborted || (call.polls && patience.signal.aborted)) throw error;
        await studio.back();
      } finally {
        clearTimeout(timer);
      }
    }
  };
  // Leaves out of an answer what has changed since, and tells the others what it changes.
  const settle = (told, call) => {
    underWay.delete(call);
    const others = call.polls ? [] : [...underWay].filter(other => other.polls || other.number < call.number);
    call.outputs.forEach((id, place) => {
      const value = told.data[place];
      if (call.changed.has(id)) return told.data[place] = UNCHANGED;
      if (call.offered.has(id)) told.data[place] = valueOf(value);
      if (changes(value)) others.forEach(other => outdate(other, id, value));
    });
    return told;
  };
  // Where a later answer says what a field offers and not its value, as when the model is known before
  // the kept fields are, the earlier one still says the value.
  const outdate = (call, id, value) => {
    if (!call.outputs.includes(id)) return;
    (sets(value) ? call.changed : call.offered).add(id);
    if (call.polls) call.outdated.abort();
  };
  document.addEventListener('input', ({target}) => {
    if (!target.matches('textarea:not(.note)')) return;
    const ids = new Map(gradio_config.components.map(({id, props}) => [props.elem_id, id]));
    for (let place = target; place; place = place.parentElement) {
      if (!ids.has(place.id)) continue;
      return underWay.forEach(call => call.changed.add(ids.get(place.id)));
    }
  });
  const event = body => {
    const {fn_index, event_data} = JSON.parse(body ?? '{}');
    const {outputs = [], targets = []} = gradio_config.dependencies.find(each => each.id === fn_index) ?? {};
    const polls = targets.some(([, trigger]) => trigger === 'due');
    const writes = typeof event_data?.text === 'string';
    return {number: sent++, fn_index, outputs, polls, writes, changed: new Set(), offered: new Set(), outdated: new AbortController()};
  };
  window.fetch = (address, options = {}) => {
    const ours = String(address.url ?? address).includes('/gradio_api/run/');
    if (!ours) {
      const answer = fetched(address, options);
      if (options.method === 'PATCH') kept = answer.catch(() => {});
      return answer;
    }
    const call = event(options.body);
    const headers = new Headers(options.headers);
    if (!call.polls) headers.set('x-event', crypto.getRandomValues(new Uint32Array(4)).join('-'));
    options = {...options, headers};
    underWay.add(call);
    const before = Promise.all([kept, lastOf.get(call.fn_index)]);
    const answer = before.then(() => send(address, options, call)).finally(() => underWay.delete(call));
    lastOf.set(call.fn_index, answer.catch(() => {}));
    if (call.writes) kept = lastOf.get(call.fn_index);
    return answer;
  };
})();
