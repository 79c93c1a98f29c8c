"""``ltx-ui storyboard``: a film of several shots without a server, made from a file."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from pydantic import ValidationError

from ltx_ui.asked_shots import (
    StoryboardAsked,
    check_shots,
    read_settings,
    read_shots,
)
from ltx_ui.commands import COMMANDS
from ltx_ui.commands.folder import add_owner, alone, check_owner
from ltx_ui.commands.generate import INTERRUPTED
from ltx_ui.commands.making import POLL_SECONDS, Unmade, tell
from ltx_ui.commands.outputs import Outputs
from ltx_ui.commands.progress import Display, display
from ltx_ui.commands.stopping import listen_and_log, pause
from ltx_ui.commands.wanted import fields_of
from ltx_ui.errors import InvalidRecipe, NotFound, SettingsError
from ltx_ui.flags import Parser, parse
from ltx_ui.media.files import whole
from ltx_ui.media.splicing import splice
from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings
from ltx_ui.storyboards import Shot
from ltx_ui.studio.kept_shots import Storyboard, edited
from ltx_ui.studio.studio import Studio
from ltx_ui.values import mistake


def run(argv: Sequence[str], program: str) -> int:
    """Make a storyboard's film; returns the exit code: 130 after Ctrl-C.

    Raises:
        SettingsError: an option or the file can't be used.
        StudioError: a shot could not be made. Those before it are kept, and a second run goes on.
    """
    name = f"{program} {argv[0]}"
    asked, given = parse(_parser(name, COMMANDS[argv[0]].does), argv[1:])
    settings = given.settings
    listen_and_log(settings)
    try:
        _make(asked, settings)
    except KeyboardInterrupt:
        print(f"{name}: stopped. The shots that are made are kept.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser(name: str, does: str) -> Parser:
    parser = Parser(name, description=does, allow_abbrev=False)
    add = parser.add_argument
    add("file", type=Path, metavar="FILE.json", help="a storyboard, as POST /storyboards takes it")
    add("-o", "--output", metavar="FILM.mp4", help="default: beside the file, under its name")
    add("--overwrite", action="store_true", help="replace a film that is there")
    add_owner(parser)
    return parser


def _make(asked: Namespace, settings: Settings) -> None:
    board = _read(asked.file)
    usual = str(asked.file.with_suffix(".mp4")).replace("{", "{{").replace("}", "}}")
    (film,) = Outputs(asked.output or usual, overwrite=asked.overwrite).paths([0], asked.file.stem)
    presets = load_presets(settings.presets)
    most = settings.max_volume
    with _told_of(asked.file):
        shared = read_settings(board.settings, presets, max_volume=most)
        shots = read_shots(board.shots, shared, presets, max_volume=most)
    note = asked.file.with_name(f"{asked.file.name}.board")
    with alone(settings), display() as shown:
        check_owner(settings, asked.owner)
        studio = Studio(settings, only_new=True)
        try:
            with _told_of(asked.file):
                check_shots(shots, shared, lambda each: studio.usable(each, asked.owner))
            told = Storyboard(name=board.name, settings=shared, shots=())
            kept = _kept(studio, told, shots, asked.owner, note)
            _make_shots(studio, kept, asked.owner, shown)
            pieces = studio.storyboards.pieces(
                studio.storyboards.one(kept.id, asked.owner), asked.owner
            )
            shown.tell("Joining the shots")
            splice(pieces, film, board.name, Event())
        finally:
            studio.close()
    print(film, flush=True)


def _read(file: Path) -> StoryboardAsked:
    try:
        with _told_of(file):
            return StoryboardAsked.model_validate(fields_of(file.read_bytes()))
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{file}: {place}: {mistake(first)}.") from None


@contextmanager
def _told_of(file: Path) -> Iterator[None]:
    """A block in which errors are about what stands in a file."""
    try:
        yield
    except InvalidRecipe as error:
        raise SettingsError(f"{file}: {error}") from None


def _kept(
    studio: Studio, told: Storyboard, shots: Sequence[Shot], owner: str, note: Path
) -> Storyboard:
    """The storyboard in the library: that of an earlier run of the file, as the file says now."""

    def as_told(board: Storyboard) -> Storyboard:
        return edited(board, told.name, told.settings, _known_again(board, shots))

    boards = studio.storyboards
    try:
        board = boards.one(note.read_text("utf-8").strip() if note.exists() else "", owner)
    except NotFound:
        board = boards.add(told.name, told.settings, shots, owner)
        with whole(note) as target:
            target.write_text(board.id, "utf-8")
        return board
    # What a run that was killed had begun waits for nobody.
    studio.director.stop(board.id, owner)
    return boards.change(board.id, owner, as_told)


def _known_again(board: Storyboard, shots: Sequence[Shot]) -> list[Shot]:
    """The shots, with the ids of those that the storyboard has in the same words and length."""
    free, found = list(board.shots), []
    for shot in shots:
        same = next((each for each in free if _content(each) == _content(shot)), None)
        if same is not None:
            free.remove(same)
        found.append(shot.model_copy(update={"id": same.id}) if same else shot)
    return found


def _content(shot: Shot) -> tuple[object, ...]:
    return shot.prompt, shot.num_frames, shot.seed, shot.join


def _make_shots(studio: Studio, board: Storyboard, owner: str, shown: Display) -> None:
    if all(each.state == "ready" for each in studio.storyboards.seen(board, owner)):
        return
    studio.start()
    board = studio.director.make(board.id, owner)
    try:
        title = ""
        while board.turns:
            turn = board.turns[0]
            now = f"shot {board.place(turn.shot) + 1} of {len(board.shots)}"
            if now != title:
                shown.begin(title := now)
            if turn.job:
                tell(studio, studio.job(turn.job, owner), shown)
            pause(POLL_SECONDS)
            studio.director.advance(board.id, owner)
            board = studio.storyboards.one(board.id, owner)
    except KeyboardInterrupt:
        studio.director.stop(board.id, owner)
        raise
    if board.message:
        raise Unmade(board.message)
