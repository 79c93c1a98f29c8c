"""Training: it resumes where it was, does what the pipeline does, learns, and ends in a folder that
the app loads."""

from __future__ import annotations

import json
import random
import re
import shutil
from itertools import product
from pathlib import Path

import pytest
import torch
from diffusers import LTX2ConditionPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoTokenizer

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.request import parse_recipe
from training import audio, flow, model, video_vae
from training.__main__ import SCALES, train
from training.blend import blend
from training.captions import caption
from training.pictures import Size, subject_cover
from training.pool import Batch, Pool
from training.run import Budget, Run
from training.segment import Segmenter
from training.sounds import TONE_HZ, waveforms
from training.world import COLOURS, SUBJECTS, draw_scenes

CPU = torch.device("cpu")
SMALL = ((Size(96, 96, 17), 1),)


@pytest.fixture(scope="module")
def pipe() -> LTX2ConditionPipeline:
    """The model, untrained."""
    torch.manual_seed(0)
    fresh = model.pipeline()
    for part in (fresh.text_encoder, fresh.connectors, fresh.transformer):
        part.eval()
    return fresh


def pool(pipe: LTX2ConditionPipeline) -> Pool:
    return Pool(pipe, CPU, tokens=600, uses=2, room=2, sizes=SMALL)


def line(folder: Path, stop_at: int | None = None) -> Run:
    """A run of eight steps that fits a line, stopped early if asked."""
    torch.manual_seed(0)
    run = Run("line", folder, nn.Linear(1, 1), Budget(8, 60, 4, 0.1, warm_up=2), CPU)
    for rng in run.steps():
        x = torch.tensor([[rng.random()] for _ in range(4)])
        run.learn((run.model(x) - 3 * x).square().mean())
        if run.step + 1 == stop_at:
            run.step += 1
            run.save()
            break
    return run


def test_a_run_that_was_interrupted_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = line(tmp_path / "whole")
    assert not line(tmp_path / "halves", stop_at=3).complete
    halves = line(tmp_path / "halves")
    assert halves.complete and halves.step == whole.step == 8
    assert torch.equal(*(run.model.state_dict()["weight"] for run in (halves, whole)))
    assert torch.equal(halves.average["weight"], whole.average["weight"])


def test_a_complete_run_is_left_alone(tmp_path: Path) -> None:
    done = line(tmp_path)
    again = line(tmp_path)
    assert again.step == 8
    assert torch.equal(again.use_average().state_dict()["weight"], done.average["weight"])


def test_the_whole_model_fits_into_24_megabytes(pipe: LTX2ConditionPipeline) -> None:
    parts = [p for p in pipe.components.values() if isinstance(p, nn.Module)]
    weights = sum(p.numel() for part in (*parts, model.upsampler()) for p in part.parameters())
    assert 2 * weights < 24e6


def test_a_word_of_the_world_is_one_token_and_stays_one_when_loaded(
    pipe: LTX2ConditionPipeline, tmp_path: Path
) -> None:
    pipe.tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    rng = random.Random(0)
    for scene in draw_scenes(1, 50):
        text = caption(scene, rng, whole=True)
        words = re.findall(r"[A-Za-z]+|[^A-Za-z\s]", text)
        assert len(pipe.tokenizer(text).input_ids) == len(words), text
        assert loaded(text).input_ids == pipe.tokenizer(text).input_ids
    for word in (*COLOURS, *SUBJECTS):
        assert pipe.tokenizer.tokenize(f"{word} at night") == [word, "▁at", "▁night"]
    assert pipe.tokenizer.decode(pipe.tokenizer("A zebra’s hat").input_ids) == "A zebra’s hat"


@torch.no_grad()
@pytest.mark.parametrize("places", [model.MAX_TOKENS, 1024])
def test_training_sees_the_same_text_as_the_pipeline(
    pipe: LTX2ConditionPipeline, places: int
) -> None:
    lines = ["A red ball moves to the left at night. A low hum.", "Purple."]
    states, mask, _, _ = pipe.encode_prompt(
        lines, do_classifier_free_guidance=False, max_sequence_length=places
    )
    text, audio_text, _ = pipe.connectors(states, mask, padding_side="left")
    ours, our_audio = flow.embed(pipe, lines, places)
    torch.testing.assert_close(ours, text, atol=1e-3, rtol=0)
    torch.testing.assert_close(our_audio, audio_text, atol=1e-3, rtol=0)
    assert (text[0] - text[1]).abs().max() > 0.1


@torch.no_grad()
def test_training_places_first_and_last_frames_as_the_pipeline_does(
    pipe: LTX2ConditionPipeline,
) -> None:
    batch = pool(pipe).make(random.Random(1))
    size = batch.size
    ours = flow.Conditions.of(batch, pipe, [0.7] * len(batch.scenes), [0.4] * len(batch.scenes))
    grey = torch.zeros(1, 3, size.height, size.width)
    _, strength, clean, last_coords = pipe.prepare_latents(
        conditions=[
            LTX2VideoCondition(frames=grey, index=0, strength=0.7, crf=0),
            LTX2VideoCondition(frames=grey, index=-1, strength=0.4, crf=0),
        ],
        height=size.height,
        width=size.width,
        num_frames=size.frames,
        frame_rate=size.fps,
        dtype=torch.float32,
        device=CPU,
        generator=torch.Generator().manual_seed(0),
    )
    assert ours.clean.shape[1:] == clean.shape[1:]
    torch.testing.assert_close(ours.strength[:1], strength)
    torch.testing.assert_close(ours.coords[:1, :, -last_coords.shape[2] :], last_coords)


@torch.no_grad()
def test_the_first_latent_of_a_clip_is_that_of_its_first_frame_alone(
    pipe: LTX2ConditionPipeline,
) -> None:
    """Training takes a first-frame condition from the clip's own latents, the pipeline from a
    picture."""
    clip = torch.rand(1, 3, 9, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    whole = pipe.vae.encode(clip).latent_dist.mode()
    alone = pipe.vae.encode(clip[:, :, :1]).latent_dist.mode()
    torch.testing.assert_close(whole[:, :, :1], alone, atol=1e-4, rtol=0)
    assert (whole[:, :, 1:] - alone).abs().max() > 1e-2


def test_more_tokens_are_trained_at_more_noise(pipe: LTX2ConditionPipeline) -> None:
    torch.manual_seed(0)
    few, many = (flow.noise_levels(pipe, n, 2000, CPU) for n in (100, 4096))
    assert few.min() > 0 and many.max() < 1
    assert many.mean() > few.mean() + 0.1


def test_the_segmenter_reads_a_tokens_own_cells() -> None:
    scenes, size = draw_scenes(6, 2), Size(96, 128, 17)
    segmenter = Segmenter()
    segmenter.norm = nn.Identity()  # type: ignore[assignment]
    segmenter.out.weight = nn.Parameter(torch.eye(*segmenter.out.weight.shape) * 40)
    nn.init.constant_(segmenter.out.bias, -20)
    cover = subject_cover(scenes, size, [0, 4, 12], 8)
    told = torch.zeros(2, 3 * 4 * 3, model.WIDTH)
    for token, (frame, row, column) in enumerate(product(range(3), range(4), range(3))):
        cells = cover[:, frame, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        told[:, token, :16] = cells.flatten(1)
    right, mixed = (segmenter(states, scenes, size).item() for states in (told, told.flip(1)))
    assert 0.15 < right < 0.45 < mixed / 2  # 0.18: it knows nothing of the names


def test_the_subjects_tokens_count_more_once_it_can_be_seen() -> None:
    scenes, size = draw_scenes(6, 2), Size(96, 128, 17)
    latents = torch.zeros(2, 128, 3, 4, 3)
    batch = Batch(size, tuple(scenes), latents, latents, torch.zeros(2, 26, 32))
    sigma, free = torch.tensor([0.2, 0.999]), torch.zeros(2, 36 + 12, 1)
    extra = flow.token_weights(batch, sigma, free).squeeze(-1) - 1
    # At nearly nothing but noise, and in an appended last frame, all count alike.
    assert extra[1].abs().max() == 0 and extra[0, 36:].abs().max() == 0
    touched = subject_cover(scenes[:1], size, range(1, 9), 8)[0].amax(dim=0)
    touched = nn.functional.max_pool2d(touched[None], 4).flatten() > 0
    assert 0 < touched.sum() < 12
    assert ((extra[0, 12:24] > 0) == touched).float().mean() > 0.9


def test_what_lies_beside_a_held_last_frame_counts_more_and_the_frame_itself_nothing() -> None:
    size = Size(96, 128, 17)
    scenes = tuple(draw_scenes(6, 2))
    latents = torch.zeros(2, 128, 3, 4, 3)
    batch = Batch(size, scenes, latents, latents, torch.zeros(2, 26, 32))
    sigma, strength = torch.tensor([0.2, 0.999]), torch.zeros(2, 36 + 12, 1)
    free = flow.token_weights(batch, sigma, strength)
    strength[0, 36:], strength[1, 36:] = 1.0, 0.5
    ratio = (flow.token_weights(batch, sigma, strength) / free).squeeze(-1)
    assert (ratio[:, :24] == 1).all()
    assert (ratio[0, 24:36] > ratio[1, 24:36]).all() and (ratio[1, 24:36] > 1).all()
    assert (ratio[0, 36:] == 0).all() and (ratio[1, 36:] == 1).all()


def test_the_guided_last_frame_is_learnt_where_captions_stand_beside_none() -> None:
    """Where a caption changes nothing guidance adds no error; where it does, twice the change."""
    target, strength = torch.randn(2, 36 + 12, 8), torch.zeros(2, 36 + 12, 1)
    strength[0, 36:], strength[1, 36:] = 1.0, 0.5
    velocities = torch.stack([target, target])
    assert flow.guided_end_error(velocities, target, strength, 12) < 1e-9
    velocities[0, 0, 24:36] += 0.1  # with its caption, the first clip: (0.1 * 3)² at weight 2/3
    velocities[:, :, :24] += 9  # what does not lie beside the frame
    error = flow.guided_end_error(velocities, target, strength, 12)
    assert float(error) == pytest.approx(0.09 * 2 / 3, rel=1e-3)


def test_a_tone_stands_in_its_own_mel_bin_and_frames_match_the_decoder(
    pipe: LTX2ConditionPipeline,
) -> None:
    t = torch.arange(audio.samples_of(10)) / 24_000
    tone = 0.25 * (2 * torch.pi * TONE_HZ * t).sin()
    frames = audio.mel(tone.expand(1, 2, -1))
    decoded = pipe.audio_vae.decode(torch.zeros(1, 2, 10, 16)).sample
    assert frames.shape == decoded.shape == (1, 2, 37, 64)
    assert pipe.vocoder(frames).shape[-1] == len(t)
    loudest = int(frames[0, 0, 18].argmax())
    assert loudest == 20  # 900 Hz is 932 of 2840 mel, 21.3 of 65 steps; the first is bin 0


@pytest.mark.weights
def test_every_part_learns(pipe: LTX2ConditionPipeline, tmp_path: Path) -> None:
    """Twenty steps on the same few clips bring each loss down."""
    torch.manual_seed(0)
    fresh = model.pipeline()
    clips = video_vae.windows(random.Random(0), 2, CPU)[:, :, :9, :64, :64]
    sounds = audio.mel(waveforms(draw_scenes(2, 4), audio.samples_of(10)))
    batch = pool(fresh).make(random.Random(2))
    conditions = flow.Conditions.of(batch, fresh, [0.0] * len(batch.scenes), None)
    count = len(batch.scenes)
    sigma, lines = torch.full((count,), 0.8), flow.said(batch.scenes, random.Random(0))

    def video_error() -> torch.Tensor:
        seen = fresh.vae.decode(fresh.vae.encode(clips).latent_dist.mode()).sample
        error: torch.Tensor = (seen - clips).square().mean()
        return error

    def audio_error() -> torch.Tensor:
        heard = fresh.audio_vae.decode(fresh.audio_vae.encode(sounds).latent_dist.mode()).sample
        error: torch.Tensor = (heard - sounds).abs().mean()
        return error

    def flow_error() -> torch.Tensor:
        torch.manual_seed(3)
        text = flow.embed(fresh, lines)
        return sum(flow.errors(fresh, batch, conditions, sigma, text), torch.zeros(()))

    for error, part in (
        (video_error, fresh.vae),
        (audio_error, fresh.audio_vae),
        (flow_error, flow.trained_parts(fresh)),
    ):
        losses = []
        run = Run(error.__name__, tmp_path, part, Budget(20, 60, 1, 1e-3, warm_up=2), CPU)
        for _ in run.steps():
            loss = error()
            losses.append(float(loss.detach()))
            run.learn(loss)
        assert losses[-1] < 0.9 * losses[0], error.__name__


@pytest.mark.weights
def test_one_command_makes_a_folder_that_the_app_loads(tmp_path: Path) -> None:
    train(tmp_path, CPU, SCALES["test"], minutes=60, steps=1)
    tokenizer = json.loads((tmp_path / "model" / "tokenizer" / "tokenizer.json").read_text())
    assert tokenizer["padding"] is None and tokenizer["truncation"] is None
    engine = Engine(str(tmp_path / "model"), tmp_path)
    engine.load(lambda message, fraction: None)
    recipe = {"prompt": "A red ball.", "width": 128, "height": 128, "num_frames": 9, "seed": 1}
    clip = engine.generate(parse_recipe(recipe | {"num_inference_steps": 2}), Silent())
    assert clip.frames.shape == (9, 128, 128, 3)
    assert clip.waveform is not None and clip.sample_rate == 24_000


@pytest.mark.weights
def test_a_finished_folder_is_trained_further_and_its_vae_is_left_alone(tmp_path: Path) -> None:
    train(tmp_path, CPU, SCALES["test"], minutes=60, steps=2, start=DEMO_FOLDER)
    before, after = (
        {
            str(path.relative_to(folder)): load_file(path)
            for path in sorted(folder.rglob("*.safetensors"))
        }
        for folder in (DEMO_FOLDER, tmp_path / "model")
    )
    assert before.keys() == after.keys()
    changed = {
        path.partition("/")[0]
        for path, weights in before.items()
        if any(not torch.equal(weights[name], after[path][name]) for name in weights)
    }
    assert changed == {"transformer", "connectors", "text_encoder"}
    # One step at a two-hundredth of the learning rate, and the next at a hundredth.
    name = "transformer/diffusion_pytorch_model.safetensors"
    for key, weights in before[name].items():
        assert (after[name][key].float() - weights.float()).abs().max() < 2e-3, key


def test_a_fresh_segmenter_does_not_pull_at_what_it_looks_at() -> None:
    states = torch.randn(2, 3 * 4 * 3, model.WIDTH, requires_grad=True)
    segmenter = Segmenter()
    segmenter(states, draw_scenes(6, 2), Size(96, 128, 17)).backward()
    assert states.grad is not None and states.grad.abs().max() == 0
    assert segmenter.out.weight.grad is not None and segmenter.out.weight.grad.abs().max() > 0


def test_between_two_models_lies_a_third_that_loads(tmp_path: Path) -> None:
    new = tmp_path / "new"
    shutil.copytree(DEMO_FOLDER, new)
    name = Path("transformer", "diffusion_pytorch_model.safetensors")
    weights = load_file(DEMO_FOLDER / name)
    save_file({key: w + 1 for key, w in weights.items()}, new / name, metadata={"format": "pt"})
    blend(DEMO_FOLDER, new, 0.25, tmp_path / "between")
    found = load_file(tmp_path / "between" / name)
    for key, w in weights.items():
        torch.testing.assert_close(found[key].float(), w.float() + 0.25, atol=4e-3, rtol=4e-3)
    vae = Path("vae", "diffusion_pytorch_model.safetensors")
    kept = load_file(tmp_path / "between" / vae)
    assert all(torch.equal(kept[key], w) for key, w in load_file(DEMO_FOLDER / vae).items())
    Engine(str(tmp_path / "between"), tmp_path).load(lambda message, fraction: None)
