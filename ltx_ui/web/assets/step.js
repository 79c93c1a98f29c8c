// What keys do with a clip, and clips in step with each other.
// The keys of a clip that `clip` finds, with some `more`.
studio.keys = (clip, more) => {
  const keys = {
    ' ': () => clip()?.paused ? clip().play() : clip()?.pause(),
    f: () => document.fullscreenElement ? document.exitFullscreen() : clip()?.requestFullscreen(),
    ...more,
  };
  return event => {
    const does = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does();
  };
};
studio.step = (video, by) => {
  if (!video) return;
  video.pause();
  const last = video.duration || 0;
  video.currentTime = Math.max(0, Math.min(last, video.currentTime + by / Number(video.dataset.fps)));
};
// Moves a clip that has drifted from a time further than is noticed, in seconds: two frames. One that
// is shorter stays at its last frame; returns whether it goes on by then.
studio.keepUp = (video, time, most = 0.08) => {
  const last = Math.max(0, (video.duration || 0) - 0.02), wanted = Math.min(time, last);
  if (Math.abs(video.currentTime - wanted) > most) video.currentTime = wanted;
  return time < last;
};
