"""What is worth asking of a GPU once ``gpu_first_light.py`` has run on it, in three minutes.

    python benchmarks/gpu_details.py --wheels FOLDER --seconds 180
    python benchmarks/gpu_details.py --rehearse

Whether compiled blocks pay beside CUDA graphs, by the clip's size; how long decoding takes and what
memory, by the layout of its numbers, whole and in tiles; and what lossy speed gives. Flags, weights
and what they depend on are as in ``gpu_first_light.py``.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import gpu_first_light as first
from ltx_ui import runtime

given, say = first.given, first.say
runtime.set_up()

import torch

from benchmarks.measuring import CUDA, Stopwatch, forget_peak, now, peak_gb
from ltx_ui.clip import Silent
from ltx_ui.engine.decoding import decode_video
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.memory_fallback import tiled
from ltx_ui.geometry import latent_frames, latent_size
from ltx_ui.lossy import parse_lossy

GRAPHS = replace(first.EAGER, graphs=True)
COMPILED = replace(first.COMPILED, graphs=CUDA)
CLIPS: dict[str, dict[str, Any]] = {
    "9 frames, 5 steps": {"num_frames": 9, "num_inference_steps": 5},
    "121 frames, 8 steps": {"num_frames": 121, "num_inference_steps": 8},
    "1280x704, 49 frames, 4 steps": {"width": 1280, "height": 704, "num_inference_steps": 4},
}
DECODED = ((288, 512, 49), (1280, 704, 49), (1280, 704, 121))
LOSSY = ("skip-guidance", "fp8-matmul", "fp8-matmul,skip-guidance")
"""Rounded weights stay rounded, so those are last."""
FORMATS = (torch.contiguous_format, torch.channels_last_3d)


class Details(first.Light):
    """The measurements, in their order."""

    def parts(self) -> tuple[Callable[[], None], ...]:
        """What is measured."""
        return (self.load, self.decoding, self.sizes, self.out_of_memory, self.lossy)

    def decoding(self) -> None:
        """Decoding by layout, whole and in tiles: milliseconds and gigabytes beside the weights."""
        for width, height, frames in DECODED[:1] if given.rehearse else DECODED:
            columns, rows = latent_size(width, height)
            shape = (1, 128, latent_frames(frames), rows, columns)
            latents = torch.randn(shape, device=self.place, dtype=self.dtype)
            for layout in FORMATS:
                self.pipe.vae.decoder.to(memory_format=layout)
                whole = self._decoded(latents)
                with tiled(self.pipe.vae, rows, columns):
                    tiles = self._decoded(latents)
                with tiled(self.pipe.vae, rows, columns, framewise=True):
                    few = self._decoded(latents)
                say(
                    f"{width}x{height}, {frames} frames, {layout}: {whole}; "
                    f"in tiles {tiles}; a few frames at a time {few}"
                )
        self.pipe.vae.decoder.to(memory_format=torch.contiguous_format)

    def _decoded(self, latents: torch.Tensor) -> str:
        times = []
        live = 0.0
        for _ in range(2 if given.rehearse else 3):
            forget_peak()
            live = torch.cuda.memory_allocated() / 1e9 if CUDA else 0.0
            began = now()
            decode_video(self.pipe.vae, latents)
            times.append(1000 * (now() - began))
        return f"{statistics.median(times[1:]):.0f} ms, {peak_gb() - live:.2f} GB"

    def sizes(self) -> None:
        """Clips by size, graphs over eager and over compiled blocks."""
        for name, fields in CLIPS.items():
            recipe = self.recipe.model_copy(update=fields)
            if given.rehearse:
                recipe = self.recipe
            for title, chosen in (("eager", GRAPHS), ("compiled", COMPILED)):
                self.engine.use(chosen)
                say(f"{name}, {title}: {self._clip(recipe)}")

    def _clip(self, recipe: Any) -> str:
        """The time of a clip whose blocks are compiled and whose forwards are recorded."""
        for _ in range(2):
            self.engine.generate(recipe.model_copy(update={"num_inference_steps": 2}), Silent())
            self.engine.finish_compiling()
        forget_peak()
        watch, began = Stopwatch(), now()
        self.engine.generate(recipe, watch)
        total = now() - began
        step = (watch.began["decoding"] - watch.began["sampling"]) / recipe.num_inference_steps
        return f"{total:.2f} s, {1000 * step:.1f} ms a step, {peak_gb():.1f} GB at most"

    def lossy(self) -> None:
        """The whole clip with lossy speed."""
        for names in LOSSY:
            if "fp8" in names and not CUDA:
                say(f"{names}: left out, no CUDA device")
                continue
            lossy = parse_lossy(names)
            self.engine = Engine("demo", DEMO_FOLDER, optimizations=GRAPHS, lossy=lossy)
            self.drive("ltx-2")
            say(f"{names}: {self._clip(self.recipe)}")
        if CUDA:
            first.limit(None)


if __name__ == "__main__":
    sys.exit(Details().run())
