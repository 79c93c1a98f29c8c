(() => {
  // Calls to the studio.
  // They are short, and those that write are made one after the other, so that their answers come in
  // the same order: a poll that was on its way while Generate was pressed could make the page forget
  // the new job. One that is never answered, as when a phone changes its network, is given up; the
  // next poll would wait for it for ever. Where nobody answers, that is said, and what was pressed is
  // sent again once somebody does.
  const PATIENCE = 15_000, RETRY = 2_000;
  const fetched = window.fetch;
  let answered = Promise.resolve();

  const GATEWAY = [502, 504];  // what a proxy answers when the studio behind it is gone
  const offline = gone => document.body.toggleAttribute('data-offline', gone);
  const back = async () => {
    for (;;) {
      const health = await fetched('health', {cache: 'no-store'}).catch(() => null);
      if (health?.ok) return offline(false);
      await new Promise(resolve => setTimeout(resolve, RETRY));
    }
  };
  const call = async (address, options) => {
    for (;;) {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), PATIENCE);
      options.signal?.addEventListener('abort', () => patience.abort());
      try {
        const answer = await fetched(address, {...options, signal: patience.signal});
        if (GATEWAY.includes(answer.status)) throw new TypeError(answer.statusText);
        offline(false);
        return answer;
      } catch (error) {
        if (patience.signal.aborted) throw error;
        offline(true);
        await back();
      } finally {
        clearTimeout(timer);
      }
    }
  };
  window.fetch = (address, options = {}) => {
    const ours = String(address.url ?? address).includes('/gradio_api/run/');
    if (!ours) return fetched(address, options);
    const answer = answered.then(() => call(address, options));
    answered = answer.catch(() => {});
    return answer;
  };
})();
