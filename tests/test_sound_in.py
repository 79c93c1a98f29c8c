"""A clip is made to a given sound: kept in latents, followed by the picture, heard in the file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import httpx
import numpy as np
import pytest
import torch
from running import RunningApp
from sounds import RATE, beats, sound_file
from studios import OpenStudio, quick
from torch import Tensor

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.sampling import sample, sample_together
from ltx_ui.engine.sound_in import DEMO, LogMel, decimated, log_mel, sound_latents
from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.inputs import InputData, Inputs, Sound, SoundInput
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_request, request_data
from training.audio import mel

DIGEST = "sha256:" + "5" * 64
SECONDS = 9 / 24


def to_sound(strength: float = 1.0, **fields: Any) -> Recipe:
    """A recipe whose clip is made to a sound."""
    small = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 3, "seed": 1}
    inputs = Inputs(audio=SoundInput(digest=DIGEST, strength=strength))
    return Recipe(**{"prompt": "A red ball bounces.", **small, "inputs": inputs, **fields})


def sound(hertz: float = 440.0, seconds: float = SECONDS) -> Sound:
    return Sound(beats(seconds, hertz))


def made(engine: Engine, recipe: Recipe, given: Sound | None = None) -> Clip:
    return engine.generate(recipe, Silent(), InputData(sound=given or sound()))


@contextmanager
def heard(engine: Engine) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """The sound's latents and its timestep in each call of the transformer."""
    seen: list[tuple[Tensor, Tensor]] = []

    def note(_: Any, __: Any, kwargs: Any) -> None:
        seen.append((kwargs["audio_hidden_states"].clone(), kwargs["audio_timestep"].clone()))

    handle = engine.pipe.transformer.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def test_the_demo_hears_what_it_was_trained_on(engine: Engine) -> None:
    """Its encoder gets the frames that training gave it, so that what it decodes is the sound."""
    waveform = torch.from_numpy(beats(0.5, rate=24_000))
    assert torch.allclose(
        log_mel(waveform, DEMO)[:, :50], mel(waveform[None])[0][:, :50], atol=1e-4
    )


def test_the_authors_frames_have_slaneys_scale() -> None:
    """A tone of 1 kHz is in the bin around mel 15 of 0…45.2, and of their loudness: its amplitude
    times half the window's sum times the filter's height."""
    time = torch.arange(16_000) / 16_000
    frames = log_mel(torch.sin(2 * torch.pi * 1000 * time)[None], LogMel())
    assert frames.shape == (1, 101, 64)
    assert int(frames[0, 50].argmax()) == 21
    assert float(frames[0, 0].min()) >= np.log(1e-5) - 1e-4


def test_fewer_samples_have_the_same_sound() -> None:
    waveform = torch.from_numpy(beats(0.3, 700.0))
    fewer = decimated(waveform, 3)
    assert fewer.shape == (2, 4800)
    assert torch.allclose(fewer[:, 100:-100], waveform[:, ::3][:, 100:-100], atol=2e-3)
    alias = torch.sin(2 * torch.pi * 20_000 * torch.arange(14_400) / RATE)[None]
    assert float(decimated(alias, 3)[:, 100:-100].abs().max()) < 0.02


@torch.inference_mode()
def test_the_sound_comes_out_as_it_went_in_and_is_seen_clean(engine: Engine) -> None:
    recipe, given = to_sound(mode="high"), sound()
    latents = sound_latents(engine.pipe, engine.card, given, recipe.duration)
    with heard(engine) as seen:
        found = sample(
            engine.pipe, engine.card, engine.encoder, recipe, Silent(), InputData(sound=given)
        )
    assert torch.equal(found.audio, latents)
    assert found.given is given
    assert len(seen) == 3 * engine.card.forwards(recipe) - 3
    assert all(not timestep.any() for _, timestep in seen)
    first = seen[0][0][:1]
    assert first.std() > 0.1
    assert all(torch.equal(each, first.expand_as(each)) for each, _ in seen)


@torch.inference_mode()
def test_a_weaker_sound_is_noised_as_weaker_pictures_are(engine: Engine) -> None:
    with heard(engine) as seen:
        recipe = to_sound(0.75)
        sample(engine.pipe, engine.card, engine.encoder, recipe, Silent(), InputData(sound=sound()))
    with heard(engine) as plain:
        alone = to_sound(inputs=Inputs())
        sample(engine.pipe, engine.card, engine.encoder, alone, Silent())
    for (_, timestep), (_, full) in zip(seen, plain, strict=True):
        assert torch.allclose(timestep, 0.25 * full)


@torch.inference_mode()
def test_at_strength_0_it_is_the_clip_without_it(engine: Engine) -> None:
    data = InputData(sound=sound())
    found = sample(engine.pipe, engine.card, engine.encoder, to_sound(0.0), Silent(), data)
    plain = to_sound(inputs=Inputs())
    alone = sample(engine.pipe, engine.card, engine.encoder, plain, Silent())
    assert torch.allclose(found.video, alone.video, atol=1e-3)
    assert torch.allclose(found.audio, alone.audio, atol=1e-3)


@torch.inference_mode()
def test_takes_in_a_batch_are_made_to_the_same_sound(engine: Engine) -> None:
    data = InputData(sound=sound())
    takes = to_sound(num_takes=2).takes()
    both = sample_together(engine.pipe, engine.card, engine.encoder, takes, Silent(), data)
    second = sample(engine.pipe, engine.card, engine.encoder, takes[1], Silent(), data)
    assert torch.equal(both[0].audio, both[1].audio)
    assert torch.allclose(both[1].video, second.video, atol=1e-3)
    assert not torch.allclose(both[0].video, both[1].video, atol=1e-2)


@pytest.mark.parametrize("noise", ["clip", "frame"])
@pytest.mark.parametrize("two_stage", [False, True], ids=["one stage", "HD"])
def test_another_sound_gives_other_pictures(engine: Engine, two_stage: bool, noise: str) -> None:
    fields: dict[str, Any] = {"two_stage": two_stage, "noise": noise}
    before = engine.generate(to_sound(inputs=Inputs(), **fields), Silent())
    low = made(engine, to_sound(**fields))
    high = made(engine, to_sound(**fields), sound(3000.0))
    assert np.abs(low.frames.astype(int) - high.frames).mean() > 0.1
    assert low.waveform is not None and high.waveform is not None
    assert np.array_equal(low.waveform, sound().waveform)
    assert np.array_equal(high.waveform, sound(3000.0).waveform)
    # The pipeline is as it was.
    again = engine.generate(to_sound(inputs=Inputs(), **fields), Silent())
    assert np.array_equal(again.frames, before.frames)


def test_a_weaker_sound_is_the_models_own(engine: Engine) -> None:
    clip = made(engine, to_sound(0.5))
    assert clip.waveform is not None and clip.sample_rate == 24_000
    assert clip.waveform.shape[1] == round(SECONDS * 24_000)


def test_what_was_done_with_the_sound_is_said(engine: Engine) -> None:
    assert "made to the given sound." in " ".join(made(engine, to_sound()).notes)
    short = made(engine, to_sound(num_frames=17), sound(seconds=0.2))
    assert any("ends after 0.20 s; the rest of the clip is silent" in n for n in short.notes)
    assert short.waveform is not None and not short.waveform[:, 9600:].any()
    [told] = made(engine, to_sound(), sound(seconds=0.25)).notes
    assert told == (
        "The clip is silent for 0.12 s after the given sound: a clip's length goes in steps of 8 "
        "frames, 0.33 s."
    )
    cut = made(engine, to_sound(), Sound(beats(SECONDS), beyond=0.34))
    assert any("longer than the clip and was cut after 0.38 s" in note for note in cut.notes)
    # As long as the sound, as nearly as clips can be.
    [told] = made(engine, to_sound(), Sound(beats(SECONDS), beyond=0.12)).notes
    assert told == (
        "The given sound is heard but for its last 0.12 s: a clip's length goes in steps of 8 "
        "frames, 0.33 s."
    )
    silent = made(engine, to_sound(include_audio=False))
    assert silent.waveform is None
    assert any("and is silent" in note for note in silent.notes)


def test_recipes_without_a_sound_are_written_as_before() -> None:
    plain = to_sound(inputs=Inputs())
    assert "audio" not in plain.model_dump(mode="json")["inputs"]
    assert "audio" not in request_data(plain)
    told = to_sound(0.5)
    assert Recipe.model_validate(told.model_dump(mode="json")) == told
    assert parse_request(request_data(told)).recipe() == told


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"audio": 5}, "allowed is a WAV, MP3, FLAC, M4A or OGG sound"),
        ({"audio": "a song.mp3"}, "not valid base64"),
        ({"audio": base64.b64encode(b"\x89PNG\r\n\x1a\n12345").decode()}, "is not a WAV"),
        ({"audio_strength": 2}, "from 0.0 to 1.0"),
        ({"audio_start": -1}, "from 0.0 to 600"),
    ],
)
def test_a_wrong_request_is_told_what_is_allowed(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRecipe, match=said):
        parse_request({"prompt": "A fox", **fields})


def test_a_sound_and_a_picture_are_not_mixed_up(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    digest = studio.add_file(sound_file(beats(1.0)), "audio")
    studio.submit(quick(audio=digest), "local")
    with pytest.raises(InvalidRecipe, match="image_start: is the digest of a sound"):
        studio.submit(quick(image_start=digest), "local")
    assert studio.media_file(digest, "local").suffix == ".wav"
    with pytest.raises(NotFound):
        studio.thumbnail(digest)


def test_a_clip_made_to_a_sound_over_http_has_it(app: RunningApp, http: httpx.Client) -> None:
    waveform = beats(2.0)
    data = base64.b64encode(sound_file(waveform, "flac", "flac")).decode()
    small = {"width": 128, "height": 128, "num_frames": 25, "num_inference_steps": 2, "seed": 3}
    asked = {"prompt": "A red ball bounces.", **small, "audio": data, "audio_start": 0.5}
    late = http.post("/jobs", json=asked | {"audio_start": 50})
    assert late.status_code == 422 and "Begin before its end" in late.text
    answer = http.post("/generate", json=asked)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert any("longer than the clip" in note for note in told["notes"])
    with av.open(io.BytesIO(base64.b64decode(told["video"].partition(",")[2]))) as film:
        frames = [frame.to_ndarray() for frame in film.decode(audio=0)]
    found, given = np.concatenate(frames, axis=1), waveform[:, 24_000:74_000]
    length = 48_000
    shifts = range(0, 2200, 4)
    alike = max(
        float(np.corrcoef(found[0, shift : shift + length], given[0, :length])[0, 1])
        for shift in shifts
        if shift + length <= found.shape[1]
    )
    assert alike > 0.99
    levels = [float(np.sqrt(np.mean(each[:, :length] ** 2))) for each in (found, given)]
    assert levels[0] == pytest.approx(levels[1], rel=0.03)
    refused = http.post("/generate", json=asked | {"audio": "UklGRgAAAABXQVZFAAAA"})
    assert refused.status_code == 422 and "audio" in refused.text
