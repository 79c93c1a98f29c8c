(() => {
  // Puts a preset's settings, from preset_data in Python, into the fields.
  // A preset may fix the seed; the visitor's own comes back when another preset is chosen.
  const OWN_SEED = `${KEEP}own-seed`;
  const ownSeed = now => {
    const kept = JSON.parse(sessionStorage.getItem(OWN_SEED));
    return kept && now.seed_locked && now.seed === kept.fixed
      ? kept.own : {seed: now.seed, seed_locked: now.seed_locked};
  };
  const isSeed = seed => seed !== null && seed >= 0;
  const shownSeed = () => {
    const shown = document.querySelector('#take-facts dd')?.textContent;
    return shown ? Number(shown) : crypto.getRandomValues(new Uint32Array(1))[0];
  };
  // With the demo model, which is used where there is no GPU, a first visit begins with the preset that
  // keeps nobody waiting; unless the visitor was quicker.
  let settled = localStorage.getItem(`${KEEP}draft`) !== null;
  const choices = '#preset input, #format input, #length input, #length select, #advanced input';
  for (const chosen of ['click', 'input'])
    document.addEventListener(chosen, event => {
      if (event.isTrusted && event.target.closest(choices)) settled = true;
    }, true);
  const first = new MutationObserver(() => {
    if (!settled && !document.querySelector('#model-status .model[data-demo]')) return;
    const quick = document.querySelectorAll('#preset input')[PRESETS.quick];
    if (!settled && !quick) return;
    first.disconnect();
    if (!settled && !quick.checked) quick.click();
  });
  first.observe(document, {childList: true, subtree: true});
  Object.assign(studio, {
    isSeed,
    // A lock without a seed locks that of the clip on the stage. Without a lock there is no seed.
    seedOf: (locked, seed) => locked ? isSeed(seed) ? seed : shownSeed() : null,
    applyPreset(id, ...values) {
      const {fields, settings} = PRESETS, chosen = settings[id];
      if (!chosen) return values;
      const now = Object.fromEntries(fields.map((name, place) => [name, values[place]]));
      const own = ownSeed(now);
      if ('seed' in chosen)
        sessionStorage.setItem(OWN_SEED, JSON.stringify({fixed: chosen.seed, own}));
      else sessionStorage.removeItem(OWN_SEED);
      const wanted = {...now, ...own, ...chosen};
      return fields.map(name => wanted[name]);
    },
  });
})();
