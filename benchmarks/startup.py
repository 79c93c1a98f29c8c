"""How long until the page answers, against a bare Gradio page in the same run.

    python benchmarks/startup.py [--rounds 5]

Starts ``app.py`` and an empty ``gr.Blocks`` in turns, each in a process of its own, and measures
from the start of the process to the first HTTP 200. Prints both medians in seconds and, last, their
ratio.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BARE = """
import gradio as gr
with gr.Blocks() as demo:
    gr.Textbox()
demo.launch(server_port={port}, quiet=True, ssr_mode=False)
"""


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seconds_to_first_page(command: list[str], port: int) -> float:
    """Start ``command``, wait for HTTP 200 on ``port``, stop it; seconds it took."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - began
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.01)
        raise SystemExit(f"{command[0]} ended with {process.returncode} before it answered")
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as data_dir:
        for _ in range(rounds + 1):
            port = free_port()
            bare.append(seconds_to_first_page([sys.executable, "-c", BARE.format(port=port)], port))
            port = free_port()
            app = [sys.executable, "app.py", "--port", str(port), "--data-dir", data_dir]
            ours.append(seconds_to_first_page(app, port))
            print(f"bare {bare[-1]:.2f} s, app {ours[-1]:.2f} s", flush=True)
    # The first round reads everything from disk and, for the app, creates the data folder.
    bare_median, our_median = statistics.median(bare[1:]), statistics.median(ours[1:])
    print(f"bare Blocks page  {bare_median:.2f} s (median of {rounds})")
    print(f"app.py            {our_median:.2f} s")
    print(f"ratio {our_median / bare_median:.2f}")


if __name__ == "__main__":
    main()
