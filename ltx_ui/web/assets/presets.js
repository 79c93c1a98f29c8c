(() => {
  // Puts a preset's settings, from preset_data in Python, into the fields.
  // A preset may fix the seed; the visitor's own comes back when another preset is chosen.
  // By mouse Gradio reports a choice twice, the second time with the values from before the first.
  const OWN_SEED = `${KEEP}own-seed`, TWICE = 300;
  let applied = {};
  const ownSeed = now => {
    const kept = JSON.parse(sessionStorage.getItem(OWN_SEED));
    return kept && now.seed_locked && now.seed === kept.fixed
      ? kept.own : {seed: now.seed, seed_locked: now.seed_locked};
  };
  window.studio = {
    isSeed: seed => seed !== null && seed >= 0,
    applyPreset(id, ...values) {
      const {fields, settings} = PRESETS, chosen = settings[id];
      const now = Object.fromEntries(fields.map((name, place) => [name, values[place]]));
      if (!chosen) return values;
      const again = applied.id === id && performance.now() - applied.at < TWICE;
      if (again) return applied.values;
      const own = ownSeed(now);
      if ('seed' in chosen)
        sessionStorage.setItem(OWN_SEED, JSON.stringify({fixed: chosen.seed, own}));
      else sessionStorage.removeItem(OWN_SEED);
      const wanted = {...now, ...own, ...chosen};
      applied = {id, at: performance.now(), values: fields.map(name => wanted[name])};
      return applied.values;
    },
  };
})();
