"""Scenes as frames: subjects, places, light and camera, drawn from formulas on any device.

A window of the frame can be drawn alone, at its place in the whole: training the VAE on crops costs
only the crops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.world import BOUNCE_PERIOD, Light, Place, Scene, Subject, draw_scenes, reach

RGB = tuple[float, float, float]

COLOUR_RGB: dict[str, RGB] = {
    "red": (0.90, 0.10, 0.12),
    "orange": (0.98, 0.50, 0.05),
    "yellow": (0.97, 0.90, 0.12),
    "green": (0.12, 0.78, 0.22),
    "cyan": (0.10, 0.85, 0.92),
    "blue": (0.12, 0.25, 0.95),
    "purple": (0.62, 0.15, 0.82),
    "white": (0.97, 0.97, 0.97),
}

_POLYGONS: dict[str, tuple[int, float]] = {
    "ball": (64, math.cos(math.pi / 64)),
    "box": (4, math.cos(math.pi / 4)),
    "triangle": (3, math.cos(math.pi / 3)),
    "star": (5, 0.42),
    "ring": (64, math.cos(math.pi / 64)),
}
"""Points, and how far in the corners between them lie: a regular polygon where they lie on its
sides, a star where they lie deeper."""

_RING_WIDTH = 0.45
_SOFTNESS = 1.5
"""Pixels over which an edge fades: about what a lens and H.264 leave of it."""


@dataclass(frozen=True)
class Size:
    """The size of a clip, in pixels, frames and frames a second."""

    width: int
    height: int
    frames: int
    fps: float = 24.0

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.frames / self.fps


@dataclass(frozen=True)
class _Place:
    """Sky from top to horizon, ground from horizon to bottom, and what stands there."""

    sky: tuple[RGB, RGB]
    ground: tuple[RGB, RGB]
    horizon: float
    hills: float = 0.0
    ripples: float = 0.0
    trunks: float = 0.0
    glow: RGB = (0.0, 0.0, 0.0)
    glow_height: float = 0.0


_PLACES: dict[str, _Place] = {
    "night": _Place(
        sky=((0.02, 0.03, 0.14), (0.09, 0.11, 0.30)),
        ground=((0.05, 0.06, 0.12), (0.02, 0.02, 0.06)),
        horizon=0.30,
        hills=0.08,
        glow=(0.34, 0.36, 0.40),
        glow_height=-0.45,
    ),
    "sunset": _Place(
        sky=((0.26, 0.18, 0.36), (0.62, 0.38, 0.36)),
        ground=((0.28, 0.14, 0.22), (0.14, 0.08, 0.14)),
        horizon=0.22,
        hills=0.03,
        glow=(0.22, 0.18, 0.06),
        glow_height=0.15,
    ),
    "studio": _Place(
        sky=((0.44, 0.44, 0.46), (0.54, 0.54, 0.56)),
        ground=((0.38, 0.38, 0.40), (0.30, 0.30, 0.32)),
        horizon=0.34,
        glow=(-0.12, -0.12, -0.12),
        glow_height=-0.30,
    ),
    "forest": _Place(
        sky=((0.16, 0.30, 0.14), (0.34, 0.46, 0.22)),
        ground=((0.20, 0.26, 0.10), (0.10, 0.14, 0.05)),
        horizon=0.32,
        trunks=0.55,
    ),
    "ocean": _Place(
        sky=((0.40, 0.58, 0.70), (0.54, 0.66, 0.70)),
        ground=((0.10, 0.36, 0.48), (0.03, 0.16, 0.28)),
        horizon=-0.02,
        ripples=0.30,
        glow=(0.16, 0.16, 0.14),
        glow_height=-0.40,
    ),
    "desert": _Place(
        sky=((0.30, 0.46, 0.68), (0.56, 0.62, 0.64)),
        ground=((0.64, 0.54, 0.40), (0.44, 0.34, 0.24)),
        horizon=0.05,
        hills=0.10,
        glow=(0.16, 0.14, 0.06),
        glow_height=-0.35,
    ),
}


def render(
    scenes: Sequence[Scene],
    size: Size,
    *,
    window: tuple[Tensor, Tensor, int, int] | None = None,
    frames: Sequence[int] | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Frames of a batch of scenes, all of one size.

    Args:
        scenes: B of them.
        size: of the whole clip.
        window: ``(left, top, width, height)`` in pixels, the first two int tensors of shape (B,):
            the part of each frame to draw; all of it if not given.
        frames: which frames to draw; all of them if not given.

    Returns:
        float32 in 0…1, (B, 3, F, H, W).
    """
    batch = _Batch(scenes, size, range(size.frames) if frames is None else frames, device)
    u, v = _grid(size, window, len(scenes), device)
    shift_x, shift_y, zoom = batch.camera()
    world_u, world_v = u / zoom + shift_x, v / zoom + shift_y
    backdrop = _backdrop(batch, world_u, world_v)
    distance, shade = _subject(batch, world_u, world_v)
    softness = _SOFTNESS / min(size.width, size.height) / zoom
    cover = (0.5 - distance / softness).clamp(0, 1).unsqueeze(1)
    light = _light(batch, u, v)
    # The subject takes half of the light: it stays recognisable in the dark.
    body = batch.colour * shade.unsqueeze(1) * (0.5 + 0.5 * light)
    return torch.lerp(backdrop * light, body, cover).clamp(0, 1)


def film(scene: Scene, size: Size) -> Tensor:
    """One scene's frames as the app holds them: uint8 (F, H, W, 3). Drawn a few at a time, which
    keeps them in the processor's cache."""
    parts = [
        render([scene], size, frames=range(i, min(i + 4, size.frames)))
        for i in range(0, size.frames, 4)
    ]
    frames = torch.cat(parts, dim=2)[0].permute(1, 2, 3, 0)
    return (frames * 255).round().to(torch.uint8)


def clips(scenes: Sequence[Scene], size: Size, device: torch.device) -> Tensor:
    """Whole scenes as the VAE takes them: float32 in -1…1, (B, 3, F, H, W)."""
    if device.type == "cpu":
        drawn = torch.stack([film(scene, size) for scene in scenes])
        return drawn.permute(0, 4, 1, 2, 3) / 127.5 - 1
    return render(scenes, size, device=device) * 2 - 1


def subject_centres(scenes: Sequence[Scene], size: Size, frame: int) -> Tensor:
    """Where the subjects stand in a frame: float32 (B, 2), x and y in pixels."""
    batch = _Batch(scenes, size, [frame], "cpu")
    x, y = batch.centre()
    shift_x, shift_y, zoom = batch.camera()
    across, down = ((x - shift_x) * zoom).flatten(), ((y - shift_y) * zoom).flatten()
    side = min(size.width, size.height)
    return torch.stack([across * side + size.width / 2, down * side + size.height / 2], dim=1)


def subject_cover(scenes: Sequence[Scene], size: Size, frames: Sequence[int], cell: int) -> Tensor:
    """How much of each square of ``cell`` pixels the subjects cover: float32 in 0…1,
    (B, F, H / cell, W / cell)."""
    batch = _Batch(scenes, size, frames, "cpu")
    u, v = _grid(size, None, len(scenes), "cpu")
    u, v = u[..., cell // 2 :: cell], v[..., cell // 2 :: cell, :]
    shift_x, shift_y, zoom = batch.camera()
    distance, _ = _subject(batch, u / zoom + shift_x, v / zoom + shift_y)
    return (0.5 - distance * zoom * min(size.width, size.height) / cell).clamp(0, 1)


def light_field(light: Light, size: Size) -> Tensor:
    """What a light does to each colour at each pixel: float32 (3, H, W), around 1."""
    scene = replace(draw_scenes(0, 1)[0], light=light)
    u, v = _grid(size, None, 1, "cpu")
    return _light(_Batch([scene], size, [0], "cpu"), u, v)[0, :, 0].expand(
        3, size.height, size.width
    )


def horizon_of_ripples(place: Place) -> float:
    """Below which height, from the middle of the frame, a place's ground moves of itself."""
    return _PLACES[place].horizon if _PLACES[place].ripples else math.inf


def outline(subject: Subject, angles: Tensor) -> Tensor:
    """How far a subject of radius 1 reaches in each direction, clockwise from straight up."""
    points, inner = _POLYGONS[subject]
    step = 2 * math.pi / points
    folded = ((angles + step / 2) % step - step / 2).abs()
    edge_x, edge_y = inner * math.cos(step / 2) - 1, inner * math.sin(step / 2)
    return edge_y / (folded.cos() * edge_y - folded.sin() * edge_x)


class _Batch:
    """The numbers of a batch of scenes as tensors that broadcast over (B, F, H, W), or with a
    colour axis over (B, 3, F, H, W)."""

    def __init__(
        self, scenes: Sequence[Scene], size: Size, frames: Sequence[int], device: torch.device | str
    ) -> None:
        self.scenes, self.size, self.device = scenes, size, device
        index = torch.tensor(list(frames), dtype=torch.float32, device=device)
        self.seconds = (index / size.fps).view(1, -1, 1, 1)
        self.progress = (index / max(1, size.frames - 1)).view(1, -1, 1, 1)
        self.reach = reach(size.seconds)
        self.half_width = size.width / min(size.width, size.height) / 2
        self.half_height = size.height / min(size.width, size.height) / 2
        self.phase = self.column([s.phase for s in scenes])
        self.side = self.column([float(s.side) for s in scenes])
        self.radius = self.column([s.radius for s in scenes])
        self.colour = self.column([COLOUR_RGB[s.colour] for s in scenes])

    def column(self, values: Sequence[float] | Sequence[RGB]) -> Tensor:
        """A number (or a colour) for each scene."""
        tensor = torch.tensor(values, dtype=torch.float32, device=self.device)
        return tensor.view(*tensor.shape, 1, 1, 1)

    def where(self, attribute: str, value: str) -> Tensor:
        """1 for the scenes whose attribute has this value, 0 for the others."""
        return self.column([float(getattr(s, attribute) == value) for s in self.scenes])

    def camera(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where the view's middle is in the world, and how much it enlarges: (B, F, 1, 1) each."""
        shake = 0.028 * self.where("camera", "handheld")
        turn = 2 * math.pi * (self.phase + self.seconds * 1.9)
        pan = 0.32 * self.reach * self.where("camera", "pan") * self.side
        x = pan * (self.progress - 0.5) + shake * (turn.sin() + 0.6 * (1.7 * turn).cos())
        y = shake * ((1.3 * turn).cos() + 0.6 * (2.1 * turn).sin())
        zoom = 1 + 0.55 * self.reach * self.progress * self.where("camera", "zoom")
        return x, y, zoom.expand_as(x)

    def centre(self) -> tuple[Tensor, Tensor]:
        """The subject's middle in the world: (B, F, 1, 1) each."""
        travel = self.column([s.travel for s in self.scenes]) * self.reach
        along = travel * (self.progress - 0.5)
        way_x = self.where("motion", "right") - self.where("motion", "left")
        way_y = self.where("motion", "down") - self.where("motion", "up")
        beat = (self.seconds / BOUNCE_PERIOD + self.phase) % 1.0
        bouncing = self.where("motion", "bouncing")
        hop = bouncing * 0.20 * (0.5 - 4 * beat * (1 - beat))
        # Room: what is left of the frame beside the subject, its path, a pan and a zoom.
        zoomed = 1 + 0.55 * self.where("camera", "zoom")
        pan = 0.16 * self.where("camera", "pan")
        room_x = self.half_width / zoomed - self.radius - pan - travel / 2 * way_x.abs()
        room_y = self.half_height / zoomed - self.radius - travel / 2 * way_y.abs()
        room_y = room_y - 0.12 * bouncing
        x = self.column([s.x for s in self.scenes]) * room_x.clamp(min=0) * 0.9
        y = self.column([s.y for s in self.scenes]) * room_y.clamp(min=0) * 0.9
        return x + way_x * along, y + way_y * along + hop

    def angle(self) -> Tensor:
        """The subject's angle: (B, F, 1, 1)."""
        turning = self.where("motion", "spinning") * self.side
        start = self.column([s.angle for s in self.scenes])
        return start + turning * 2.4 * self.seconds


def _grid(
    size: Size,
    window: tuple[Tensor, Tensor, int, int] | None,
    count: int,
    device: torch.device | str,
) -> tuple[Tensor, Tensor]:
    """Pixel middles from the middle of the frame: (B, 1, 1, W) and (B, 1, H, 1)."""
    if window is None:
        nowhere = torch.zeros(count, dtype=torch.long)
        window = (nowhere, nowhere, size.width, size.height)
    left, top, width, height = window
    side = min(size.width, size.height)
    x = torch.arange(width, device=device) + left.to(device).view(-1, 1, 1, 1) + 0.5
    y = torch.arange(height, device=device).view(-1, 1) + top.to(device).view(-1, 1, 1, 1) + 0.5
    return (x - size.width / 2) / side, (y - size.height / 2) / side


def _subject(batch: _Batch, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Signed distance to the subject's outline (negative inside), and its shading: (B, F, H, W)."""
    x, y = batch.centre()
    du, dv = (u - x) / batch.radius, (v - y) / batch.radius
    shapes = [_POLYGONS[s.subject] for s in batch.scenes]
    step = 2 * math.pi / batch.column([float(points) for points, _ in shapes])
    inner = batch.column([depth for _, depth in shapes])
    # An upright triangle or star points up; a box stands on a side.
    upright = batch.column([math.pi / 4 if s.subject == "box" else 0.0 for s in batch.scenes])
    theta = torch.atan2(du, -dv) - batch.angle() - upright
    folded = ((theta + step / 2) % step - step / 2).abs()
    length = (du.square() + dv.square()).sqrt()
    # One edge, from the point (1, 0) to the corner between two points; its normal looks outwards.
    edge_x, edge_y = inner * (step / 2).cos() - 1, inner * (step / 2).sin()
    norm = (edge_x.square() + edge_y.square()).sqrt()
    outside = ((length * folded.cos() - 1) * edge_y - length * folded.sin() * edge_x) / norm
    hollow = batch.where("subject", "ring")
    ring = torch.maximum(outside, -(outside + _RING_WIDTH))
    distance = torch.lerp(outside, ring, hollow) * batch.radius
    return distance, (0.93 - 0.10 * du - 0.12 * dv).clamp(0.7, 1.15)


def _backdrop(batch: _Batch, u: Tensor, v: Tensor) -> Tensor:
    """The place behind the subject: (B, 3, F, H, W)."""
    places = [_PLACES[s.place] for s in batch.scenes]
    wave = (2 * math.pi * (u / 0.9 + batch.phase)).sin()
    wave = wave + 0.5 * (2 * math.pi * (u / 0.43 + 2.3 * batch.phase)).sin()
    horizon = batch.column([p.horizon for p in places])
    horizon = horizon - batch.column([p.hills for p in places]) * wave
    below = torch.sigmoid((v - horizon) * 60).unsqueeze(1)
    high = (0.5 + (v - horizon) / 1.6 + 0.5).clamp(0, 1).unsqueeze(1)
    deep = ((v - horizon) / 0.7).clamp(0, 1).unsqueeze(1)
    sky = torch.lerp(_colour(batch, places, "sky", 0), _colour(batch, places, "sky", 1), high)
    ground = _colour(batch, places, "ground", 0), _colour(batch, places, "ground", 1)
    scene = torch.lerp(sky, torch.lerp(*ground, deep), below)
    scene = scene * _trunks(batch, places, u, below) * _ripples(batch, places, u, v, below)
    near_x = u - batch.side * 0.25 - 0.3 * (batch.phase - 0.5)
    near_y = v - batch.column([p.glow_height for p in places])
    glow = torch.exp(-(near_x.square() + near_y.square()) / 0.035).unsqueeze(1)
    return scene + batch.column([p.glow for p in places]) * glow * (1 - below)


def _colour(batch: _Batch, places: Sequence[_Place], part: str, end: int) -> Tensor:
    return batch.column([getattr(place, part)[end] for place in places])


def _trunks(batch: _Batch, places: Sequence[_Place], u: Tensor, below: Tensor) -> Tensor:
    """Dark upright bands above the ground."""
    depth = batch.column([p.trunks for p in places])
    beat = (2 * math.pi * (u / 0.42 + batch.phase)).sin() + 0.4 * (2 * math.pi * u / 0.97).sin()
    return 1 - depth.unsqueeze(1) * torch.sigmoid(6 * (beat - 0.5)).unsqueeze(1) * (1 - below)


def _ripples(
    batch: _Batch, places: Sequence[_Place], u: Tensor, v: Tensor, below: Tensor
) -> Tensor:
    """Waves on the ground that come slowly nearer."""
    height = batch.column([p.ripples for p in places])
    crest = 2 * math.pi * (v / 0.26 + 0.06 * (9 * u).sin() - 0.35 * batch.seconds + batch.phase)
    return 1 + height.unsqueeze(1) * crest.sin().unsqueeze(1) * below


def _light(batch: _Batch, u: Tensor, v: Tensor) -> Tensor:
    """What the light does to each colour: (B, 3, F, H, W), around 1."""
    tint = {
        "even": (1.0, 1.0, 1.0),
        "window": (0.97, 1.0, 1.06),
        "dramatic": (1.05, 1.05, 1.05),
        "golden": (1.18, 1.0, 0.72),
        "bright": (1.14, 1.14, 1.14),
    }
    colour = batch.column([tint[s.light] for s in batch.scenes])
    across = (u / batch.half_width).clamp(-1, 1)
    out = (u / batch.half_width).square() + (v / batch.half_height).square()
    window = -0.32 * across * batch.where("light", "window")
    dramatic = -0.72 * (out - 0.15).clamp(0, 1) * batch.where("light", "dramatic")
    return colour * (1 + window + dramatic).unsqueeze(1)
