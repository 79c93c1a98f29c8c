// Justified rows: posters of one height side by side as wide as the wall, each in its own proportions.
// A row that is not full keeps the height that is aimed at, and may be higher where it is the only one;
// `full` leaves it out, for it will change.
studio.rows = (ratios, width, {height, gap, full}) => {
  const rows = [];
  let first = 0, sum = 0, top = 0;
  const close = (end, high) => {
    let left = 0;
    const boxes = ratios.slice(first, end).map(ratio => {
      const box = {left, width: ratio * high};
      left += box.width + gap;
      return box;
    });
    rows.push({first, top, height: high, boxes});
    top += high + gap;
    first = end;
    sum = 0;
  };
  const fitting = (ratio, count) => (width - gap * (count - 1)) / ratio;
  ratios.forEach((ratio, at) => {
    const before = at - first;
    if (before && fitting(sum + ratio, before + 1) < height) {
      // With this one or without it, whichever is nearer to the height.
      const [without, within] = [fitting(sum, before), fitting(sum + ratio, before + 1)];
      if (without - height < height - within) close(at, without);
    }
    sum += ratio;
    const high = fitting(sum, at - first + 1);
    if (high <= height) close(at + 1, high);
  });
  const most = rows.length ? height : 1.6 * height;
  if (first < ratios.length && !full) close(ratios.length, Math.min(most, fitting(sum, ratios.length - first)));
  return rows;
};
