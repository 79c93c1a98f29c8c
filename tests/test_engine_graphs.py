"""A recorded forward gives what the forward itself gives, and is let go when it would not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from families import save, save_lora
from numpy.typing import NDArray
from pictured import pictured
from recording import Tape, playing

from ltx_ui.clip import Silent
from ltx_ui.engine.choosing import Free
from ltx_ui.engine.clip_memory import ClipMemory
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.graphs import CudaRecorder, Graphs
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.optimizations import Optimizations, default_optimizations
from ltx_ui.engine.placement import GB, PLACEMENTS
from ltx_ui.recipe import Recipe

RECIPE = Recipe(
    prompt="a red ball", width=128, height=128, num_frames=9, num_inference_steps=4, seed=5
)


def frames(engine: Engine, **changes: Any) -> NDArray[np.uint8]:
    """Of a clip without sound."""
    recipe = RECIPE.model_copy(update={"include_audio": False, **changes})
    return engine.generate(recipe, Silent()).frames


@pytest.fixture
def tape() -> Tape:
    return Tape()


@pytest.fixture
def playing_engine(engine: Engine, tape: Tape) -> Iterator[Engine]:
    playing(engine, tape)
    yield engine
    engine.use(default_optimizations())


@pytest.mark.parametrize(
    "changes",
    [{}, {"guidance_scale": 1.0}, {"prompt": "a blue cube"}, {"seed": 6}, {"num_frames": 17}],
    ids=str,
)
def test_a_clip_is_the_same_with_graphs_and_the_next_one_too(
    playing_engine: Engine, tape: Tape, changes: dict[str, Any]
) -> None:
    playing_engine.use(Optimizations())
    plain, other = frames(playing_engine), frames(playing_engine, **changes)
    playing(playing_engine, tape)
    assert np.array_equal(frames(playing_engine), plain)
    assert np.array_equal(frames(playing_engine, **changes), other)
    assert tape.replayed >= 3 + 3


def test_the_first_step_runs_as_it_is_and_the_second_is_recorded(
    playing_engine: Engine, tape: Tape
) -> None:
    frames(playing_engine)
    assert (tape.recorded, tape.replayed) == (1, 3)
    frames(playing_engine, prompt="another text", seed=9)
    assert (tape.recorded, tape.replayed) == (1, 7)


def test_one_step_is_not_worth_recording(playing_engine: Engine, tape: Tape) -> None:
    frames(playing_engine, num_inference_steps=1)
    frames(playing_engine, num_inference_steps=1)
    assert tape.recorded == 0


def test_the_graph_that_was_used_longest_ago_goes_first(playing_engine: Engine, tape: Tape) -> None:
    lengths = (9, 17, 25, 33)
    for num_frames in (*lengths, 9, 41, 9, 17):
        frames(playing_engine, num_frames=num_frames, num_inference_steps=2)
    assert tape.recorded == 6
    assert tape.recorders == 1


def test_a_picture_is_not_answered_by_the_graph_of_a_clip_without(
    playing_engine: Engine, tape: Tape
) -> None:
    black = np.zeros((128, 128, 3), np.uint8)
    recipe, data = pictured(RECIPE, {0: black}, 1.0)
    playing_engine.use(Optimizations())
    plain = playing_engine.generate(recipe, Silent(), data).frames
    playing(playing_engine, tape)
    frames(playing_engine)
    assert np.array_equal(playing_engine.generate(recipe, Silent(), data).frames, plain)
    assert tape.recorded == 2


def test_the_text_stays_where_a_graph_reads_it_until_the_graph_goes(
    playing_engine: Engine,
) -> None:
    frames(playing_engine)
    text = playing_engine.optimized.text
    assert text is not None
    assert text.nbytes > 0
    playing_engine.use(Optimizations())
    frames(playing_engine)
    text = playing_engine.optimized.text
    assert text is not None
    assert text.nbytes == 0


def test_takes_in_one_batch_are_the_same_with_graphs(
    playing_engine: Engine, tape: Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing_engine, "at_once", lambda recipe: 2)
    takes = [RECIPE.model_copy(update={"seed": seed}) for seed in (1, 2, 3, 4)]

    def made() -> list[NDArray[np.uint8]]:
        return [clip.frames for clip in playing_engine.generate_many(takes, Silent())]

    playing_engine.use(Optimizations())
    plain = made()
    playing(playing_engine, tape)
    assert all(map(np.array_equal, made(), plain))
    assert (tape.recorded, tape.replayed) == (1, 7)


def test_a_refused_recording_leaves_the_clip_as_it_is_and_is_logged_once(
    playing_engine: Engine, tape: Tape, caplog: pytest.LogCaptureFixture
) -> None:
    playing_engine.use(Optimizations())
    plain = frames(playing_engine)
    playing(playing_engine, tape)
    tape.refuses = RuntimeError("operation not permitted when stream is capturing")
    for _ in range(2):
        assert np.array_equal(frames(playing_engine), plain)
    assert [r.message for r in caplog.records if "CUDA graph" in r.message] == [
        "Recording a CUDA graph failed; steps run without graphs"
    ]


def test_after_memory_ran_out_while_recording_the_next_clip_tries_again(
    playing_engine: Engine, tape: Tape
) -> None:
    tape.refuses = torch.OutOfMemoryError("CUDA out of memory.")
    assert playing_engine.generate(RECIPE, Silent()).notes == ()
    tape.refuses = None
    frames(playing_engine)
    assert tape.recorded == 1


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What torch's allocator is told of recordings, all of which CUDA gives up."""
    told: list[tuple[str, int]] = []

    class Graph:
        def pool(self) -> int:
            raise RuntimeError("Called CUDAGraph::pool() without a preceding successful capture.")

    @contextmanager
    def graph(graph: Graph, *, pool: int, capture_error_mode: str) -> Iterator[None]:
        told.append(("begin", pool))
        yield
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    replaced: dict[str, Any] = {
        "CUDAGraph": Graph,
        "graph": graph,
        "graph_pool_handle": lambda: 7,
        "current_device": lambda: 0,
        "current_stream": lambda: None,
        "set_stream": lambda stream: None,
    }
    for name, value in replaced.items():
        monkeypatch.setattr(torch.cuda, name, value)
    for name in ("endAllocateToPool", "releasePool"):
        monkeypatch.setattr(
            f"torch._C._cuda_{name}", lambda _, pool, n=name: told.append((n, pool))
        )
    return told


def test_torch_is_told_of_the_end_of_a_recording_that_cuda_gave_up(
    playing_engine: Engine, told: list[tuple[str, int]]
) -> None:
    playing_engine.use(Optimizations())
    plain = frames(playing_engine)
    playing_engine.use(Optimizations(graphs=True, recorder=CudaRecorder))
    assert np.array_equal(frames(playing_engine), plain)
    assert told == [("begin", 7), ("endAllocateToPool", 7), ("releasePool", 7)]


def test_memory_that_runs_out_takes_the_graphs_first(playing_engine: Engine, tape: Tape) -> None:
    frames(playing_engine)
    graphs, full = playing_engine.optimized.graphs, [True]
    assert graphs is not None

    def run_out(*_: Any) -> None:
        if full and full.pop():
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = playing_engine.pipe.vae.decoder.register_forward_pre_hook(run_out)
    clip = playing_engine.generate(RECIPE, Silent())
    handle.remove()
    assert clip.notes == ("Freed memory and decoded again.",)
    assert graphs.kinds == []


def test_the_second_stages_lora_drops_the_graphs_of_the_first(tmp_path: Path, tape: Tape) -> None:
    folder = save("2.0", tmp_path / "Lightricks--LTX-2", with_upsampler=True)
    save_lora(folder / CARDS["ltx-2"].distilled_lora)
    engine = Engine(str(folder), tmp_path)
    engine.load(lambda message, fraction: None)
    hd = {"width": 256, "two_stage": True}
    plain = frames(engine, **hd)
    playing(engine, tape)
    for clip in (1, 2):
        assert np.array_equal(frames(engine, **hd), plain)
        assert tape.recorded == tape.recorders == clip


def test_streamed_blocks_are_never_recorded(models_dir: Path, tape: Tape) -> None:
    engine = Engine("demo", models_dir, placement="offload")
    engine.load(lambda message, fraction: None)
    playing(engine, tape)
    frames(engine)
    assert tape.recorded == 0


def test_nothing_is_recorded_while_something_is_compiled(
    playing_engine: Engine, tape: Tape
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def backend(graph: Any, _: Any) -> Any:
        begun.set()
        may_end.wait(60)
        return graph.forward

    torch.compiler.reset()
    playing(playing_engine, tape, compile=True, backend=backend)
    frames(playing_engine, num_inference_steps=1)
    waiting = threading.Thread(target=playing_engine.finish_compiling)
    waiting.start()
    assert begun.wait(60)
    frames(playing_engine)
    assert tape.recorded == 0
    may_end.set()
    waiting.join()
    frames(playing_engine)
    assert tape.recorded == 1


def test_on_a_cpu_nothing_is_recorded_without_a_recorder_of_its_own(engine: Engine) -> None:
    engine.use(Optimizations(graphs=True))
    assert engine.optimized.graphs is None
    engine.use(default_optimizations())


def memory(device_gb: float) -> ClipMemory:
    """Of LTX-2 on a device of so many gigabytes."""
    free = Free(round(device_gb * GB), 200 * GB)
    return ClipMemory(CARDS["ltx-2"], CARDS["ltx-2"].component_bytes, free, PLACEMENTS, 2, TEXT)


USUAL = RECIPE.model_copy(update={"width": 288, "height": 512, "num_frames": 121})
TEXT = 1_208_000_000
"""Bytes of one text's keys and values in LTX-2 19B."""


def nothing() -> None:
    """Lets go of no graph, because there is none."""


def test_graphs_are_only_recorded_where_the_plan_has_room_for_them() -> None:
    assert memory(141).has_room_for_graphs(USUAL, 1, "resident", nothing)
    assert not memory(72).has_room_for_graphs(USUAL, 1, "resident", nothing)


def test_what_a_clip_needs_is_told_for_where_it_will_be_made() -> None:
    large, small = memory(141), memory(30)
    usual, longer = (
        large.on_device(USUAL.model_copy(update={"num_frames": frames}), "resident")
        for frames in (121, 497)
    )
    assert usual and longer and usual.free == 141 * GB
    assert 40 * GB < usual.bytes < longer.bytes < 141 * GB
    streamed = small.on_device(USUAL, "resident")
    assert streamed and 20 * GB < streamed.bytes < 30 * GB
    nowhere = memory(4).on_device(USUAL, "resident")
    assert nowhere and nowhere.bytes > nowhere.free
    on_cpu = ClipMemory(CARDS["ltx-2"], {}, Free(None, 8 * GB), PLACEMENTS, 2)
    assert on_cpu.on_device(USUAL, "resident") is None


def test_graphs_of_other_sizes_take_room_and_those_of_the_same_size_none() -> None:
    tight = memory(77)
    assert all(tight.has_room_for_graphs(USUAL, 1, "resident", nothing) for _ in range(3))
    longer = USUAL.model_copy(update={"num_frames": 129})
    assert not tight.has_room_for_graphs(longer, 1, "resident", nothing)
    tight.graphs.clear()
    assert tight.has_room_for_graphs(longer, 1, "resident", nothing)


def test_streamed_blocks_need_no_room_for_graphs() -> None:
    assert memory(12).has_room_for_graphs(USUAL, 1, "offload", nothing)


def test_another_text_in_the_same_clip_is_copied_too(tape: Tape) -> None:
    graphs = Graphs(lambda encoder_hidden_states: (encoder_hidden_states * 2,), tape.recorder)
    for number in (1.0, 2.0, 3.0, 3.0):
        [found] = graphs("kind", True, {"encoder_hidden_states": torch.tensor([number])})
        assert found.item() == 2 * number
    assert (tape.recorded, tape.replayed) == (1, 3)
