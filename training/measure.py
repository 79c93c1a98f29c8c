"""Reads a clip's attributes back from its pixels and its waveform.

The measures know how the world is drawn, not which scene was: places and lights are found by
comparing with drawn ones, the subject by what no place holds. They must read rendered clips almost
without error (`tests/test_world.py`), so that what they miss in a generated clip is the model's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import sounds
from training.pictures import (
    COLOUR_RGB,
    Size,
    horizon_of_ripples,
    light_field,
    outline,
    render,
)
from training.world import (
    COLOURS,
    LIGHTS,
    PLACES,
    ROUND,
    SUBJECTS,
    Camera,
    Colour,
    Light,
    Motion,
    Place,
    Scene,
    Sound,
    Subject,
    draw_scenes,
    reach,
)

_SHORT_SIDE = 72
"""Frames are measured at this size: small enough to be quick, and a star still has five points."""

_ANGLES = 72
_BANDS = 24


@dataclass(frozen=True)
class Seen:
    """What a clip shows. Where no subject can be made out, all that depends on it is ``None``."""

    subject: Subject | None
    colour: Colour | None
    motion: Motion | None
    place: Place
    light: Light
    camera: Camera | None


def look(frames: Tensor, fps: float = 24.0) -> Seen:
    """The attributes of a clip.

    Args:
        frames: uint8 (F, H, W, 3), or float in 0…1.
    """
    clip = _small(frames)
    count, _, height, width = clip.shape
    place, light = _surroundings(clip)
    colour, masks = _find_subject(clip, place, light)
    track = _Track.of(masks)
    if track is None:
        return Seen(None, None, None, place, light, None)
    seconds = count / fps
    # The light stands still while the view moves: it is taken off first.
    field = light_field(light, Size(width, height, 1))
    view = _shift_of_view(clip / field.clamp(min=0.1), masks | _rippling(place, height, width))
    zoom = float(_trend(track.size.log()).exp())
    subject = _shape(track)
    motion = _motion(track, view, zoom, seconds, turns=subject not in ROUND)
    return Seen(subject, colour, motion, place, light, _camera(view, zoom, seconds))


def _small(frames: Tensor) -> Tensor:
    """(F, 3, h, w) in 0…1, averaged down so that the short side has `_SHORT_SIDE` pixels."""
    clip = frames.permute(0, 3, 1, 2).float()
    if not frames.is_floating_point():
        clip = clip / 255
    height, width = clip.shape[-2:]
    scale = _SHORT_SIDE / min(height, width)
    size = (round(height * scale), round(width * scale))
    return torch.nn.functional.interpolate(clip, size, mode="area")


def _surroundings(clip: Tensor) -> tuple[Place, Light]:
    """The place and light whose drawn clips have the most similar rows and columns."""
    shape = (clip.shape[-1] * 4, clip.shape[-2] * 4)
    names, profiles = _references(*shape)
    distance = (profiles - _profile(clip)).abs().mean(dim=1)
    return names[int(distance.argmin())]


def _profile(clip: Tensor) -> Tensor:
    """Median colours of rows and columns in the first third of a clip, where a zoom hasn't gone
    far; medians, so that the subject hardly counts."""
    early = clip[: max(1, len(clip) // 3)]
    rows = early.median(dim=3).values.median(dim=0).values
    columns = early[:, :, : clip.shape[2] // 2].median(dim=2).values.median(dim=0).values
    pool = torch.nn.functional.adaptive_avg_pool1d
    return torch.cat([pool(rows, _BANDS).flatten(), pool(columns, 8).flatten()])


@cache
def _references(width: int, height: int) -> tuple[list[tuple[Place, Light]], Tensor]:
    """Profiles of every place in every light, as several scenes of each have them."""
    names: list[tuple[Place, Light]] = []
    profiles: list[Tensor] = []
    size = Size(width // 4, height // 4, 9)
    for place in PLACES:
        for light in LIGHTS:
            for empty in _empty(place, light):
                names.append((place, light))
                profiles.append(_profile(render([empty], size)[0].transpose(0, 1)))
    return names, torch.stack(profiles)


def _empty(place: Place, light: Light) -> list[Scene]:
    """Scenes of a place without a subject."""
    drawn = draw_scenes(5, 8)
    return [
        replace(
            s,
            place=place,
            light=light,
            camera="static",
            radius=1e-6,
            phase=i / 8,
            side=i % 2 * 2 - 1,
        )
        for i, s in enumerate(drawn)
    ]


def _find_subject(clip: Tensor, place: Place, light: Light) -> tuple[Colour, Tensor]:
    """The colour that most pixels have which the place doesn't explain, and where they are.

    Returns:
        The colour, and a bool tensor (F, h, w).
    """
    count, _, height, width = clip.shape
    pixels = clip.permute(0, 2, 3, 1)
    backdrop = torch.stack(
        [
            torch.cdist(pixels[:, y].flatten(0, 1), bag).amin(dim=1).view(count, width)
            for y, bag in enumerate(_bags(place, light, width, height))
        ],
        dim=1,
    )
    bodies = _bodies(light, width, height)
    distances = torch.stack(
        [(pixels.unsqueeze(1) - body).square().sum(-1).amin(dim=1).sqrt() for body in bodies]
    )
    nearest, which = distances.min(dim=0)
    explained = nearest < backdrop * 0.8
    votes = [(explained & (which == i)).sum() for i in range(len(COLOURS))]
    winner = int(torch.stack(votes).argmax())
    return COLOURS[winner], explained & (distances[winner] < backdrop)


@cache
def _bags(place: Place, light: Light, width: int, height: int) -> list[Tensor]:
    """For each row the colours that the place shows there or nearby: (N, 3) each."""
    size = Size(width, height, 9)
    drawn = torch.cat([render([s], size, frames=[0, 8])[0] for s in _empty(place, light)], dim=1)
    drawn = drawn.permute(2, 1, 3, 0)[:, :, ::4]
    near = max(1, height // 24)
    rows = [drawn[max(0, y - near) : y + near + 1].reshape(-1, 3) for y in range(height)]
    return [row[:: max(1, len(row) // 160)] for row in rows]


@cache
def _bodies(light: Light, width: int, height: int) -> Tensor:
    """The colours a subject of each colour can have at each pixel: (8, shades, h, w, 3)."""
    field = light_field(light, Size(width, height, 1)).permute(1, 2, 0)
    shades = torch.tensor([0.78, 0.93, 1.08]).view(-1, 1, 1, 1)
    colours = torch.tensor([COLOUR_RGB[c] for c in COLOURS]).view(-1, 1, 1, 1, 3)
    return (colours * shades * (0.5 + 0.5 * field)).clamp(0, 1)


@dataclass(frozen=True)
class _Track:
    """The subject through the frames in which it can be made out.

    Attributes:
        x, y: its middle, from the middle of the frame, in units of the shorter side; (N,).
        size: the square root of its area; (N,).
        outline: its extent in each direction, as a part of the mean; (N, angles).
        hollow: whether its middle is empty.
        time: 0…1; (N,).
    """

    x: Tensor
    y: Tensor
    size: Tensor
    outline: Tensor
    hollow: bool
    time: Tensor

    @classmethod
    def of(cls, masks: Tensor) -> _Track | None:
        """The track of a subject, or ``None`` where fewer than half of the frames show one."""
        count, height, width = masks.shape
        side = min(height, width)
        rows = [_one(mask) for mask in masks]
        kept = [i for i, row in enumerate(rows) if row is not None]
        if len(kept) < max(2, count // 2):
            return None
        middles, sizes, outlines, empties = zip(
            *(row for row in rows if row is not None), strict=True
        )
        middle = torch.stack(middles)
        return cls(
            x=(middle[:, 0] - width / 2) / side,
            y=(middle[:, 1] - height / 2) / side,
            size=torch.stack(sizes) / side,
            outline=torch.stack(outlines),
            hollow=bool(torch.stack(empties).float().mean() > 0.5),
            time=torch.tensor(kept) / max(1, count - 1),
        )


def _one(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    """Middle, size, outline and emptiness of one frame's subject."""
    points = mask.nonzero()[:, [1, 0]].float() + 0.5
    if len(points) < 30:
        return None
    middle = points.median(dim=0).values
    for _ in range(3):
        away = (points - middle).norm(dim=1)
        near = points[away < 1.8 * away.median().clamp(min=3)]
        middle = (near.amin(0) + near.amax(0)) / 4 + near.mean(0) / 2
    offset = near - near.mean(0)
    length = offset.norm(dim=1)
    sector = ((torch.atan2(offset[:, 0], -offset[:, 1]) / (2 * math.pi)) % 1 * _ANGLES).long()
    reached = torch.zeros(_ANGLES).scatter_reduce(0, sector % _ANGLES, length, "amax")
    reached = torch.where(reached > 0, reached, reached.roll(1))
    empty = (length < 0.3 * reached.mean()).sum() < 0.3 * math.pi * (0.3 * reached.mean()) ** 2
    return near.mean(0), length.new_tensor(len(near)).sqrt(), reached / reached.mean(), empty


def _shape(track: _Track) -> Subject:
    """The subject whose outline has the most similar rhythm, whichever way it is turned."""
    if track.hollow:
        return "ring"
    seen = _rhythm(track.outline).mean(dim=0)
    solid = [s for s in SUBJECTS if s != "ring"]
    known = torch.stack([_rhythm(_known_outline(s)) for s in solid])
    return solid[int((known - seen).square().sum(dim=1).argmin())]


def _rhythm(profile: Tensor) -> Tensor:
    """How strongly an outline repeats 3, 4 and 5 times a turn: the same at any angle."""
    spectrum: Tensor = torch.fft.rfft(profile)
    return spectrum.abs()[..., [3, 4, 5]] / _ANGLES


@cache
def _known_outline(subject: Subject) -> Tensor:
    profile = outline(subject, torch.arange(_ANGLES) * 2 * math.pi / _ANGLES)
    return profile / profile.mean()


def _trend(values: Tensor) -> Tensor:
    """How much a straight line through the values rises from the first to the last."""
    t = torch.linspace(-0.5, 0.5, len(values))
    return (values * t).sum() / t.square().sum()


def _shift_of_view(clip: Tensor, masks: Tensor) -> Tensor:
    """How far the backdrop has moved in each frame since the first, (F, 2) in units of the shorter
    side: the shift at which it differs least, the subject left out."""
    side = min(clip.shape[-2:])
    reach_x, reach_y = round(0.40 * side), round(0.12 * side)
    blind = torch.nn.functional.max_pool2d(masks.float().unsqueeze(1), 7, 1, 3)
    first, open_first = clip[0], 1 - blind[0]
    shifts = []
    guess = (0, 0)
    for frame, open_frame in zip(clip, 1 - blind, strict=True):
        options = [
            (dx, dy)
            for dx in range(max(-reach_x, guess[0] - 4), min(reach_x, guess[0] + 4) + 1)
            for dy in range(max(-reach_y, guess[1] - 4), min(reach_y, guess[1] + 4) + 1)
        ]
        costs = [_difference(first, frame, open_first, open_frame, *o) for o in options]
        guess = options[int(torch.stack(costs).argmin())]
        shifts.append(guess)
    return torch.tensor(shifts) / side


def _rippling(place: Place, height: int, width: int) -> Tensor:
    """Where the backdrop itself moves, (height, width): no help in finding how the view does."""
    v = (torch.arange(height) + 0.5 - height / 2) / min(height, width)
    horizon = horizon_of_ripples(place)
    return (v > horizon).view(-1, 1).expand(height, width)


def _difference(a: Tensor, b: Tensor, open_a: Tensor, open_b: Tensor, dx: int, dy: int) -> Tensor:
    """Mean square difference of ``b`` moved back by (dx, dy), where both are open."""
    height, width = a.shape[-2:]
    ya, yb = slice(max(0, -dy), height - max(0, dy)), slice(max(0, dy), height - max(0, -dy))
    xa, xb = slice(max(0, -dx), width - max(0, dx)), slice(max(0, dx), width - max(0, -dx))
    weight = open_a[:, ya, xa] * open_b[:, yb, xb]
    error = (a[:, ya, xa] - b[:, yb, xb]).square() * weight
    return error.sum() / weight.sum().clamp(min=1)


def _camera(view: Tensor, zoom: float, seconds: float) -> Camera:
    if zoom > 1 + 0.25 * reach(seconds):
        return "zoom"
    across = float(_trend(view[:, 0]))
    t = torch.linspace(-0.5, 0.5, len(view))
    wobble = (view[:, 0] - across * t).std() + (view[:, 1] - _trend(view[:, 1]) * t).std()
    if abs(across) > 0.16 * reach(seconds):
        return "pan"
    return "handheld" if float(wobble) > 0.020 else "static"


def _motion(track: _Track, view: Tensor, zoom: float, seconds: float, *, turns: bool) -> Motion:
    """The subject's own motion: the view's taken off."""
    index = (track.time * (len(view) - 1)).round().long()
    if zoom > 1 + 0.25 * reach(seconds):
        enlarged = 1 + (zoom - 1) * track.time
        x, y = track.x / enlarged, track.y / enlarged
    else:
        x, y = track.x - view[index, 0], track.y - view[index, 1]
    across, down = float(_trend(x)), float(_trend(y))
    t = torch.linspace(-0.5, 0.5, len(y))
    if float((y - down * t).std()) > 0.030:
        return "bouncing"
    if max(abs(across), abs(down)) > 0.14 * reach(seconds):
        if abs(across) > abs(down):
            return "right" if across > 0 else "left"
        return "down" if down > 0 else "up"
    return "spinning" if turns and abs(_turn(track)) > 1.0 * seconds else "still"


def _turn(track: _Track) -> float:
    """How far the subject has turned, in radians: the phase of its strongest rhythm."""
    spectrum = torch.fft.rfft(track.outline)
    points = 3 + int(spectrum[:, 3:6].abs().mean(dim=0).argmax())
    phase = spectrum[:, points].angle()
    steps = (phase.diff() + math.pi) % (2 * math.pi) - math.pi
    return float(steps.sum()) / points


def listen(waveform: Tensor, sample_rate: int = sounds.SAMPLE_RATE) -> Sound:
    """The sound of a clip.

    Args:
        waveform: float32 (C, T).
    """
    mono = waveform.float().mean(dim=0)
    loudness = _envelope(mono, sample_rate)
    if loudness.max() < 0.01:
        return "silence"
    power = torch.fft.rfft(mono * torch.hann_window(len(mono))).abs().square()
    hertz = torch.fft.rfftfreq(len(mono), 1 / sample_rate)
    total = power.sum()

    def share(low: float, high: float) -> float:
        return float(power[(hertz >= low) & (hertz < high)].sum() / total)

    if share(1800, 1e5) > 0.5:
        return "rain"
    if share(sounds.TONE_HZ - 120, sounds.TONE_HZ + 120) > 0.5:
        return "tone"
    if share(sounds.BEEP_HZ - 150, sounds.BEEP_HZ + 150) > 0.5:
        return "beeps"
    if share(80, 125) < 0.45:
        return "waves"
    return "thumps" if loudness.quantile(0.25) < 0.35 * loudness.max() else "hum"


def _envelope(mono: Tensor, sample_rate: int) -> Tensor:
    """Loudness (root mean square) of each 20 ms."""
    length = sample_rate // 50
    whole = mono[: len(mono) // length * length].view(-1, length)
    return whole.square().mean(dim=1).sqrt()


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """How alike pictures of the same shape are, in dB; infinite where they are the same."""
    error = np.mean((one.astype(np.float32) - other) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else math.inf
