"""Films that clips follow, beside an IC-LoRA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline
from films import encoded, moving
from lora_files import save_lora
from sounds import beats

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loras import UnusableLora, read_header
from ltx_ui.engine.lossy import LossySpeed
from ltx_ui.geometry import followed_tokens, video_tokens
from ltx_ui.given_films import Film
from ltx_ui.inputs import ControlInput, ImageInput, InputData, LoraData, Sound, SoundInput
from ltx_ui.lossy import Lossy
from ltx_ui.media.films import look_at
from ltx_ui.media.following import edges, followed_frames
from ltx_ui.recipe import Recipe
from ltx_ui.studio.timing import TimingModel

SIDE, FRAMES = 128, 17
FILM = moving(FRAMES, SIDE, SIDE)
TOLD = {"reference_downscale_factor": "2"}


@pytest.fixture(scope="module")
def leads(tmp_path_factory: pytest.TempPathFactory) -> LoraData:
    """An IC-LoRA for films of half the clip's size."""
    path = save_lora(tmp_path_factory.mktemp("leads") / "edges.safetensors", metadata=TOLD)
    header = read_header(path)
    assert header.factor == 2
    return LoraData(path.stem, path, "0" * 64, 1.0, header.numbers, leads=True)


def recipe(control: dict[str, Any] | None = None, **fields: Any) -> Recipe:
    size = {"width": SIDE, "height": SIDE, "num_frames": FRAMES}
    small = {"num_inference_steps": 2, "seed": 3, **size, **fields}
    inputs = small.pop("inputs", {})
    if control is not None:
        inputs["control"] = ControlInput(digest=f"sha256:{'1' * 64}", **{"factor": 2, **control})
        inputs["loras"] = ({"name": "edges"},)
    return Recipe.model_validate({"prompt": "A red ball bounces", **small, "inputs": inputs})


def clip(
    engine: Engine, leads: LoraData, control: dict[str, Any], film: Any = FILM, **fields: Any
) -> Clip:
    data = InputData(loras=(leads,), control=film)
    return engine.generate(recipe(control, **fields), Silent(), data)


@contextmanager
def forwards(engine: Engine) -> Iterator[list[dict[str, Any]]]:
    """What the transformer is called with, and what its IC-LoRAs are multiplied by."""
    seen: list[dict[str, Any]] = []

    def note(module: Any, _: Any, kwargs: Any) -> None:
        scales = [
            scale
            for layer in module.modules()
            for name, scale in getattr(layer, "scaling", {}).items()
            if name.startswith("ic_")
        ]
        seen.append({**kwargs, "scales": set(scales)})

    hook = engine.pipe.transformer.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


def test_a_clip_follows_its_film_and_no_other(engine: Engine, leads: LoraData) -> None:
    plain = engine.generate(recipe(), Silent())
    whole, half = (clip(engine, leads, {"strength": strength}) for strength in (1.0, 0.5))
    other = clip(engine, leads, {"strength": 1.0}, FILM[:, ::-1].copy())
    alone = engine.generate(recipe(), Silent(), InputData(loras=(leads,)))
    found = [each.frames for each in (plain, whole, half, other, alone)]
    for place, one in enumerate(found):
        assert not any(np.array_equal(one, another) for another in found[:place])
    again = clip(engine, leads, {"strength": 1.0})
    assert np.array_equal(again.frames, whole.frames)
    assert type(engine.pipe) is LTX2ConditionPipeline
    assert np.array_equal(engine.generate(recipe(), Silent()).frames, plain.frames)


@pytest.mark.parametrize("factor", [1, 2])
def test_its_latents_stand_at_the_same_places_and_times(
    engine: Engine, leads: LoraData, factor: int
) -> None:
    own = video_tokens(SIDE, SIDE, FRAMES)
    with forwards(engine) as seen:
        clip(engine, leads, {"strength": 0.75, "factor": factor})
    beside = followed_tokens(SIDE, SIDE, FRAMES, factor)
    assert beside == own // factor**2
    first = seen[0]
    assert first["hidden_states"].shape[1] == own + beside
    # B×3×tokens×2: where each begins and ends, in seconds and pixels.
    coords, times = first["video_coords"], first["timestep"]
    assert coords.shape[2] == own + beside
    for axis in range(3):
        clips, films = (set(part.flatten().tolist()) for part in coords[0, axis].split(own))
        assert films <= clips
        assert (min(films), max(films)) == (min(clips), max(clips))
    # A quarter of the noise; all see each other.
    assert torch.allclose(times[:, own:], 0.25 * times[:, :1])
    assert first.get("video_self_attention_mask") is None


def test_hd_follows_in_the_first_stage_alone(engine: Engine, leads: LoraData) -> None:
    with forwards(engine) as seen:
        made = clip(engine, leads, {"strength": 1.0}, two_stage=True)
    assert made.frames.shape == (FRAMES, SIDE, SIDE, 3)
    half, whole = video_tokens(64, 64, FRAMES), video_tokens(SIDE, SIDE, FRAMES)
    sizes = [(each["hidden_states"].shape[1], each["scales"]) for each in seen]
    film = followed_tokens(64, 64, FRAMES, 2)
    assert sizes == [(half + film, {1.0})] * 2 + [(whole, {0.0})] * 3
    assert {scale for each in seen[:2] for scale in each["scales"]} == {1.0}


def test_pictures_sound_size_and_lossy_speed_count_beside_it(
    engine: Engine, leads: LoraData
) -> None:
    places = (0, 8, -1)
    sound = {"audio": SoundInput(digest=f"sha256:{'5' * 64}")}
    images = tuple(ImageInput(digest=f"sha256:{n + 2:064x}", at=n) for n in places)
    asked = recipe(
        {"strength": 1.0}, width=132, height=130, inputs={"images": images, **sound}, num_takes=2
    )
    pictures = {place: np.full((130, 132, 3), 20 * (place + 2), np.uint8) for place in places}
    data = InputData(
        pictures=pictures,
        sound=Sound(beats(FRAMES / 24, 440.0)),
        loras=(leads,),
        control=moving(FRAMES, 132, 130),
    )
    one, other = engine.generate_many(asked.takes(), Silent(), data)
    assert one.frames.shape == other.frames.shape == (FRAMES, 130, 132, 3)
    assert not np.array_equal(one.frames, other.frames)
    speed = LossySpeed(engine.pipe, Lossy(skip_guidance=0.5))
    try:
        faster = clip(engine, leads, {"strength": 1.0})
    finally:
        speed.remove()
    assert not np.array_equal(faster.frames, clip(engine, leads, {"strength": 1.0}).frames)


def test_memory_and_time_count_its_tokens(engine: Engine) -> None:
    large = {"width": 768, "height": 512, "num_frames": 121}
    plain, half, same = (
        recipe(control, **large) for control in (None, {"factor": 2}, {"factor": 1})
    )
    memory = engine.memory
    sampling = [memory.working(each).sampling for each in (plain, half, same)]
    assert sampling[0] < sampling[1] < sampling[2]
    assert len({memory.size(each) for each in (plain, half, same)}) == 3
    without = recipe({"strength": 0.0, "factor": 2}, **large)
    assert memory.working(without) == memory.working(plain)
    timing = TimingModel(engine.card)
    timing.learn(plain, {"text": 1, "sampling": 10, "decoding": 1, "saving": 1})
    assert timing.expect(half)["sampling"] == pytest.approx(10 * (1 + 0.25), rel=0.02)


def decoded(tmp_path: Path, data: bytes) -> tuple[Path, Film]:
    path = tmp_path / "film.mp4"
    path.write_bytes(data)
    return path, look_at(data)


def test_a_film_is_followed_by_its_times_and_held_at_its_end(tmp_path: Path) -> None:
    levels = np.arange(40, dtype=np.uint8)[:, None, None, None] * 6
    path, film = decoded(tmp_path, encoded(np.broadcast_to(levels, (40, 128, 192, 3)), rate=30))
    asked = recipe({"start": 0.5}, num_frames=25)
    control = asked.inputs.control
    assert control is not None
    found = followed_frames(path, film, asked, control)
    assert found.shape == (25, 128, 128, 3)
    shown = np.minimum(39, (30 * (0.5 + np.arange(25) / 24) + 1e-6).astype(int))
    assert np.abs(found.mean(axis=(1, 2, 3)) - shown * 6).max() < 4


def test_edges_are_drawn_where_there_are_some(tmp_path: Path) -> None:
    path, film = decoded(tmp_path, encoded(moving(9, 128, 128)))
    asked = recipe({"kind": "canny"}, num_frames=9)
    control = asked.inputs.control
    assert control is not None
    lines = followed_frames(path, film, asked, control)
    assert set(np.unique(lines)) == {0, 255}
    assert np.array_equal(lines[0], lines[0][:, :, :1].repeat(3, 2))
    # The bar of the first frame is at 8 to 24, 42 to 64.
    rows, columns = np.nonzero(lines[0, :, :, 0])
    assert rows.min() >= 40 and rows.max() <= 66 and columns.min() >= 6 and columns.max() <= 26
    assert not edges(np.full((64, 64, 3), 90, np.uint8)).any()


@pytest.mark.parametrize(
    ("name", "told", "factor"),
    [
        ("a", TOLD, 2),
        ("a", {"reference_spatial_scale_factor": "1"}, 1),
        ("ltx-2-19b-ic-lora-detailer", {}, 1),
        ("magic-lora", {}, 0),
    ],
)
def test_an_ic_lora_is_known_by_what_its_file_tells(
    tmp_path: Path, name: str, told: dict[str, str], factor: int
) -> None:
    assert read_header(save_lora(tmp_path / f"{name}.safetensors", metadata=told)).factor == factor


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"reference_downscale_factor": "9"}, "is an IC-LoRA for films in '9' of the clip's size"),
        ({"reference_downscale_factor": "½"}, "is an IC-LoRA for films in '½'"),
        (TOLD | {"reference_temporal_scale_factor": "4"}, "with fewer frames a second"),
        (TOLD | {"hdr_transform": "logc3"}, "makes HDR films"),
    ],
)
def test_an_ic_lora_that_cannot_be_given_its_film_is_refused(
    tmp_path: Path, told: dict[str, str], said: str
) -> None:
    with pytest.raises(UnusableLora, match=said):
        read_header(save_lora(tmp_path / "a.safetensors", metadata=told))
