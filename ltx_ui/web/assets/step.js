// Clips frame by frame, and in step with each other.
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
