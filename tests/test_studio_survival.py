"""A studio whose process is killed, or whose disk is full, loses nothing."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from forked import Forked
from studios import PATIENCE, OpenStudio, leave, quick, sampling, until

from ltx_ui.studio.jobs import CancelledJob, Done, Failed

PROCESS = """
    import os, sys, time
    from pathlib import Path
    from ltx_ui.settings import Settings
    from ltx_ui.studio.studio import Studio
    from ltx_ui.recipe import Recipe

    small = {"prompt": "A fox", "width": 128, "height": 128, "num_frames": 9}
    studio = Studio(Settings(data_dir=Path(sys.argv[1]), model="demo"))
    studio.start()
"""


def process(data_dir: Path, code: str) -> Forked:
    script = textwrap.dedent(PROCESS) + textwrap.dedent(code)
    return Forked(["-c", script, str(data_dir)])


def lines_until(running: Forked, word: str) -> list[str]:
    lines = []
    for line in running.stdout:
        lines.append(line.strip())
        if line.startswith(word):
            return lines
    raise AssertionError(lines)


RUN_FOR_EVER = """
    if not studio.session("ada").jobs:
        big = {**small, "width": 384, "height": 384, "num_frames": 25}
        print(studio.submit(Recipe(**big, num_inference_steps=100), "ada").id)
        print(studio.submit(Recipe(**small, num_inference_steps=2), "ada").id)
    while getattr(studio.session("ada").jobs[0].state, "step", 0) < 1:
        time.sleep(0.02)
    print("sampling", flush=True)
    time.sleep(600)
"""


def test_a_job_that_was_killed_twice_is_given_up_and_the_others_go_on(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    ids: list[str] = []
    for _ in range(2):
        with process(data_dir, RUN_FOR_EVER) as running:
            try:
                ids += lines_until(running, "sampling")[:-1]
            finally:
                running.kill()
    killed, waiting = ids
    studio = open_studio()
    state = studio.job(killed, "ada").state
    assert isinstance(state, Failed)
    assert "ended 2 times" in state.message
    assert studio.wait(waiting, "ada", PATIENCE).state == Done(waiting)
    assert [take.id for take in studio.library.takes("ada")] == [waiting]


FULL_DISK = """
    import resource
    studio.wait(studio.submit(Recipe(**small, num_inference_steps=2), "ada").id, "ada")
    job = studio.submit(Recipe(**small, num_inference_steps=100), "ada")
    while getattr(studio.job(job.id, "ada").state, "step", 0) < 1:
        time.sleep(0.002)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    print(studio.wait(job.id, "ada").state, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    job = studio.submit(Recipe(**small, num_inference_steps=2), "ada")
    print(studio.wait(job.id, "ada").state, flush=True)
    print("end", len(list(Path(sys.argv[1], "takes").iterdir())), flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_fails_the_job_in_plain_words_and_not_the_studio(data_dir: Path) -> None:
    with process(data_dir, FULL_DISK) as running:
        try:
            full, after, end = lines_until(running, "end")
        finally:
            running.kill()
    assert full.startswith("Failed(") and "There is no room left" in full
    assert after.startswith("Done(")
    assert end == "end 4"


def test_a_job_cancelled_in_a_long_step_is_not_made_after_a_restart(
    open_studio: OpenStudio,
) -> None:
    studio = open_studio()
    # Its steps take longer than the studio waits for them when it closes.
    job = studio.submit(quick(width=1024, height=1024, num_frames=49), "ada")
    until(lambda: sampling(studio, job))
    studio.cancel(job.id, "ada")
    leave(studio)
    assert open_studio(start=False).job(job.id, "ada").state == CancelledJob()
