"""How quick the page is: its first load against a bare page of Gradio's, and Generate.

    python benchmarks/page.py --rounds 10

Starts the app with the demo model and a bare ``gr.Blocks`` page, and loads both in turns in a new
browser profile. Then, with a full strip and a paused queue, presses Generate again and again: a
press is answered when the page shows one more tile. Prints medians, and last the ratios of time,
of the CPU time of the page's main thread, and of bytes of the first load. Needs Chromium and
Playwright.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import gradio as gr
import httpx
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.startup import ROOT, free_port

QUICK = {"num_frames": 9, "num_inference_steps": 1, "width": 128, "height": 128}
IN_STRIP = 24
"""Clips that the strip shows; more make no difference to the page."""
PRESS = """() => new Promise(done => {
  const tiles = () => document.querySelectorAll('#takes .tile.job').length;
  const before = tiles(), began = performance.now();
  const seen = new MutationObserver(() => {
    if (tiles() <= before) return;
    seen.disconnect();
    done(performance.now() - began);
  });
  seen.observe(document.body, {childList: true, subtree: true});
  document.getElementById('generate').click();
})"""


@dataclass(frozen=True)
class Load:
    """A first load.

    Attributes:
        ms: milliseconds until the page's button is there.
        cpu: milliseconds that the page's main thread computed by then, whoever else was waiting.
        kb: kilobytes on the wire.
    """

    ms: float
    cpu: float
    kb: float


def load(browser: Browser, url: str, button: str) -> Load:
    """Load a page with an empty cache."""
    context = browser.new_context()
    page = context.new_page()
    sizes: list[float] = []
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Performance.enable", {"timeDomain": "threadTicks"})
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    began = time.perf_counter()
    page.goto(url)
    page.wait_for_selector(button)
    ms = 1000 * (time.perf_counter() - began)
    told = {each["name"]: each["value"] for each in wire.send("Performance.getMetrics")["metrics"]}
    page.wait_for_load_state("networkidle")
    context.close()
    return Load(ms, 1000 * told["TaskDuration"], sum(sizes) / 1000)


def median(loads: list[Load]) -> Load:
    """The median of each figure."""
    return Load(*(statistics.median(each) for each in zip(*map(astuple, loads), strict=True)))


def presses(page: Page, rounds: int) -> list[float]:
    """Milliseconds from a press of Generate until its tile is there."""
    page.locator("#prompt textarea").fill("A red ball by the sea, thumps, static shot")
    page.wait_for_timeout(1500)
    taken = []
    for _ in range(rounds):
        taken.append(float(page.evaluate(PRESS)))
        page.wait_for_timeout(700)
    return taken


def stop_the_queue(page: Page) -> None:
    """Let one clip wait and none be made: the machine is to be quiet, the page not at rest."""
    page.locator("#preset label", has_text="Best").click()
    page.locator("#prompt textarea").fill("A blue box waits, a hum, static shot")
    for _ in range(2):
        page.locator("#generate").click()
        page.wait_for_timeout(1000)
    page.locator(".queue-button").click()
    page.locator("[data-do=pause]").click()
    page.keyboard.press("Escape")
    page.locator("#cancel").click()
    page.wait_for_timeout(5000)


def fill(url: str, cookies: dict[str, str]) -> None:
    """Make the clips of a full strip."""
    with httpx.Client(base_url=url, cookies=cookies, timeout=120) as http:
        for number in range(IN_STRIP):
            http.post("/generate", json={"prompt": f"ball {number}", **QUICK}).raise_for_status()


def measure(browser: Browser, url: str, bare: str, rounds: int) -> None:
    """Print what was measured."""
    load(browser, bare, "#bare"), load(browser, url, "#generate")
    pairs = [(load(browser, bare, "#bare"), load(browser, url, "#generate")) for _ in range(rounds)]
    theirs, ours = median([a for a, _ in pairs]), median([b for _, b in pairs])
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#model-status button", timeout=120_000)
    fill(url, {str(each["name"]): str(each["value"]) for each in context.cookies()})
    page.reload()
    page.wait_for_selector("#takes .tile.take")
    stop_the_queue(page)
    taken = presses(page, rounds)
    for name, loaded in (("bare page", theirs), ("the studio", ours)):
        print(f"{name:13} {loaded.ms:8.0f} ms {loaded.cpu:8.0f} ms of CPU {loaded.kb:8.0f} kB")
    print(f"Generate      {statistics.median(taken):8.0f} ms, at most {max(taken):.0f} ms")
    ratios = ours.ms / theirs.ms, ours.cpu / theirs.cpu, ours.kb / theirs.kb
    print("ratios        {:8.2f}    {:8.2f}           {:8.2f}".format(*ratios))


def main() -> None:
    """Start both pages and measure."""
    parser = argparse.ArgumentParser(description="How quick the page is.")
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    with gr.Blocks() as blocks:
        gr.Button("x", elem_id="bare")
    bare, port = free_port(), free_port()
    blocks.launch(server_port=bare, prevent_thread_lock=True, quiet=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "app.py", "--model", "demo", "--port", str(port)]
        studio = subprocess.Popen([*command, "--data-dir", folder], cwd=ROOT)
        url = f"http://127.0.0.1:{port}"
        try:
            while not _answers(url):
                time.sleep(0.2)
            chromium = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            measure(browser, url, f"http://127.0.0.1:{bare}", given.rounds)
        finally:
            studio.terminate()
            studio.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
