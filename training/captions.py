"""What a scene is called: ordinary sentences, the prompt helper's phrases among them."""

from __future__ import annotations

import random
import re

from ltx_ui.recipe import DEFAULT_NEGATIVE_PROMPT
from training.world import Scene

SUBJECT_WORDS = {
    "ball": ("ball", "ball", "round ball"),
    "box": ("box", "box", "square box"),
    "triangle": ("triangle",),
    "star": ("star", "star", "pointed star"),
    "ring": ("ring", "ring", "hollow ring"),
}
COLOUR_WORDS = {"purple": ("purple", "purple", "violet"), "cyan": ("cyan", "cyan", "turquoise")}
MOTION_WORDS = {
    "still": ("stays still", "rests quietly", "does not move", "hangs there calmly"),
    "left": ("moves to the left", "glides left", "drifts slowly to the left", "slides left"),
    "right": ("moves to the right", "glides right", "drifts slowly to the right", "slides right"),
    "up": ("moves up", "rises slowly", "floats upwards", "climbs up"),
    "down": ("moves down", "sinks slowly", "falls downwards", "slides down"),
    "bouncing": ("bounces up and down", "is bouncing", "hops up and down", "keeps bouncing"),
    "spinning": ("spins around", "is spinning", "rotates slowly", "turns round and round"),
}
PLACE_WORDS = {
    "night": ("at night", "under the night sky", "on a dark night"),
    "sunset": ("at sunset", "in front of a sunset sky", "at dusk, as the sun sets"),
    "studio": ("in a studio", "in a plain grey studio", "in an empty room"),
    "forest": ("in a forest", "in a green forest", "among trees in the woods"),
    "ocean": ("over the ocean", "by the sea", "above the ocean"),
    "desert": ("in the desert", "in a sandy desert", "over desert dunes"),
}
LIGHT_WORDS = {
    "even": ("even lighting", "plain light"),
    "window": ("soft natural lighting from window", "soft window light"),
    "dramatic": ("dramatic shadows, cinematic lighting", "dramatic shadows", "dark corners"),
    "golden": ("golden hour sunset lighting", "golden hour light", "warm golden light"),
    "bright": ("studio lighting, bright and clean", "bright and clean light", "bright light"),
}
CAMERA_WORDS = {
    "static": ("static shot, focused on the subject", "static camera", "the camera stands still"),
    "pan": ("camera pans slowly across the scene", "the camera pans slowly", "slow pan"),
    "handheld": ("handheld camera, slight movement", "handheld camera", "shaky handheld shot"),
    "zoom": ("camera zooms in gradually", "the camera zooms in", "slow zoom in"),
}
SOUND_WORDS = {
    "silence": ("silence", "no sound", "complete silence"),
    "hum": ("a low hum", "low humming sound", "gentle purring sounds"),
    "tone": ("a high tone", "one high steady tone", "a clear high note"),
    "beeps": ("beeps", "short beeping sounds", "a row of beeps"),
    "thumps": ("a thump at each bounce", "dull thumps", "a low thumping sound"),
    "rain": ("the sound of rain", "rain falling", "rushing water sounds"),
    "waves": ("ocean waves crashing on a rocky shore", "the sound of waves", "ocean waves"),
}

WHOLE_SENTENCES = (
    "A {colour} {subject} {motion} {place}.",
    "{place}, a {colour} {subject} {motion}.",
    "A {colour} {subject} {place}. It {motion}.",
    "There is a {colour} {subject} {place}, and it {motion}.",
)
_PARTS = (
    "A {colour} {subject}.",
    "{colour}",
    "A {subject} {place}.",
    "Something {colour} {motion}.",
    "{place}",
    "The {subject} {motion}.",
)


def caption(scene: Scene, rng: random.Random, *, whole: bool = False) -> str:
    """One way to say what the scene shows and how it sounds.

    Light, sound and camera are often left unsaid, and sometimes most of the rest, so that the model
    also learns what to do with a short prompt or a single word.

    Args:
        whole: say everything (the benchmark does).
    """
    words = {
        "subject": rng.choice(SUBJECT_WORDS[scene.subject]),
        "colour": rng.choice(COLOUR_WORDS.get(scene.colour, (scene.colour,))),
        "motion": rng.choice(MOTION_WORDS[scene.motion]),
        "place": rng.choice(PLACE_WORDS[scene.place]),
    }
    shorten = not whole and rng.random() < 0.12
    body = rng.choice(_PARTS if shorten else WHOLE_SENTENCES).format(**words)
    extras = [
        (rng.choice(LIGHT_WORDS[scene.light]), 0.6),
        (rng.choice(SOUND_WORDS[scene.sound]), 0.8),
        (rng.choice(CAMERA_WORDS[scene.camera]), 0.7),
    ]
    often = 0.4 if shorten else 1.0
    said = [text for text, share in extras if whole or rng.random() < share * often]
    return " ".join(as_sentence(part) for part in (body, *said))


def vocabulary() -> list[str]:
    """Every word a caption can hold, as it is written at the start of a sentence and within one,
    and those of the default negative prompt; sorted."""
    tables = (
        SUBJECT_WORDS,
        COLOUR_WORDS,
        MOTION_WORDS,
        PLACE_WORDS,
        LIGHT_WORDS,
        CAMERA_WORDS,
        SOUND_WORDS,
    )
    phrases = [phrase for table in tables for wordings in table.values() for phrase in wordings]
    phrases += [*SUBJECT_WORDS, *WHOLE_SENTENCES, *_PARTS]
    phrases += ["red orange yellow green blue white"]
    words = {word for phrase in phrases for word in _words(phrase)}
    return sorted(words | {word.capitalize() for word in words} | _words(DEFAULT_NEGATIVE_PROMPT))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]+", text))


def as_sentence(text: str) -> str:
    """A text with a capital first letter and a full stop."""
    text = text[0].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
