"""The demo model's example prompts are of the world it is trained on, in its own wordings."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from ltx_ui.engine.models import CARDS
from training import captions
from training.world import COLOURS, ROUND, held_out

EXAMPLES = CARDS["demo"].examples

NAMES: dict[str, Mapping[Any, tuple[str, ...]]] = {
    "subject": captions.SUBJECT_WORDS,
    "colour": {colour: captions.COLOUR_WORDS.get(colour, (colour,)) for colour in COLOURS},
    "motion": captions.MOTION_WORDS,
    "place": captions.PLACE_WORDS,
}
EXTRAS: list[Mapping[Any, tuple[str, ...]]] = [
    captions.LIGHT_WORDS,
    captions.SOUND_WORDS,
    captions.CAMERA_WORDS,
]


def one_of(wordings: list[str]) -> str:
    return "|".join(re.escape(wording) for wording in sorted(wordings, key=len, reverse=True))


def said_in(example: str) -> dict[str, Any] | None:
    """Subject, colour, motion and place of a prompt; None if it is not what a caption could be."""
    groups = {
        part: f"(?P<{part}>{one_of([wording for ws in names.values() for wording in ws])})"
        for part, names in NAMES.items()
    }
    extras = [
        f"(?: (?i:{one_of([w for ws in table.values() for w in ws])})\\.)?" for table in EXTRAS
    ]
    for template in captions.WHOLE_SENTENCES:
        body = re.escape(template).replace("\\{", "{").replace("\\}", "}").format(**groups)
        match = re.fullmatch(f"(?i:{body}){''.join(extras)}", example)
        if match and example == captions.as_sentence(example):
            return {
                part: next(name for name, ws in names.items() if match[part].lower() in ws)
                for part, names in NAMES.items()
            }
    return None


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_said_as_a_caption_says_it(example: str) -> None:
    scene = said_in(example)
    assert scene is not None
    assert not (scene["subject"] in ROUND and scene["motion"] == "spinning")
    assert not held_out(**scene)


def test_together_they_show_every_subject() -> None:
    assert {(said_in(example) or {}).get("subject") for example in EXAMPLES} == set(
        NAMES["subject"]
    )


def test_what_the_model_is_said_to_know_names_every_subject() -> None:
    assert all(subject in CARDS["demo"].knows for subject in NAMES["subject"])


@pytest.mark.parametrize(
    "other",
    ["A red cat bounces up and down by the sea.", "A red ball bounces up and down. By the sea."],
)
def test_another_prompt_is_not_taken_for_one(other: str) -> None:
    assert said_in(other) is None
