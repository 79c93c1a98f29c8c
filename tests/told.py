"""A clip's files, which tell its recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from studios import quick

from ltx_ui.clip import Clip
from ltx_ui.media.mp4 import write_mp4, write_poster
from ltx_ui.recipe import Recipe, Typed
from ltx_ui.request import request_data

ODD = 'a "fox" \\ 100 % {x} \x00\x07 größer\n\nals 🦊👩‍👩‍👧 \u202eשלום\u202c <b>&amp;'
MADE: dict[str, Any] = {
    "model": "demo",
    "device": "cpu",
    "versions": {"ltx_ui": "0.3.0", "torch": "2.13.0"},
    "timings": {"text": 0.1, "sampling": 12.5},
    "made_at": "2026-11-27T03:20:59Z",
}


def typed(**fields: Any) -> Recipe:
    """A recipe with its words as they were typed."""
    recipe = quick(seed=2**32 - 1, **fields)
    return recipe.model_copy(
        update={"typed": Typed(recipe.prompt, camera="pan\nleft", negative_prompt="")}
    )


def files(folder: Path, recipe: Recipe) -> dict[str, Path]:
    """What there may be of a clip: its mp4, its poster, and its recipe in each form of JSON."""
    clip = Clip(np.full((9, 128, 128, 3), 90, np.uint8), 24, None, 24000)
    kept = {"recipe": recipe.model_dump(mode="json")} | MADE
    paths = {name: folder / name for name in ("clip.mp4", "poster.jpg", "kept.json", "asked.json")}
    write_mp4(clip, paths["clip.mp4"], kept)
    write_poster(clip, paths["poster.jpg"], kept)
    paths["kept.json"].write_text(json.dumps(kept))
    paths["asked.json"].write_text(json.dumps(request_data(recipe)), encoding="utf-8-sig")
    return paths
