"""Pillow and ffmpeg live here: reference images in, mp4 files out."""
