"""Making storyboards: a job for each shot, submitted when the one before it is done.

What is to be made stands in the database, each shot with the key that its job is submitted under:
so a process that is killed anywhere in between loses no shot and makes none twice, and neither do
several processes that share a library. Each shot is an ordinary job, to which all limits apply.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from ltx_ui.alternatives import one_prompt
from ltx_ui.errors import LibraryUnavailable, NotFound, StudioError, WrongMoment
from ltx_ui.mentions import spelled_out
from ltx_ui.recipe import MAX_SEED, Recipe, Typed
from ltx_ui.storyboards import Shot, ShotAsked
from ltx_ui.studio.asked import Key, KeyTaken
from ltx_ui.studio.characters import Characters
from ltx_ui.studio.jobs import CancelledJob, Done, Failed, Job, Origin
from ltx_ui.studio.kept import Asked
from ltx_ui.studio.kept_shots import SeenShot, Storyboard, Turn
from ltx_ui.studio.library import Library
from ltx_ui.studio.stored import StoredImage
from ltx_ui.studio.storyboards import MOST_TAKES, Storyboards
from ltx_ui.studio.takes import Take
from ltx_ui.words import tidy_lines

SECONDS_BETWEEN_LOOKS = 0.25
"""Seconds between two looks at the jobs of storyboards that are being made."""
SECONDS_BETWEEN_SEARCHES = 30.0
"""Seconds after which is looked whether another process has left some."""

NOT_BEGUN = "Those after it were not begun."
"""What a message ends with where more shots were to be made."""

_log = logging.getLogger(__name__)


class Makes(Protocol):
    """What makes clips: see :class:`ltx_ui.studio.studio.Studio`."""

    library: Library
    storyboards: Storyboards
    characters: Characters

    def recipe_of(self, asked: Asked, owner: str = "") -> Recipe:
        """The recipe that is asked for."""

    def last_frame(self, take_id: str, owner: str) -> StoredImage:
        """Store a take's last frame as a picture."""

    def submit(
        self, recipe: Recipe, owner: str, *, origin: Origin | None = None, key: Key | None = None
    ) -> Job:
        """Queue a recipe."""

    def asked(self, key: Key, owner: str) -> Job | None:
        """The job that a key stands for."""

    def job(self, job_id: str, owner: str) -> Job:
        """A job as it is now."""

    def cancel(self, job_id: str, owner: str) -> Job:
        """Cancel a job."""


class Director:
    """Has storyboards made, in a thread of its own. Safe to call from any thread."""

    def __init__(self, studio: Makes) -> None:
        self._studio, self._boards = studio, studio.storyboards
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._closed = threading.Event()
        self._busy: frozenset[str] = frozenset()
        self._thread = threading.Thread(target=self._run, name="studio-director", daemon=True)

    def start(self) -> None:
        """Start the thread, which goes on with what an earlier process has left."""
        self._thread.start()

    def busy(self, owner: str) -> bool:
        """Whether this process has storyboards of an owner made: also between two shots."""
        return owner in self._busy

    def close(self, timeout: float) -> None:
        """Let the thread end, and wait for that at most ``timeout`` seconds."""
        self._closed.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def make(self, board_id: str, owner: str) -> Storyboard:
        """Make all shots of a storyboard that have no take, or one that is out of date, and what
        depends on them. The first of them is queued at once, each other one when the one before it
        is done.

        Raises:
            NotFound: as :meth:`Storyboards.one`.
            WrongMoment: it is being made already, or there is nothing to make.
            InvalidRecipe, StudioError: as :meth:`Studio.submit`, for the first of them.
        """

        def todo(board: Storyboard, seen: Sequence[SeenShot]) -> list[Turn]:
            return [_turn(board, each, None) for each in to_make(seen)]

        return self._begin(board_id, owner, todo)

    def make_shot(
        self, board_id: str, shot_id: str, owner: str, seed: int | None = None
    ) -> Storyboard:
        """Make one shot, whether or not it has a take: with its own seed where it is out of date or
        has none, with another one otherwise. What depends on it is out of date then.

        Args:
            seed: the one to make it with; -1 for one that is drawn.

        Raises:
            NotFound: as :meth:`make`, or there is no such shot.
            WrongMoment, InvalidRecipe, StudioError: as :meth:`make`; or the shot before has no
                take.
        """

        def todo(board: Storyboard, seen: Sequence[SeenShot]) -> list[Turn]:
            return [_turn(board, seen[board.place(shot_id)], seed)]

        return self._begin(board_id, owner, todo)

    def stop(self, board_id: str, owner: str) -> Storyboard:
        """Make no more shots, and cancel the one that is being made. Those that are done stay.

        Raises:
            NotFound: as :meth:`Storyboards.one`.
        """
        with self._lock:
            turns = self._boards.one(board_id, owner).turns
            board = self._boards.change(board_id, owner, lambda board: board.ended(""))
            self._cancel(turns, owner)
        return board

    def delete(self, board_id: str, owner: str) -> None:
        """Delete a storyboard, and cancel the shot that is being made. Its takes stay.

        Raises:
            NotFound: as :meth:`Storyboards.one`.
        """
        with self._lock:
            self._cancel(self._boards.delete(board_id, owner).turns, owner)

    def advance(self, board_id: str, owner: str) -> None:
        """Begin a storyboard's next shot where one is done: for who makes a single one, and has not
        called :meth:`start`.

        Raises:
            StudioError: it has to wait.
        """
        with self._lock:
            self._advance(board_id, owner)

    def _cancel(self, turns: Sequence[Turn], owner: str) -> None:
        """Cancel the job of the turn that has one."""
        for turn in turns[:1]:
            with suppress(NotFound):  # It may have ended long ago.
                job = None if turn.job else self._studio.asked(turn_key(turn), owner)
                if job_id := turn.job or (job and job.id):
                    self._studio.cancel(job_id, owner)

    def _begin(
        self,
        board_id: str,
        owner: str,
        todo: Callable[[Storyboard, Sequence[SeenShot]], list[Turn]],
    ) -> Storyboard:
        with self._lock:
            board = self._boards.one(board_id, owner)
            if board.turns:
                raise WrongMoment("This storyboard is being made. Wait for it, or stop it first.")
            turns = todo(board, self._boards.seen(board, owner))
            if not turns:
                raise WrongMoment(
                    "All shots of this storyboard are made. Change one, or make one again."
                )
            board = board.model_copy(update={"turns": tuple(turns)})
            job = self._submitted(board, owner)
            try:
                board = self._boards.change(
                    board_id, owner, lambda now: _begun(now, board.turns, job)
                )
            except StudioError:
                self._studio.cancel(job.id, owner)
                raise
            self._busy |= {owner}
        self._woken.set()
        return board

    def _submitted(self, board: Storyboard, owner: str) -> Job:
        """The job for the shot whose turn it is, submitted once.

        Raises:
            NotFound, StudioError: it can't be submitted.
        """
        turn = board.turns[0]
        key = turn_key(turn)
        if (earlier := self._studio.asked(key, owner)) is not None:
            return earlier
        place = board.place(turn.shot)
        shot = board.shots[place]
        before = self._before(board, place, owner)
        picture = origin = film = None
        if before is not None and shot.join == "last_frame":
            picture = self._studio.last_frame(before.id, owner).digest
            origin = Origin(before.id, "continued")
        elif before is not None:
            film, origin = (before.id, before.recipe.film_frames), Origin(before.id, "extended")
        prompt = one_prompt(tidy_lines(spelled_out(shot.prompt, self._cast(shot, owner))))
        read = shot.model_copy(update={"prompt": prompt})
        asked = ShotAsked(read, board.settings, turn.seed, film, picture)
        recipe = self._studio.recipe_of(asked, owner)
        if prompt != shot.prompt:
            recipe = recipe.with_typed(Typed(shot.prompt))
        return self._studio.submit(recipe, owner, origin=origin, key=key)

    def _cast(self, shot: Shot, owner: str) -> Mapping[str, str]:
        return self._studio.characters.cast(owner) if "@" in shot.prompt else {}

    def _before(self, board: Storyboard, place: int, owner: str) -> Take | None:
        """The take that a shot depends on; None for one that depends on none.

        Raises:
            WrongMoment: the shot before has no take.
        """
        if board.shots[place].join == "cut":
            return None
        found = self._boards.seen(board, owner)[place - 1].chosen
        if found is None:
            raise WrongMoment(
                f"Shot {place + 1} starts where shot {place} ends, which has no take. Make that "
                "one first."
            )
        return found

    def _run(self) -> None:
        live = True
        while not self._closed.is_set():
            self._woken.wait(SECONDS_BETWEEN_LOOKS if live else SECONDS_BETWEEN_SEARCHES)
            self._woken.clear()
            if self._closed.is_set():
                return
            try:
                with self._lock:
                    boards = self._boards.making()
                    self._busy = frozenset(owner for _, owner in boards)
                live = bool(boards)
                for board, owner in boards:
                    with self._lock:
                        self._advance(board.id, owner)
            except StudioError as error:
                _log.warning("Storyboards have to wait: %s", error)
            except Exception:
                if not self._closed.is_set():
                    _log.exception("Storyboards have to wait")

    def _advance(self, board_id: str, owner: str) -> None:
        """Look at the shot whose turn it is, and begin the next one where it is done."""
        try:
            board = self._boards.one(board_id, owner)
        except NotFound:
            return
        if not board.turns:
            return
        turn = board.turns[0]
        try:
            if turn.job is None:
                job = self._submitted(board, owner)
                self._boards.change(board_id, owner, lambda now: _begun(now, now.turns, job, turn))
                return
            job = self._studio.job(turn.job, owner)
        except (LibraryUnavailable, KeyTaken):
            raise
        except StudioError as error:
            self._end(board, turn, owner, str(error))
            return
        match job.state:
            case Done():
                self._boards.change(board_id, owner, lambda now: _took(now, turn, job.id))
                self._woken.set()
            case Failed(message=message):
                self._end(board, turn, owner, message)
            case CancelledJob():
                self._end(board, turn, owner, "It was cancelled.")

    def _end(self, board: Storyboard, turn: Turn, owner: str, why: str) -> None:
        rest = f" {NOT_BEGUN}" if len(board.turns) > 1 else ""
        try:
            message = f"Shot {board.place(turn.shot) + 1} was not made: {why}{rest}"
        except NotFound:
            message = f"A shot that is not there any more was not made.{rest}"

        def ended(now: Storyboard) -> Storyboard:
            return now.ended(message) if now.turns and now.turns[0] == turn else now

        self._boards.change(board.id, owner, ended)


def to_make(seen: Sequence[SeenShot]) -> list[SeenShot]:
    """The shots that have no take, or one that is out of date, and those that depend on them."""
    found: list[SeenShot] = []
    again = False
    for each in seen:
        again = each.state != "ready" or (again and each.shot.join != "cut")
        if again:
            found.append(each)
    return found


def turn_key(turn: Turn) -> Key:
    """The key of a turn's job. No client's key has a blank."""
    return Key(f"storyboard {turn.key}", hashlib.sha256(turn.key.encode()).hexdigest())


def _turn(board: Storyboard, seen: SeenShot, seed: int | None) -> Turn:
    shot, again = seen.shot, seen.state == "ready"
    if seed is None and not again:
        seed = shot.seed if shot.seed is not None else board.settings.get("seed")
    if seed in (None, -1):
        seed = secrets.randbelow(MAX_SEED + 1)
    return Turn(shot=shot.id, seed=seed, key=secrets.token_hex(16))


def _begun(
    board: Storyboard, turns: Sequence[Turn], job: Job, expected: Turn | None = None
) -> Storyboard:
    """A storyboard whose first turn has its job."""
    if expected is None:
        if board.turns:
            raise WrongMoment("This storyboard is being made. Wait for it, or stop it first.")
    elif not board.turns or board.turns[0] != expected:
        return board
    was = next((shot.edited for shot in board.shots if shot.id == turns[0].shot), False)
    first = turns[0].model_copy(update={"job": job.id, "edited": was})
    begun = board.model_copy(update={"turns": (first, *turns[1:]), "message": ""})
    return begun.with_shot(first.shot, edited=False)


def _took(board: Storyboard, turn: Turn, take_id: str) -> Storyboard:
    """A storyboard in which a shot has a new take."""
    if not board.turns or board.turns[0] != turn:
        return board
    board = board.model_copy(update={"turns": board.turns[1:]})
    try:
        shot = board.shots[board.place(turn.shot)]
    except NotFound:
        return board
    takes = (*(each for each in shot.takes if each != take_id), take_id)[-MOST_TAKES:]
    return board.with_shot(turn.shot, takes=takes, chosen=take_id)
