"""Storyboards leave with their takes as a zip and come in again, each as a whole or not at all."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from kept import fill
from postgres import ON_BOTH
from test_recall import damaged
from zipped import Change, exported, opened, rewritten, whole

from ltx_ui.asked_shots import AskedShot, read_settings, read_shots
from ltx_ui.cli import main
from ltx_ui.errors import NotFound, StudioError
from ltx_ui.presets import load_presets
from ltx_ui.storyboards import planned
from ltx_ui.studio.importing import Brought
from ltx_ui.studio.kept_shots import Storyboard, Turn, chosen_again
from ltx_ui.studio.storyboards import MOST_STORYBOARDS
from ltx_ui.studio.studio import Studio

NAME = "Der Ball größer 🦊"
SMALL = {"width": 128, "height": 128, "seed": 5}


def add(studio: Studio, owner: str = "local", name: str = NAME) -> Storyboard:
    """A storyboard of two shots, of which the first has two takes and the second none; it is being
    made."""
    presets = load_presets()
    settings = read_settings(SMALL, presets)
    asked = [
        AskedShot(prompt="A ball", num_frames=9, seed=7),
        AskedShot(prompt="It goes on", num_frames=17, join="go_on"),
    ]
    board = studio.storyboards.add(name, settings, read_shots(asked, settings, presets), owner)
    first = board.shots[0]

    def made(now: Storyboard) -> Storyboard:
        turn = Turn(shot=first.id, seed=1, key="k", job="j", edited=True)
        taken = now.with_shot(first.id, takes=("take0", "gone", "take2"), chosen="take2")
        return taken.model_copy(update={"turns": (turn,), "message": "It was cancelled."})

    return studio.storyboards.change(board.id, owner, made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three takes, two of which a storyboard has, one of them a draft."""
    folder = tmp_path_factory.mktemp("boards") / "data"
    folder.mkdir()
    drafts = {2: {"draft": True}}
    library = fill(folder, ["one", "two", "three"], settings=lambda number: drafts.get(number, {}))
    for number, take in enumerate(library.those(["take0", "take1", "take2"], "local")):
        with take.video.open("ab") as film:
            film.write(b"\0\0\0\x09free" + bytes([number]))
    studio = opened(folder)
    add(studio)
    studio.close()
    return folder


@pytest.fixture(scope="module")
def boards(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it as a zip."""
    studio = opened(folder)
    file = exported(studio, tmp_path_factory.mktemp("zip") / "all.zip")
    studio.close()
    return file


def takes_in(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as zipped:
        told = json.loads(zipped.read("library.json"))
    return [take["id"] for take in told["takes"]]


@ON_BOTH
def test_a_storyboard_comes_with_its_takes_and_once(
    folder: Path, boards: Path, elsewhere: Studio
) -> None:
    assert takes_in(boards) == ["take0", "take1", "take2"]
    assert elsewhere.importing.bring(boards, "local") == Brought(3, 0, (), 1, 0)
    [there] = elsewhere.storyboards.all("local")
    [before] = opened(folder).storyboards.all("local")
    first = before.shots[0].model_copy(update={"takes": ("take0", "take2"), "edited": True})
    assert there == before.model_copy(
        update={"shots": (first, before.shots[1]), "turns": (), "message": ""}
    )
    seen = elsewhere.storyboards.seen(there, "local")
    assert [(each.state, len(each.takes)) for each in seen] == [("outdated", 2), ("missing", 0)]
    assert elsewhere.storyboards.making() == []
    assert elsewhere.importing.bring(boards, "local") == Brought(0, 3, (), 0, 1)
    assert elsewhere.storyboards.all("local") == [there]
    # One that was deleted comes again, and finds its takes.
    elsewhere.storyboards.delete(there.id, "local")
    assert elsewhere.importing.bring(boards, "local") == Brought(0, 3, (), 1, 0)
    assert elsewhere.storyboards.all("local") == [there]


@ON_BOTH
def test_a_storyboard_that_came_without_its_takes_finds_them_when_they_come(
    boards: Path, elsewhere: Studio, tmp_path: Path
) -> None:
    alone = rewritten(boards, tmp_path / "x.zip", lambda told: told.update(takes=[]))
    assert elsewhere.importing.bring(boards, "ada") == Brought(3, 0, (), 1, 0)
    assert elsewhere.importing.bring(alone, "local") == Brought(0, 0, (), 1, 0)
    [before] = elsewhere.storyboards.all("local")
    [first, _] = elsewhere.storyboards.seen(before, "local")
    assert (first.state, first.takes) == ("missing", ())
    # Under other ids, since these are somebody else's.
    assert elsewhere.importing.bring(boards, "local") == Brought(3, 0, (), 0, 1)
    [board] = elsewhere.storyboards.all("local")
    [first, second] = elsewhere.storyboards.seen(board, "local")
    assert (first.state, len(first.takes), second.state) == ("outdated", 2, "missing")
    assert first.chosen == first.takes[1] and first.shot.written == before.shots[0].written
    # What the owner chose since stays.
    elsewhere.storyboards.change(
        board.id, "local", lambda now: chosen_again(now, first.shot.id, first.takes[0].id)
    )
    chosen = elsewhere.storyboards.all("local")
    assert elsewhere.importing.bring(boards, "local") == Brought(0, 3, (), 0, 1)
    assert elsewhere.storyboards.all("local") == chosen


@ON_BOTH
def test_what_is_somebody_elses_gets_other_ids_and_its_takes_all_the_same(
    boards: Path, elsewhere: Studio
) -> None:
    for owner in ("ada", "bob"):
        assert elsewhere.importing.bring(boards, owner) == Brought(3, 0, (), 1, 0)
        assert elsewhere.importing.bring(boards, owner) == Brought(0, 3, (), 0, 1)
    [ada], [bob] = (elsewhere.storyboards.all(owner) for owner in ("ada", "bob"))
    assert ada.id != bob.id
    mine = {take.id for take in elsewhere.library.those(bob.shots[0].takes, "bob")}
    assert mine == set(bob.shots[0].takes) and len(mine) == 2
    assert bob.shots[0].chosen == bob.shots[0].takes[1]
    # It comes again to the takes that have the same films.
    elsewhere.storyboards.delete(bob.id, "bob")
    assert elsewhere.importing.bring(boards, "bob") == Brought(0, 3, (), 1, 0)
    assert elsewhere.storyboards.all("bob") == [bob]


def test_only_the_storyboards_that_were_asked_for_go_and_only_ones_own(
    folder: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(folder, tmp_path / "data"))
    studio = opened(data)
    [board] = studio.storyboards.all("local")
    file = exported(studio, tmp_path / "x.zip", board_ids=[board.id, "none"])
    assert takes_in(file) == ["take0", "take2"]
    assert opened(tmp_path / "to").importing.bring(file, "local") == Brought(2, 0, (), 1, 0)
    both = exported(studio, tmp_path / "y.zip", take_ids=["take1"], board_ids=[board.id])
    assert takes_in(both) == ["take0", "take1", "take2"]
    one = exported(studio, tmp_path / "z.zip", take_ids=["take1"])
    assert opened(tmp_path / "too").importing.bring(one, "local") == Brought(1, 0)
    for asked in ({"board_ids": [board.id]}, {}):
        with pytest.raises(NotFound, match="no clips"):
            studio.exporting.stream("somebody", **asked)
    # One without any take goes as well.
    add(studio, "ada")
    assert takes_in(exported(studio, tmp_path / "a.zip", "ada")) == []


def of_board(**values: Any) -> Change:
    return lambda told: told["storyboards"][0].update(values)


def of_shot(**values: Any) -> Change:
    return lambda told: told["storyboards"][0]["shots"][0].update(values)


def twice(told: dict[str, Any]) -> None:
    [shot, other] = told["storyboards"][0]["shots"]
    other["id"] = shot["id"]


UNUSABLE: dict[str, tuple[Change, str]] = {
    "id": (of_board(id="../x"), "'id'"),
    "name": (of_board(name="x" * 81), "'name'"),
    "shots": (of_board(shots=[]), "'shots'"),
    "settings": (of_board(settings={"width": 131, "height": 128}), "width"),
    "strange": (of_board(settings={"image_start": "x"}), "not a field that all shots share"),
    "seed": (of_board(settings={"seed": -9}), "'seed'"),
    "loras": (of_board(settings={"loras": 7}), "its loras: is 7, not a list"),
    "prompt": (of_shot(prompt=" "), "'prompt' is empty"),
    "choices": (of_shot(prompt="a {b|c}"), "stands for several prompts"),
    "frames": (of_shot(num_frames=10), "'num_frames' is 10"),
    "join": (of_shot(join="go_on"), "the first shot has none before it"),
    "fade": (of_shot(join="fade"), "'shots.0.join'"),
    "own seed": (of_shot(seed=2**70), "'seed'"),
    "takes": (of_shot(takes=["x/y"]), "'shots.0.takes.0'"),
    "twice": (twice, "two of its shots have the same id"),
    "none": (
        lambda told: told["storyboards"].__setitem__(0, 7),
        "its entry can't be used: it must be an object",
    ),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_storyboard_that_cannot_be_used_is_left_out_and_told(
    boards: Path, elsewhere: Studio, tmp_path: Path, kind: str
) -> None:
    change, says = UNUSABLE[kind]
    brought = elsewhere.importing.bring(rewritten(boards, tmp_path / "x.zip", change), "local")
    assert (brought.came, brought.boards, brought.boards_here) == (3, 0, 0)
    [sentence] = brought.unreadable
    assert says in sentence and sentence.endswith("."), sentence
    assert elsewhere.storyboards.all("local") == []


def test_no_more_storyboards_come_than_there_is_room_for(
    boards: Path, elsewhere: Studio, tmp_path: Path
) -> None:
    def many(told: dict[str, Any]) -> None:
        [board] = told["storyboards"]
        told["storyboards"] = [board | {"id": f"{number:032x}"} for number in range(102)]

    brought = elsewhere.importing.bring(rewritten(boards, tmp_path / "x.zip", many), "local")
    assert (brought.boards, len(brought.unreadable)) == (MOST_STORYBOARDS, 2)
    assert "100 storyboards are the most" in brought.unreadable[0]


def test_a_list_of_storyboards_that_is_none_is_refused(boards: Path, tmp_path: Path) -> None:
    changed = rewritten(boards, tmp_path / "x.zip", lambda told: told.update(storyboards={"a": 1}))
    studio = opened(tmp_path / "to")
    with pytest.raises(StudioError, match="must hold storyboards as a list"):
        studio.importing.bring(changed, "local")
    assert studio.library.takes("local") == []


def check(studio: Studio, owner: str) -> int:
    """Whether every storyboard of an owner's can be shown and made; returns how many there are."""
    found = studio.storyboards.all(owner)
    own = {take.id for take in studio.library.takes(owner)} | {
        take.id
        for board in found
        for each in studio.storyboards.seen(board, owner)
        for take in each.takes
    }
    for board in found:
        recipes = [each.model_dump(mode="json") for each in planned(board.shots, board.settings)]
        assert len(recipes) == len(board.shots)
        shared = board.settings.keys() - {"loras", "seed"}
        assert {name: recipes[0][name] for name in shared} == {
            name: board.settings[name] for name in shared
        }
        assert {take for shot in board.shots for take in shot.takes} <= own
        assert not board.turns
    return len(found)


NAMES = st.text(max_size=8)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | NAMES
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def places(told: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: dict[Any, Any] = told if isinstance(told, dict) else {}
    if isinstance(told, list):
        inner = dict(enumerate(told))
    return [path, *(place for key in inner for place in places(inner[key], (*path, key)))]


def replaced(told: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = told.copy()
    copy[path[0]] = replaced(told[path[0]], path[1:], value)
    return copy


def test_whatever_a_zip_tells_of_a_storyboard_comes_whole_or_not_at_all(
    boards: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, count = tmp_path_factory.mktemp("told"), 0
    studio = opened(folder / "to")
    with zipfile.ZipFile(boards) as zipped:
        told = json.loads(zipped.read("library.json"))
    entry = told["storyboards"][0]
    came: set[bool] = set()

    @limits(max_examples=80, deadline=None)
    @given(path=st.sampled_from(places(entry)), value=VALUES)
    @example(path=("settings", "fps"), value="24")
    @example(path=("settings", "num_inference_steps"), value=True)
    @example(path=("shots", 0, "num_frames"), value="9")
    @example(path=("settings",), value={"loras": [{"name": "a", "strength": "x"}]})
    def brings(path: tuple[Any, ...], value: Any) -> None:
        nonlocal count
        count += 1
        listed = {"schema": 1, "takes": [], "storyboards": [replaced(entry, path, value)]}
        with zipfile.ZipFile(folder / "x.zip", "w") as new:
            new.writestr("library.json", json.dumps(listed))
        brought = studio.importing.bring(folder / "x.zip", f"owner{count}")
        assert brought.boards + len(brought.unreadable) == 1
        assert all(sentence.endswith(".") for sentence in brought.unreadable)
        assert check(studio, f"owner{count}") == brought.boards
        came.add(bool(brought.boards))

    brings()
    studio.close()
    assert came == {True, False}


def test_a_damaged_zip_brings_whole_storyboards_or_none(
    boards: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, count = tmp_path_factory.mktemp("damaged"), 0
    studio, file = opened(folder / "to"), folder / "x.zip"
    data = boards.read_bytes()
    place = data.rindex(b'"storyboards": [')

    @limits(max_examples=40, deadline=None)
    @given(end=damaged(data[place:]))
    def brings(end: bytes) -> None:
        nonlocal count
        count += 1
        file.write_bytes(data[:place] + end)
        came = 0
        try:
            came = studio.importing.bring(file, f"owner{count}").boards
        except StudioError as error:
            assert str(error).endswith(".")
        assert check(studio, f"owner{count}") == came
        assert whole(studio, f"owner{count}")

    brings()
    studio.close()


def test_the_command_line_takes_storyboards_along(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, to = tmp_path / "all.zip", tmp_path / "to"
    assert main(["export", str(file), "--data-dir", str(folder)]) == 0
    for said in ("Storyboards: 1 came, 0 were here", "Storyboards: 0 came, 1 were here"):
        assert main(["import", str(file), "--data-dir", str(to)]) == 0
        assert said in capsys.readouterr().out
