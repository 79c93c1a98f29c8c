"""Storyboards as the page shows them: words, times and how far each shot is."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ltx_ui.errors import FieldProblem, InvalidRecipe, NotFound, StudioError
from ltx_ui.presets import Presets
from ltx_ui.recipe import MAX_FRAMES, MAX_PROMPT, MAX_SEED, MIN_FRAMES
from ltx_ui.storyboards import MAX_NAME, MOST_SHOTS, planned
from ltx_ui.studio.directing import NOT_BEGUN, to_make
from ltx_ui.studio.kept_shots import KeptShot, Reason, SeenShot, Storyboard, Turn
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web import views
from ltx_ui.web.board_fields import JOINS
from ltx_ui.web.job_view import JobView, job_views
from ltx_ui.web.language import said, seconds, t
from ltx_ui.web.recipe_words import Line, recipe_lines
from ltx_ui.web.templating import render

_REASONS: dict[Reason, str] = {
    "edited": "board.why_edited",
    "join": "board.why_join",
    "before": "board.why_before",
}
_OF_FIELD = re.compile(r"(Shot \d+ was not made: )(\w+): (.+)", re.DOTALL)
_OF_SHOTS = ("prompt", "num_frames", "seed")
_FIELDS = {"seconds": "num_frames", "text": "prompt"}
"""What the page calls fields under other names than a recipe."""


@dataclass(frozen=True)
class ShotView:
    """A shot, as it is drawn.

    Attributes:
        number: its place, from 1.
        why: why its take is out of date; empty where it is not.
        start: where it begins in its take, in seconds: one that goes on is the whole film up to
            its end.
        waits: whether it is to be made, and is not yet.
        job: the job that makes it.
        preview: its clip so far, as WebP in base64.
    """

    number: int
    shot: KeptShot
    seconds: float
    why: str
    chosen: Take | None
    start: float
    takes: Sequence[Take]
    waits: bool = False
    job: JobView | None = None
    preview: str | None = None


class BoardViews:
    """Draws an owner's storyboards."""

    def __init__(self, studio: Studio, presets: Presets) -> None:
        self._studio, self._presets = studio, presets

    def all(self, owner: str) -> str:
        """All of them, and what begins another one."""
        boards = self._studio.storyboards
        found = []
        for board in boards.all(owner):
            seen = boards.seen(board, owner)
            poster = next((each.chosen for each in seen if each.chosen), None)
            found.append({"board": board, "poster": poster, **_lasts(board, seen)})
        return render("board_list.html", boards=found, most=MAX_PROMPT)

    def one(self, board: Storyboard, owner: str) -> str:
        """One of them, with its shots."""
        seen = self._studio.storyboards.seen(board, owner)
        turns = {turn.shot: turn for turn in board.turns}
        shots = [
            self._shot(number, each, turns.get(each.shot.id), board, owner)
            for number, each in enumerate(seen, 1)
        ]
        fps = board.settings["fps"]
        running = next((each.number for each in shots if each.job), None)
        return render(
            "board.html",
            board=board,
            shots=shots,
            running=running,
            joins=JOINS,
            lines=list(self._shared(board)),
            least=round(MIN_FRAMES / fps, 2),
            longest=round(MAX_FRAMES / fps, 2),
            next_seconds=shots[-1].seconds,
            takes_seconds=self._time(board, seen),
            message=_message(board.message),
            no_film=self._no_film(board, owner),
            most={"prompt": MAX_PROMPT, "name": MAX_NAME, "seed": MAX_SEED, "shots": MOST_SHOTS},
            **_lasts(board, seen),
        )

    def _shot(
        self, number: int, seen: SeenShot, turn: Turn | None, board: Storyboard, owner: str
    ) -> ShotView:
        shot, take, fps = seen.shot, seen.chosen, board.settings["fps"]
        start = 0.0
        if take is not None and take.recipe.inputs.film is not None:
            start = max(0, take.recipe.film_frames - shot.num_frames) / take.recipe.fps
        job, preview = self._made(turn, owner)
        return ShotView(
            number=number,
            shot=shot,
            seconds=round(shot.num_frames / fps, 2),
            why=t(_REASONS[seen.reason], before=number - 1) if seen.reason else "",
            chosen=take,
            start=round(start, 2),
            takes=seen.takes,
            waits=turn is not None and job is None,
            job=job,
            preview=preview,
        )

    def _made(self, turn: Turn | None, owner: str) -> tuple[JobView | None, str | None]:
        """The job of a turn, and its clip so far."""
        if turn is None or turn.job is None:
            return None, None
        with suppress(NotFound):
            job = self._studio.job(turn.job, owner)
            if job.live:
                preview = self._studio.preview(turn.job, owner)
                told = base64.b64encode(preview).decode() if preview else None
                return job_views([job])[0], told
        return None, None

    def _shared(self, board: Storyboard) -> Iterator[Line]:
        """What all shots share, in words."""
        first = next(planned(board.shots, board.settings))
        for line in recipe_lines(first, self._presets):
            if line.name not in _OF_SHOTS and line.words:
                yield line
        if (seed := board.settings.get("seed")) is not None:
            yield Line("seed", t("field.seed"), str(seed))

    def _no_film(self, board: Storyboard, owner: str) -> str:
        """Why the shots can't be joined; empty where they can."""
        try:
            self._studio.storyboards.pieces(board, owner)
        except StudioError as error:
            return said(str(error))
        return ""

    def _time(self, board: Storyboard, seen: Sequence[SeenShot]) -> float | None:
        """How long making what is to be made takes; None where that is not known."""
        meant = {each.shot.id for each in to_make(seen)}
        total = 0.0
        recipes = planned(board.shots, board.settings)
        for shot, recipe in zip(board.shots, recipes, strict=True):
            if shot.id in meant:
                found = self._studio.estimate(recipe)
                if found is None:
                    return None
                total += found.seconds
        return total


def _message(message: str) -> str:
    """Why a making ended, in the language that is spoken and under the page's names of fields."""
    why, rest, _ = message.partition(NOT_BEGUN)
    if found := _OF_FIELD.fullmatch(why.strip()):
        shot, name, words = found.groups()
        why = shot + views.sentence(FieldProblem(name, words))
    return " ".join(filter(None, (said(why.strip()), said(rest))))


def _lasts(board: Storyboard, seen: Sequence[SeenShot]) -> dict[str, Any]:
    """How long the film is, and how many of its shots have to be made."""
    frames = sum(shot.num_frames - (shot.join != "cut") for shot in board.shots)
    return {
        "lasts": seconds(frames / board.settings["fps"], 1),
        "to_make": len(to_make(seen)),
    }


def problem(error: StudioError) -> str:
    """What is wrong with a shot or with what shots share, under the fields' names on the page."""
    if not isinstance(error, InvalidRecipe):
        return views.problem(error)
    return views.problem(InvalidRecipe([_of_page(each) for each in error.problems]))


def _of_page(found: FieldProblem) -> FieldProblem:
    name = found.field.rpartition(".")[2]
    message = found.message.removeprefix(f"{found.field}: ")
    name = _FIELDS.get(name, name)
    if name == "join":
        return FieldProblem(name, said(message))
    if name == "name":
        return FieldProblem(name, t("board.long_name", most=MAX_NAME))
    return FieldProblem(name, f"{name}: {message}")
