"""What libraries read from the environment is set before they are imported, the same for all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT

NAMES = (
    "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
    "HF_ENABLE_PARALLEL_LOADING",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "TORCHINDUCTOR_CACHE_DIR",
)
APP = "from pathlib import Path; from ltx_ui import runtime; runtime.set_up(Path('cache'))"


def environment(program: str, **given: str) -> dict[str, str | None]:
    """The variables as they are after a program, which was started with those given alone."""
    show = f"import json, os, sys; print(json.dumps([os.environ.get(n) for n in {NAMES}]))"
    check = "import sys; assert 'torch' not in sys.modules"
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    run = subprocess.run(
        [sys.executable, "-c", f"{program}; {check}; {show}"],
        cwd=ROOT,
        env=clean | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return dict(zip(NAMES, json.loads(run.stdout), strict=True))


@pytest.mark.parametrize("program", ["import ltx_ui.engine", "import training"])
def test_the_app_computes_with_the_settings_of_benchmarks_and_training(program: str) -> None:
    app = environment(APP)
    assert app.pop("TORCHINDUCTOR_CACHE_DIR") == str(ROOT / "cache" / "inductor")
    other = environment(program)
    assert other.pop("TORCHINDUCTOR_CACHE_DIR") is None
    assert other == app


def test_the_allocator_gets_all_its_settings_in_the_one_variable_that_it_reads() -> None:
    app = environment(APP)
    assert app["PYTORCH_ALLOC_CONF"] == "expandable_segments:True,pinned_max_round_threshold_mb:1"
    assert app["PYTORCH_CUDA_ALLOC_CONF"] is None


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_an_operators_allocator_settings_stand_alone(name: str) -> None:
    found = environment(APP, **{name: "max_split_size_mb:512"})
    assert {found["PYTORCH_ALLOC_CONF"], found["PYTORCH_CUDA_ALLOC_CONF"]} == {
        "max_split_size_mb:512",
        None,
    }


def test_an_operators_threads_wait_as_they_are_told() -> None:
    found = environment(APP, OMP_WAIT_POLICY="active")
    assert found["OMP_WAIT_POLICY"] == "active"
    assert found["GOMP_SPINCOUNT"] is None


def test_every_benchmark_that_imports_torch_sets_it_up_before() -> None:
    scripts = [file.read_text("utf-8") for file in Path(ROOT, "benchmarks").glob("*.py")]
    torch = re.compile(r"^(import|from) (torch|diffusers)\b", re.MULTILINE)
    before = [torch.split(s)[0] for s in scripts if "__main__" in s and torch.search(s)]
    assert before
    assert all("\nruntime.set_up()\n" in lines for lines in before)


def test_what_a_program_has_loaded_is_left_out_of_later_collections() -> None:
    program = (
        "import gc; from ltx_ui import runtime; before = len(gc.get_objects()); runtime.settle(); "
        "print(gc.get_freeze_count() > before // 2 > len(gc.get_objects()))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "True\n", run.stderr
