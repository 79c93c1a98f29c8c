"""The small world: what there is in it, and how a scene is drawn from a seed.

A scene is one choice for each of seven attributes and where its subject stands. Everything else
(`pictures`, `sounds`, `captions`, `measure`) reads scenes; nothing else invents one.

Lengths are in units of the frame's shorter side, angles in radians, times in seconds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal, get_args

Subject = Literal["ball", "box", "triangle", "star", "ring"]
Colour = Literal["red", "orange", "yellow", "green", "cyan", "blue", "purple", "white"]
Motion = Literal["still", "left", "right", "up", "down", "bouncing", "spinning"]
Place = Literal["night", "sunset", "studio", "forest", "ocean", "desert"]
Light = Literal["even", "window", "dramatic", "golden", "bright"]
Camera = Literal["static", "pan", "handheld", "zoom"]
Sound = Literal["silence", "hum", "tone", "beeps", "thumps", "rain", "waves"]

SUBJECTS: tuple[Subject, ...] = get_args(Subject)
COLOURS: tuple[Colour, ...] = get_args(Colour)
MOTIONS: tuple[Motion, ...] = get_args(Motion)
PLACES: tuple[Place, ...] = get_args(Place)
LIGHTS: tuple[Light, ...] = get_args(Light)
CAMERAS: tuple[Camera, ...] = get_args(Camera)
SOUNDS: tuple[Sound, ...] = get_args(Sound)

ROUND: frozenset[Subject] = frozenset({"ball", "ring"})
"""Nobody can see these spin, so they never do."""

BOUNCE_PERIOD = 0.8
"""Seconds from one bounce to the next; a thump sounds at each."""

_HELD_OUT_STRIDES = (1, 3, 2, 5)
_HELD_OUT_SHARE = 8
_RADIUS = (0.25, 0.29)
"""The subject is five tokens across at 288x512: a shape made of fewer is hard to tell."""
_POINTED = 1.2
"""How much further a star reaches, of whose circle its points fill two fifths."""
_ASIDE = 0.2
"""How much of the room around it a subject uses, of 1."""
_TOP = 0.5
"""The phase in which a bouncing subject is at its highest point."""
_DRAWN: tuple[Subject, ...] = (*SUBJECTS, "star")
"""What training draws from: a star's points are the last thing learnt."""


@dataclass(frozen=True)
class Scene:
    """One clip of the world, whatever its size and length.

    Attributes:
        x, y: where the middle of the subject's path lies, from the middle of the frame, as a part
            of the room there is (-1…1, drawn from its middle).
        radius: of the subject.
        angle: the subject's at the start.
        travel: how far the subject goes in a clip of a second or more.
        phase: 0…1; where periodic things (bounces, ripples, waves, a hand's shake) begin. What
            bounces is let go at its highest point.
        side: -1 or 1; the way a pan goes and the side landmarks stand on.
    """

    subject: Subject
    colour: Colour
    motion: Motion
    place: Place
    light: Light
    camera: Camera
    sound: Sound
    x: float
    y: float
    radius: float
    angle: float
    travel: float
    phase: float
    side: int


def held_out(subject: Subject, colour: Colour, motion: Motion, place: Place) -> bool:
    """Whether this combination is kept for the benchmark: one in eight, spread so that every pair
    of two attributes is still seen in training."""
    choices = (
        SUBJECTS.index(subject),
        COLOURS.index(colour),
        MOTIONS.index(motion),
        PLACES.index(place),
    )
    return (
        sum(a * b for a, b in zip(choices, _HELD_OUT_STRIDES, strict=True)) % _HELD_OUT_SHARE == 0
    )


def draw_scene(rng: random.Random, *, benchmark: bool = False) -> Scene:
    """A scene from training's combinations, or from those held out for the benchmark."""
    while True:
        subject, colour = rng.choice(SUBJECTS if benchmark else _DRAWN), rng.choice(COLOURS)
        motion, place = rng.choice(MOTIONS), rng.choice(PLACES)
        possible = not (motion == "spinning" and subject in ROUND)
        if possible and held_out(subject, colour, motion, place) == benchmark:
            break
    scene = Scene(
        subject=subject,
        colour=colour,
        motion=motion,
        place=place,
        light=rng.choice(LIGHTS),
        camera=rng.choice(CAMERAS),
        sound=rng.choice(SOUNDS),
        x=rng.uniform(-_ASIDE, _ASIDE),
        y=rng.uniform(-_ASIDE, _ASIDE),
        radius=rng.uniform(*_RADIUS) * (_POINTED if subject == "star" else 1),
        angle=rng.uniform(-0.1, 0.1),
        travel=rng.uniform(0.30, 0.42),
        phase=rng.random(),
        side=rng.choice((-1, 1)),
    )
    return replace(scene, phase=_TOP) if motion == "bouncing" else scene


def draw_scenes(seed: int, count: int, *, benchmark: bool = False) -> list[Scene]:
    """``count`` scenes, the same for the same seed."""
    rng = random.Random(f"{seed} {benchmark}")
    return [draw_scene(rng, benchmark=benchmark) for _ in range(count)]


def reach(seconds: float) -> float:
    """How much of a scene's travel fits into a clip: all of it from one second on, less in a
    shorter one, so that nothing has to move faster than eight pixels a frame at 288x512."""
    return min(1.0, 0.25 + 0.75 * seconds)
