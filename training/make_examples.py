"""Make the example clips that a first visitor sees: six of the demo model's, small enough to come
with the package.

Each is made with the first seed of which everything that the prompt asks for is seen and heard, as
the tests of the demo model read it, and with which the doctor finds no fault. Beside the mp4 lie
its poster and its recipe.

    python -m training.make_examples
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import torch
from PIL import Image

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.media.doctor import examine
from ltx_ui.media.mp4 import write_mp4, write_poster
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe, request_data
from training import measure

FOLDER = Path(__file__).resolve().parent.parent / "ltx_ui" / "web" / "assets" / "examples"
MOST_BYTES = 600_000
"""Of all files together."""
TRIES = 12
"""Seeds that are tried for a clip."""
LANDSCAPE = {"width": 512, "height": 288}
CLIPS: Mapping[str, tuple[str, dict[str, int], Mapping[str, str]]] = {
    "red-ball": (
        "A red ball bounces up and down in a sandy desert. Dull thumps. Static camera.",
        {},
        {"subject": "ball", "colour": "red", "motion": "bouncing", "place": "desert"}
        | {"sound": "thumps"},
    ),
    "green-ring": (
        "A green ring floats upwards at night. A low hum. Static camera.",
        {},
        {"subject": "ring", "colour": "green", "motion": "up", "place": "night", "sound": "hum"},
    ),
    "yellow-box": (
        "A yellow box moves to the left over the ocean. The sound of waves. Static camera.",
        LANDSCAPE,
        {"subject": "box", "colour": "yellow", "motion": "left", "place": "ocean"}
        | {"sound": "waves"},
    ),
    "purple-star": (
        "A purple star stays still in a plain grey studio. Beeps. Static camera.",
        {},
        {"subject": "star", "colour": "purple", "motion": "still", "place": "studio"}
        | {"sound": "beeps"},
    ),
    "white-triangle": (
        "A white triangle moves to the right in a green forest. The sound of rain. Static camera.",
        {},
        {"subject": "triangle", "colour": "white", "motion": "right", "place": "forest"}
        | {"sound": "rain"},
    ),
    "blue-ball": (
        "A blue ball sinks slowly in front of a sunset sky. A high tone. Static camera.",
        {},
        {"subject": "ball", "colour": "blue", "motion": "down", "place": "sunset"}
        | {"sound": "tone"},
    ),
}
"""Prompt, size and what has to be seen and heard, by name."""


def tries(engine: Engine, prompt: str, size: Mapping[str, int]) -> Iterator[tuple[Recipe, Clip]]:
    """The prompt's clips of one seed after the other."""
    for seed in range(1, TRIES + 1):
        asked = {"prompt": prompt, "num_frames": 49, "num_inference_steps": 40, "seed": seed}
        recipe = parse_recipe({**asked, **size})
        yield recipe, engine.generate(recipe, Silent())


def shows(clip: Clip, wanted: Mapping[str, str]) -> bool:
    """Whether a clip is as it was asked for."""
    seen = measure.look(torch.from_numpy(clip.frames), clip.fps)
    assert clip.waveform is not None
    heard = measure.listen(torch.from_numpy(clip.waveform), clip.sample_rate)
    right = all(getattr(seen, name, heard) == value for name, value in wanted.items())
    return right and not examine(clip, wants_sound=True)


def save(clip: Clip, recipe: Recipe, name: str, folder: Path) -> None:
    """Write a clip, its poster and its recipe."""
    with tempfile.TemporaryDirectory() as scratch:
        large, poster = Path(scratch) / "large.mp4", Path(scratch) / "poster.jpg"
        asked: dict[str, Any] = request_data(recipe)
        write_mp4(clip, large, {"recipe": recipe.model_dump(mode="json")})
        _shrink(large, folder / f"{name}.mp4")
        write_poster(clip, poster)
        Image.open(poster).save(folder / f"{name}.jpg", "JPEG", quality=75, optimize=True)
    (folder / f"{name}.json").write_text(json.dumps(asked, indent=2) + "\n")


def _shrink(source: Path, target: Path) -> None:
    """The same film, its recipe included, in fewer bytes."""
    video = ["-c:v", "libx264", "-preset", "veryslow", "-crf", "30", "-profile:v", "high"]
    sound = ["-c:a", "aac", "-b:a", "48k"]
    quiet = ["-hide_banner", "-loglevel", "error", "-nostats", "-y"]
    container = ["-map_metadata", "0", "-fflags", "+bitexact", "-movflags", "+faststart"]
    command = [*quiet, "-i", str(source), *video, *sound, *container, str(target)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *command], check=True)


def main() -> None:
    """Make those that are asked for, and say what they weigh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CLIPS)}; all without")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as models_dir:
        engine = Engine("demo", Path(models_dir))
        engine.load(lambda message, fraction: None)
    for name in chosen.names or CLIPS:
        prompt, size, wanted = CLIPS[name]
        made = tries(engine, prompt, size)
        recipe, clip = next((pair for pair in made if shows(pair[1], wanted)), (None, None))
        if recipe is None or clip is None:
            raise SystemExit(f"{name}: none of {TRIES} seeds shows all that is asked for.")
        save(clip, recipe, name, chosen.folder)
        print(f"{name}: seed {recipe.seed}", flush=True)
    total = sum(file.stat().st_size for file in chosen.folder.iterdir())
    print(f"{total / 1000:.0f} kB of {MOST_BYTES / 1000:.0f}")
    if total > MOST_BYTES:
        raise SystemExit("These are too large to come with the package.")


if __name__ == "__main__":
    main()
