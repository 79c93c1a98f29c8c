"""Blocks are compiled while nothing else is done, and for the page's sizes exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from forked import ran

from ltx_ui.clip import Silent
from ltx_ui.engine.compiling import CompiledBlocks
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.optimizations import Optimizations, default_optimizations
from ltx_ui.engine.warming import USUAL
from ltx_ui.presets import load_presets
from ltx_ui.recipe import Recipe

RECIPE = Recipe(
    prompt="a red ball", width=128, height=128, num_frames=9, num_inference_steps=2, seed=5
)


class Backend:
    """Compiles nothing, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, graph: Any, _: Any) -> Any:
        self.asked += 1
        return graph.forward


@pytest.fixture
def backend() -> Iterator[Backend]:
    torch.compiler.reset()
    yield Backend()
    torch.compiler.reset()


def compiling(engine: Engine, backend: Backend, **options: Any) -> CompiledBlocks:
    engine.use(Optimizations(compile=True, backend=backend, **options))
    assert engine.optimized.compiled is not None
    return engine.optimized.compiled


@pytest.fixture(autouse=True)
def usual(engine: Engine) -> Iterator[None]:
    yield
    engine.use(default_optimizations())


def test_nothing_begins_while_a_clip_is_made(engine: Engine, backend: Backend) -> None:
    begun: list[bool] = []
    compiled = compiling(engine, backend)
    compiled.pause = 0.0

    class Watch(Silent):
        def progress(self, stage: str, step: int = 0, steps: int = 0) -> None:
            begun.append(compiled.busy or bool(compiled.ready))

    engine.generate(RECIPE, Watch())
    assert not any(begun[:-1])
    engine.finish_compiling()
    assert len(compiled.ready) == 1


def test_a_size_of_the_page_is_compiled_exactly_and_other_sizes_share_a_graph(
    engine: Engine, backend: Backend
) -> None:
    compiled = compiling(engine, backend, exact_sizes=frozenset({(4, 4)}))
    plain = {}
    for width in (160, 128, 224):
        recipe = RECIPE.model_copy(update={"width": width})
        plain[width] = engine.generate(recipe, Silent()).frames
        engine.finish_compiling()
    [shared] = [kind for kind in compiled.ready if kind.size is None]
    exact = shared._replace(size=(2 * 16, 9))
    assert compiled.ready == {shared, exact}
    for width, frames in plain.items():
        recipe = RECIPE.model_copy(update={"width": width})
        assert np.array_equal(engine.generate(recipe, Silent()).frames, frames)
        size = (2 * 4 * width // 32, 9)
        assert compiled.best(shared, size) == (exact if width == 128 else shared)
    assert backend.asked == 2


def test_not_more_sizes_are_compiled_exactly_than_are_kept(
    engine: Engine, backend: Backend
) -> None:
    compiled = compiling(engine, backend, exact_sizes=frozenset({(4, 4)}))
    compiled.limit = 0
    engine.generate(RECIPE, Silent())
    engine.finish_compiling()
    assert {kind.size for kind in compiled.ready} == {None}


def test_the_usual_clip_is_compiled_before_the_first_job(
    models_dir: Path, backend: Backend
) -> None:
    optimizations = Optimizations(compile=True, backend=backend)
    engine = Engine("demo", models_dir, optimizations=optimizations)
    engine.load(lambda message, fraction: None)
    engine.finish_compiling()
    assert backend.asked == 1
    engine.generate(USUAL.model_copy(update={"num_inference_steps": 1}), Silent())
    engine.finish_compiling()
    assert backend.asked == 1


def test_what_is_being_compiled_keeps_no_script_from_ending(models_dir: Path) -> None:
    script = """
import sys, threading
from pathlib import Path
import torch
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.optimizations import Optimizations

begun = threading.Event()

def backend(graph, _):
    begun.set()
    while True:
        torch.ones(1000, 100).add_(1)

optimizations = Optimizations(compile=True, backend=backend)
engine = Engine("demo", Path(sys.argv[1]), optimizations=optimizations)
engine.load(lambda message, fraction: None)
threading.Thread(target=engine.finish_compiling, daemon=True).start()
begun.wait()
print("ends")
"""
    run = ran(["-c", script, str(models_dir)])
    assert (run.stdout, run.returncode) == ("ends\n", 0), run.stderr


def test_streamed_blocks_make_no_step_before_the_first_job(
    models_dir: Path, backend: Backend
) -> None:
    optimizations = Optimizations(compile=True, backend=backend)
    engine = Engine("demo", models_dir, placement="offload", optimizations=optimizations)
    heard: list[str] = []
    engine.load(lambda message, fraction: heard.append(message))
    assert len(heard) == 1 and heard[0].startswith("Loading")


def test_every_format_of_the_page_is_a_size_that_is_compiled_exactly() -> None:
    sizes = default_optimizations(sizes=load_presets().sampled_sizes).exact_sizes
    assert {(9, 16), (12, 21), (24, 14), (16, 16), (22, 40), (11, 20), (40, 22), (20, 11)} == sizes
