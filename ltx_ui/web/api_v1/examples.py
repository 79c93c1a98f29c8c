"""Bodies to begin with: those of the best-practices page, each completed to a whole request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PROMPT = "A cat sitting calmly on a cushion, soft lighting, gentle purring sounds"
_PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAEgAAACACAIAAAAnNLjJAAAAi0lEQVR42u3PAQEAMAQAMJ5aHHHEeg+2BsvqiY1eLCUm"
    "JiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYm"
    "JiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJnY59gEnjgLgQJAueAAAAABJRU5ErkJggg=="
)
"""Stands where a reference image goes."""

_PORTRAIT = {"width": 288, "height": 512}
_BEST = {"num_frames": 49, "num_inference_steps": 40, "guidance_scale": 3.0, **_PORTRAIT}


def _example(summary: str, **fields: Any) -> dict[str, Any]:
    return {"summary": summary, "value": {"prompt": _PROMPT, **fields}}


RECIPES: Mapping[str, Any] = {
    "best": _example("Best quality (mobile, TikTok)", **_BEST),
    "long": _example("Long video (5 seconds)", **{**_BEST, "num_frames": 121}),
    "preview": _example(
        "Fast preview (to test prompts)", num_frames=9, num_inference_steps=5, **_PORTRAIT
    ),
    "balanced": _example(
        "Balanced (good quality, reasonable speed)", **{**_BEST, "num_inference_steps": 30}
    ),
    "character": _example(
        "Character consistency",
        image_start=_PICTURE,
        image_strength=1.0,
        **_BEST,
        seed=1234567890,
    ),
    "from-picture": _example(
        "From a picture",
        image_start=_PICTURE,
        image_strength=1.0,
        prompt="The scene comes alive with gentle movement",
    ),
    "extend": _example(
        "A longer clip: a take goes on for 32 frames",
        extend={"take": "0123456789abcdef0123456789abcdef", "direction": "after"},
        num_frames=49,
    ),
    "retake": _example(
        "A part made again: frames 24 to 47 of a take",
        retake={"take": "0123456789abcdef0123456789abcdef", "start_frame": 24, "end_frame": 48},
        prompt="The ball turns into a bright star",
    ),
    "picture_of": _example(
        "Another sound for a take, whose picture stays",
        picture_of={"take": "0123456789abcdef0123456789abcdef"},
        prompt="Waves roll onto the shore. The sound of the sea",
        loudness=True,
    ),
    "keyframes": _example(
        "Pictures at frames of your choice",
        image_start=_PICTURE,
        keyframes=[{"image": _PICTURE, "frame": 24, "strength": 0.8}],
        prompt="The scene comes alive with gentle movement",
    ),
    "seed": _example("A seed, to make the same clip again", seed=1234567890),
}
"""OpenAPI examples, by their names."""
