"""The machine is asked before a model is: its devices, its memory, a container's limits."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from pydantic import ValidationError

from ltx_ui.engine import loading
from ltx_ui.engine.containers import room_in_container
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.machine import CPU, free_memory, pick_device
from ltx_ui.errors import ModelUnavailable
from ltx_ui.settings import Settings

GB = 10**9


def group(folder: Path, **files: object) -> None:
    """A control group's files; two underscores stand for a dot in their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def listing(system: Path, text: str) -> None:
    (system / "proc/self").mkdir(parents=True)
    (system / "proc/self/cgroup").write_text(text)


def test_a_container_leaves_what_its_limit_and_those_above_it_do(tmp_path: Path) -> None:
    listing(tmp_path, "0::/pod/studio\n")
    root = tmp_path / "sys/fs/cgroup"
    stat = f"anon 1\ninactive_file {2 * GB}"
    group(root / "pod", memory__max=16 * GB, memory__current=12 * GB, memory__stat=stat)
    group(root / "pod/studio", memory__max="max", memory__current=4 * GB, memory__stat=stat)
    assert room_in_container(tmp_path) == 6 * GB
    group(root / "pod/studio", memory__max=5 * GB, memory__current=4 * GB, memory__stat=stat)
    assert room_in_container(tmp_path) == 3 * GB


def test_an_older_container_is_asked_in_its_own_way_and_may_be_the_root(tmp_path: Path) -> None:
    listing(tmp_path, "9:name=systemd:/\n4:cpu,memory:/docker/1a2b\n0::/\n")
    group(
        tmp_path / "sys/fs/cgroup/memory",
        memory__limit_in_bytes=8 * GB,
        memory__usage_in_bytes=6 * GB,
        memory__stat=f"inactive_file 7\ntotal_inactive_file {GB}",
    )
    assert room_in_container(tmp_path) == 3 * GB


@pytest.mark.parametrize("text", ["0::/studio\n", None])
def test_where_nothing_is_limited_nothing_is_said(tmp_path: Path, text: str | None) -> None:
    if text:
        listing(tmp_path, text)
        group(tmp_path / "sys/fs/cgroup", memory__max="max", memory__current=1, memory__stat="")
    assert room_in_container(tmp_path) is None


def test_free_host_memory_is_no_more_than_the_system_has() -> None:
    assert 0 < free_memory(CPU).host <= psutil.virtual_memory().total
    assert free_memory(CPU).device is None


def test_the_cpu_can_always_be_chosen_and_what_is_not_here_is_refused() -> None:
    assert pick_device("cpu") == CPU
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ModelUnavailable, match=rf"no device {absent} here\. Use --device .* cpu"):
        pick_device(absent)


def test_of_several_devices_the_one_with_the_most_free_memory_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = [10 * GB, 70 * GB, 30 * GB]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[device], 80 * GB))
    assert pick_device() == torch.device("cuda", 1)
    assert pick_device("cuda:2") == torch.device("cuda", 2)
    assert pick_device("cuda") == torch.device("cuda", 0)
    assert pick_device("cpu") == CPU
    with pytest.raises(ModelUnavailable, match=r"cpu, cuda:0, cuda:1, cuda:2"):
        pick_device("cuda:3")


def test_gpus_that_are_not_supported_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError, match=r"does not run on Apple's \(mps\) and Intel's"):
        Settings(device="mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert loading.why_demo(tmp_path, CPU).endswith(
        "Apple GPU (MPS) is not used: LTX-2 Studio runs on CUDA devices and CPUs so far."
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without CUDA says")
def test_without_cuda_auto_is_the_demo_and_says_why_in_a_sentence(tmp_path: Path) -> None:
    engine = Engine("auto", tmp_path)
    assert engine.card.demo
    assert re.match(r"LTX-2 19B wants a CUDA device\.", engine.notice)
    assert Engine("demo", tmp_path).notice == ""


def test_a_device_that_is_too_small_or_a_full_disk_leaves_auto_with_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def why(gpu_gb: int, disk_gb: int) -> str:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (gpu_gb * GB, 80 * GB))
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=disk_gb * GB))
        return loading.why_demo(tmp_path, torch.device("cuda", 0))

    assert why(80, disk_gb=200) == ""
    small = r"LTX-2 19B needs about \d+ GB of device memory, or .* 4 GB"
    assert re.match(small, why(4, disk_gb=200))
    full = r"Lightricks/LTX-2 needs 101 GB of disk under .*; 50 GB are"
    assert re.match(full, why(80, disk_gb=50))
