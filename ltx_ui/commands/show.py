"""``ltx-ui show FILE…``: what clips, posters and recipes tell, on the terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path

from ltx_ui.commands import COMMANDS
from ltx_ui.errors import StudioError
from ltx_ui.inputs import Place
from ltx_ui.recall import Recalled, recall
from ltx_ui.recipe import Recipe
from ltx_ui.retaking import frames_again

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""Characters by which a file's words could take over a terminal."""
_PLACES: Mapping[Place, str] = {0: "First frame", -1: "Last frame"}


def run(argv: Sequence[str], program: str) -> int:
    """Print what files tell of how their clips were made; returns the exit code: 1 if one of them
    tells nothing, which a sentence on the error stream says.

    Args:
        argv: the command, files, and ``--json`` for what programs read: an object for each file,
            whose ``recipe`` is what the API takes.
        program: what the program was started as.
    """
    parser = ArgumentParser(f"{program} {argv[0]}", description=COMMANDS[argv[0]].does)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="mp4, poster or JSON")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, its recipe as the API takes it"
    )
    asked = parser.parse_args(argv[1:])
    try:
        return _show(asked.files, program, _as_json if asked.json else _in_words)
    except BrokenPipeError:  # Whoever read has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _show(files: Sequence[Path], program: str, told: Callable[[Recalled, str], str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # A terminal may lack some of the words' characters.
            stream.reconfigure(errors="backslashreplace")
    failed = 0
    for file in files:
        try:
            found = recall(file)
        except StudioError as error:
            failed = 1
            print(f"{program}: {_harmless(str(error))}", file=sys.stderr)
        else:
            print(_harmless(told(found, file.name)), flush=True)
    return failed


def _as_json(found: Recalled, _: str) -> str:
    return json.dumps(found.answer(), indent=2)  # In ASCII, which is JSON in any terminal.


def _in_words(found: Recalled, name: str) -> str:
    lines = [*_recipe_lines(found.recipe), *_making_lines(found)]
    width = max(len(label) for label, _ in lines) + 2
    told = [f"  {label:<{width}}{value}" for label, value in lines]
    return "\n".join([name, *(each.replace("\n", "\n".ljust(width + 3)) for each in told)])


def _recipe_lines(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield "Prompt", recipe.prompt
    yield "Not wanted", recipe.negative_prompt
    size = f"{recipe.resolution}, in two stages" if recipe.two_stage else recipe.resolution
    yield (
        "Format",
        f"{size}, {recipe.film_frames} frames at {recipe.fps} fps, {recipe.duration:.2f} s",
    )
    yield "Seed", str(recipe.seed)
    if recipe.num_takes > 1:
        yield "Takes", str(recipe.num_takes)
    yield (
        "Steps",
        f"{recipe.num_inference_steps}, guidance {recipe.guidance_scale:g}, {recipe.mode}",
    )
    yield "Sound", "yes" if recipe.include_audio else "no"
    for image in recipe.inputs.images:
        where = _PLACES.get(image.at, f"Frame {image.at}")
        yield where, f"{image.digest}, strength {image.strength:g}"
    if film := recipe.inputs.film:
        yield "Goes on", f"{film.direction} {film.digest}, {film.frames} frames"
    if again := recipe.inputs.retake:
        start, end = frames_again(again)
        yield "Made again", f"frames {start} to {end - 1} of {again.digest}, {again.frames} frames"
        if again.mask:
            yield "Painted", again.mask
    if seen := recipe.inputs.picture:
        yield "Picture of", f"{seen.digest}, {seen.frames} frames"
    if control := recipe.inputs.control:
        told = f"{control.kind}, from {control.start:g} s, strength {control.strength:g}"
        yield "Follows", f"{control.digest}, {told}"
    if (sound := recipe.inputs.audio) is not None:
        yield "Made to", f"{sound.digest} from {sound.start:g} s, strength {sound.strength:g}"
    for lora in recipe.inputs.loras:
        yield "LoRA", f"{lora.asked['name']}, strength {lora.strength:g}"


def _making_lines(found: Recalled) -> Iterator[tuple[str, str]]:
    making = found.making
    if making.model:
        yield "Model", f"{making.model} on {making.device}" if making.device else making.model
    if making.made_at:
        yield "Made", f"{making.made_at:%Y-%m-%d %H:%M:%S %Z}".rstrip()
    if making.timings:
        yield "Took", ", ".join(f"{k} {v:.1f} s" for k, v in making.timings.items())
    if making.versions:
        yield "Versions", ", ".join(f"{k} {v}" for k, v in making.versions.items())


def _harmless(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
