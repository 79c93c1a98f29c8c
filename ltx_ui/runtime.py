"""The environment variables that libraries read when they are imported, for the app, benchmarks,
training and tests alike. A value that is set already, by the operator, is never changed. And what
Python is told once a program has loaded what it keeps.
"""

from __future__ import annotations

import gc
import os
from importlib.metadata import version
from pathlib import Path

_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_RAY = {"RAY_worker_niceness": "0"}
"""Ray lets everything else on a machine go before its workers. Nothing there is as urgent."""


def set_up(cache_dir: Path | None = None) -> None:
    """Set the variables. Has to be called before torch, diffusers, huggingface_hub or Gradio is
    imported; calling it again does no harm.

    Args:
        cache_dir: where libraries may keep what can be downloaded or made again; None leaves them
            to their own folders.
    """
    _set(_QUIET | _RAY)
    _let_waiting_threads_sleep()
    _set_allocator()
    # diffusers reads a model of several files with up to eight threads only if it is told so;
    # transformers does so by itself. Those threads run outside of torch's inference mode: a part
    # that is loaded while a clip is made has to be loaded outside of it as well.
    _set({"HF_ENABLE_PARALLEL_LOADING": "yes"})
    if cache_dir is not None:
        folder = cache_dir.resolve()
        _set({"HF_HOME": str(folder / "huggingface"), "GRADIO_TEMP_DIR": str(folder / "gradio")})
        keep_compiled_in(cache_dir)


def keep_compiled_in(cache_dir: Path) -> None:
    """Keep what torch compiles, so that the next start finds it. Takes effect until something is
    compiled."""
    _set({"TORCHINDUCTOR_CACHE_DIR": str(cache_dir.resolve() / "inductor")})


def settle() -> None:
    """Collect garbage, and leave all that is there now out of later collections.

    To be called once a program has loaded what it keeps. Later Python would look through all of
    that, 700,000 objects of libraries for the most part, again and again: each time everything
    stands still for half a second, sampling and the server alike.
    """
    gc.collect()
    gc.freeze()


def _set(variables: dict[str, str]) -> None:
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def _let_waiting_threads_sleep() -> None:
    """Let OpenMP's threads spin only briefly while they wait for each other, then sleep.

    Threads that spin on take the processor from the thread that is waited for as soon as anything
    else runs on the machine; threads that sleep at once cost an idle machine much of its speed. The
    figures are in docs/benchmarks.md. GNU's OpenMP, which torch brings on Linux, reads the count;
    others read the policy alone.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        _set({"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "3000"})


def _set_allocator() -> None:
    """Set how torch allocates memory: device memory in segments that can grow, which leaves fewer
    gaps; pinned memory without rounding large blocks up to a power of two, because weights are
    pinned once and kept, and rounding would cost a tenth of the host memory they take.

    Torch reads a single variable, under one of two names, so all settings stand in one value.
    """
    if "PYTORCH_CUDA_ALLOC_CONF" in os.environ:
        return
    settings = ["expandable_segments:True"]
    if tuple(map(int, version("torch").split(".")[:2])) >= (2, 13):  # Older ones may refuse it.
        settings.append("pinned_max_round_threshold_mb:1")
    _set({"PYTORCH_ALLOC_CONF": ",".join(settings)})
