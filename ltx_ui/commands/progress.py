"""How far a clip is, on the terminal: a bar, or a line for each stage where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from ltx_ui.clip import Stage

STAGES: dict[Stage, str] = {
    "loading": "Loading",
    "text": "Reading the prompt",
    "sampling": "Sampling",
    "decoding": "Decoding",
    "saving": "Saving",
}


class Display(Protocol):
    """Shows what goes on."""

    def begin(self, title: str) -> None:
        """A clip is begun; ``title`` is empty where there is only one."""

    def tell(
        self, words: str, detail: str = "", fraction: float = 0.0, seconds: float | None = None
    ) -> None:
        """How far it is.

        Args:
            words: the stage.
            detail: what changes within it.
            fraction: how much is done, 0…1.
            seconds: that are left; None while unknown.
        """

    def say(self, text: str) -> None:
        """A sentence that stays."""


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._title = ""
        self._task = progress.add_task("", total=1.0, left="")

    def begin(self, title: str) -> None:
        self._title = f"{title}: " if title else ""

    def tell(
        self, words: str, detail: str = "", fraction: float = 0.0, seconds: float | None = None
    ) -> None:
        left = "" if seconds is None else f"about {_duration(seconds)} left"
        told = f"{self._title}{words} {detail}".rstrip()
        self._progress.update(self._task, description=told, completed=fraction, left=left)

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._title = self._last = ""

    def begin(self, title: str) -> None:
        self._title, self._last = f"{title}: " if title else "", ""

    def tell(
        self, words: str, detail: str = "", fraction: float = 0.0, seconds: float | None = None
    ) -> None:
        if words != self._last:
            self._last = words
            self.say(f"{self._title}{words}")

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def display() -> Iterator[Display]:
    """Shows on the error stream, so that what is printed can be piped on."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
