(() => {
  // The page's events are sent one after the other, so that their answers come in order: the answer
  // to a poll that was sent just before Generate was pressed could make the page forget the new job.
  // An event that is never answered, as when a phone changes its network, is given up after PATIENCE
  // milliseconds, for the next ones wait for it. While the studio can't be reached, the page says so,
  // and sends the event again as soon as the studio is back.
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
