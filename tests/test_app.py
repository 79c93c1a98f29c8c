"""The process as an operator meets it: flags, ports, signals, the data folder, no network."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import httpx
import pytest
from running import STARTED, RunningApp, free_port
from sources import ROOT
from studios import PATIENCE, until

from ltx_ui.web.listening import listen

SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 2}


def run_app(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py", *flags],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--bogus"], "--bogus"),
        (["--port", "http"], "--port"),
        (["--port", "70000"], "at most 65535"),
        (["--log-level", "loud"], "'debug', 'info', 'warning' or 'error'"),
        (["--auth", "nobody"], "NAME:PASSWORD"),
        (["--data-dir", "/dev/null/x"], "--data-dir"),
    ],
)
def test_a_wrong_flag_is_one_clear_line_and_exit_2(flags: list[str], says: str) -> None:
    run = run_app(*flags)
    assert run.returncode == 2
    assert says in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_wrong_variable_is_named() -> None:
    run = run_app(LTX_UI_PORT="x")
    assert run.returncode == 2
    assert "LTX_UI_PORT" in run.stderr


def test_a_password_is_never_echoed() -> None:
    assert "hunter2" not in run_app("--auth", ":hunter2").stderr


def test_a_taken_port_says_which_option_to_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = run_app("--port", str(port), "--data-dir", str(tmp_path))
    assert run.returncode == 2
    assert f"--port {port + 1}" in run.stderr


def test_what_is_sent_does_not_wait_for_the_receipt_of_what_was_sent_before() -> None:
    [listening] = listen("127.0.0.1", 0)
    with listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP  # What asyncio sends at once by.


def test_help_lists_every_option() -> None:
    run = run_app("--help")
    assert run.returncode == 0
    assert all(f"--{name}" in run.stdout for name in ("host", "port", "data-dir", "model", "share"))


def test_a_second_studio_on_the_same_folder_is_refused(app: RunningApp) -> None:
    run = run_app("--port", str(free_port()), "--data-dir", str(app.data_dir))
    assert run.returncode == 2
    assert "another studio" in run.stderr


def test_a_studio_at_rest_hardly_wakes(app: RunningApp) -> None:
    def switches() -> int:
        threads = Path(f"/proc/{app.process.pid}/task").glob("*/status")
        told = [each.read_text().split("\nvoluntary_ctxt_switches:")[1] for each in threads]
        return sum(int(each.split()[0]) for each in told)

    def in_a_second() -> int:
        before = switches()
        time.sleep(1)
        return switches() - before

    app.wait_ready()
    until(lambda: in_a_second() < 100)  # Gradio's own queues would wake 700 times.


def test_from_nothing_to_a_clip_without_a_network(tmp_path: Path) -> None:
    before = set(ROOT.iterdir())
    with RunningApp(tmp_path / "data", program=STARTED) as app:
        app.wait_ready()
        answer = httpx.post(f"{app.url}/generate", json=SMALL, timeout=PATIENCE)
        assert answer.status_code == 200
        assert app.outside == ""
        code = app.stop()
        assert "Traceback" not in app.output
    assert code == 0
    assert {p.name for p in set(ROOT.iterdir()) - before} <= {"__pycache__"}


def test_sigterm_in_the_middle_of_a_clip_ends_the_app_and_leaves_no_mp4(
    tmp_path: Path,
) -> None:
    long = SMALL | {"width": 288, "height": 512, "num_frames": 49, "num_inference_steps": 30}
    with RunningApp(tmp_path / "data", program=STARTED) as app:
        app.wait_ready()
        threading.Thread(target=lambda: _ignore_hang_up(app.url, long), daemon=True).start()
        until(lambda: app.health()["queue_length"] > 0)
        time.sleep(1)
        code = app.stop()
        assert "Traceback" not in app.output
    assert code == 0
    assert not list((tmp_path / "data" / "takes").glob("*.mp4"))


def test_a_killed_app_leaves_no_half_written_mp4_under_a_final_name(tmp_path: Path) -> None:
    takes = tmp_path / "data" / "takes"
    with RunningApp(tmp_path / "data") as app:
        app.wait_ready()
        assert httpx.post(f"{app.url}/generate", json=SMALL, timeout=PATIENCE).status_code == 200
        whole = set(takes.iterdir())
        threading.Thread(target=lambda: _ignore_hang_up(app.url, SMALL), daemon=True).start()
        until(lambda: set(takes.iterdir()) > whole)
        app.stop(signal.SIGKILL)
    films = list(takes.glob("*.mp4"))
    assert films
    for path in films:
        with av.open(path) as container:
            assert sum(1 for _ in container.decode(video=0)) == SMALL["num_frames"]
    with RunningApp(tmp_path / "data") as again:
        again.wait_ready()
        assert httpx.post(f"{again.url}/generate", json=SMALL, timeout=PATIENCE).status_code == 200
        assert all(path.suffix in {".mp4", ".webp", ".jpg"} for path in takes.iterdir())


def _ignore_hang_up(url: str, body: dict[str, object]) -> None:
    try:
        httpx.post(f"{url}/generate", json=body, timeout=PATIENCE)
    except httpx.TransportError:
        return  # the app is stopped under it on purpose
