"""The small world: scenes repeat, benchmark and training never meet, and the measures read back
what the renderer drew."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import replace

import pytest
import torch

from training import measure
from training.captions import caption, vocabulary
from training.pictures import Size, film, render, subject_centres, subject_cover
from training.sounds import SAMPLE_RATE, waveforms
from training.world import (
    CAMERAS,
    COLOURS,
    LIGHTS,
    MOTIONS,
    PLACES,
    ROUND,
    SOUNDS,
    SUBJECTS,
    Scene,
    draw_scenes,
    held_out,
)

PORTRAIT = Size(288, 512, 25)


def covering(count: int) -> list[Scene]:
    """Drawn scenes with their attributes set so that each value comes up as often as any other."""
    drawn = []
    for i, scene in enumerate(draw_scenes(21, count)):
        subject, motion = SUBJECTS[i % 5], MOTIONS[i % 7]
        if subject in ROUND and motion == "spinning":
            motion = "still"
        drawn.append(
            replace(
                scene,
                subject=subject,
                motion=motion,
                colour=COLOURS[i % 8],
                place=PLACES[i % 6],
                light=LIGHTS[i // 2 % 5],
                camera=CAMERAS[i // 3 % 4],
                sound=SOUNDS[i % 7],
            )
        )
    return drawn


def test_the_same_seed_draws_the_same_scenes_and_the_same_pixels() -> None:
    first, again, other = draw_scenes(1, 3), draw_scenes(1, 3), draw_scenes(2, 3)
    assert first == again != other
    small = Size(96, 160, 9)
    assert torch.equal(render(first, small), render(again, small))
    assert torch.equal(waveforms(first, 4000), waveforms(again, 4000))


def test_what_is_held_out_is_never_trained_on_but_every_pair_is() -> None:
    def combination(scene: Scene) -> tuple[str, str, str, str]:
        return scene.subject, scene.colour, scene.motion, scene.place

    trained = {combination(s) for s in draw_scenes(0, 4000)}
    kept = {combination(s) for s in draw_scenes(0, 400, benchmark=True)}
    assert trained and kept and trained.isdisjoint(kept)
    assert all(held_out(s, c, m, p) for s, c, m, p in kept)  # type: ignore[arg-type]
    axes = (SUBJECTS, COLOURS, MOTIONS, PLACES)
    for a, b in itertools.combinations(range(4), 2):
        pairs = set(itertools.product(axes[a], axes[b])) - set(
            itertools.product(ROUND, ["spinning"])
        )
        assert pairs == {(t[a], t[b]) for t in trained}


def test_a_window_is_the_same_part_of_the_whole_frame() -> None:
    scenes, size = draw_scenes(4, 2), Size(160, 96, 9)
    whole = render(scenes, size)
    left, top = torch.tensor([10, 70]), torch.tensor([32, 0])
    windows = render(scenes, size, window=(left, top, 64, 48), frames=[2, 8])
    for i in range(2):
        x, y = int(left[i]), int(top[i])
        part = whole[i, :, [2, 8], y : y + 48, x : x + 64]
        torch.testing.assert_close(windows[i], part, atol=1e-4, rtol=0)


def test_the_subject_is_drawn_where_it_is_said_to_stand() -> None:
    scenes = [replace(s, place="night", colour="white", subject="ball") for s in covering(4)]
    centres = subject_centres(scenes, PORTRAIT, 12)
    frames = render(scenes, PORTRAIT, frames=[12])
    for frame, (x, y) in zip(frames, centres.round().long().tolist(), strict=True):
        assert frame[:, 0, y, x].min() > 0.4


def test_the_subject_covers_the_cells_it_is_drawn_in() -> None:
    # White on black: what is bright is the subject.
    scenes = [replace(s, place="night", colour="white", light="even") for s in covering(6)]
    bright = render(scenes, PORTRAIT, frames=[0, 24]).mean(dim=1) > 0.55
    drawn = torch.nn.functional.avg_pool2d(bright.float(), 8)
    cover = subject_cover(scenes, PORTRAIT, [0, 24], 8)
    assert drawn.shape == cover.shape
    assert 0.02 < cover.mean() < 0.2
    assert ((drawn > 0.5) != (cover > 0.5)).float().mean() < 0.01


def test_pictures_are_read_back_as_they_were_drawn() -> None:
    for scene in covering(28):
        seen = measure.look(film(scene, PORTRAIT))
        for attribute in ("subject", "colour", "motion", "place", "light", "camera"):
            assert getattr(seen, attribute) == getattr(scene, attribute), scene


@pytest.mark.parametrize("size", [Size(512, 288, 49), Size(256, 256, 17)])
def test_other_sizes_and_lengths_are_read_back_too(size: Size) -> None:
    for scene in covering(6):
        seen = measure.look(film(scene, size))
        drawn = scene.subject, scene.colour, scene.motion, scene.place
        assert (seen.subject, seen.colour, seen.motion, seen.place) == drawn, scene


def test_sounds_are_read_back_as_they_were_made() -> None:
    for scene in covering(70):
        heard = measure.listen(waveforms([scene], SAMPLE_RATE)[0])
        assert heard == scene.sound, scene


def test_a_clip_without_a_subject_has_none() -> None:
    empty = replace(draw_scenes(1, 1)[0], radius=1e-6, place="forest", camera="static")
    seen = measure.look(film(empty, PORTRAIT))
    assert seen.subject is None and seen.colour is None and seen.place == "forest"


def test_a_whole_caption_names_what_was_drawn_in_words_of_the_vocabulary() -> None:
    known, rng = set(vocabulary()), random.Random(0)
    for scene in draw_scenes(5, 200):
        text = caption(scene, rng, whole=True)
        assert scene.subject in text.lower()
        assert set(re.findall(r"[A-Za-z]+", text)) <= known
    assert len({caption(scene, rng) for _ in range(50)}) > 20
