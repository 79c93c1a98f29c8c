"""What a zip must not do: a clear error, nothing half-imported, no path outside the folder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from PIL import Image
from test_recall import damaged, with_too_many_samples
from zipped import Change, opened, rewritten, whole

from ltx_ui.errors import StudioError
from ltx_ui.studio.characters import Character
from ltx_ui.studio.studio import Studio


def of_first(**values: Any) -> Change:
    """Changes the first take's entry."""
    return lambda told: told["takes"][0].update(values)


def with_recipe(**values: Any) -> Change:
    return lambda told: told["takes"][0]["recipe"].update(values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (of_first(id="../x"), "'id'"),
        (of_first(id="take1"), "listed twice"),
        (of_first(created_at="0001-01-01T00:00:00+14:00"), "'created_at'"),
        (of_first(note="x" * 5000), "'note'"),
        (of_first(seconds=float("nan")), "'seconds'"),
        (of_first(tags=[["x"]]), "'tags.0'"),
        (
            of_first(video={"file": "../../library.sqlite3", "bytes": 1, "sha256": "0" * 64}),
            "not in",
        ),
        (of_first(video={"file": "library.json", "bytes": 1, "sha256": "0" * 64}), "not the one"),
        (of_first(name={"a": 1}), "'name'"),
        (with_recipe(width=99999), "'recipe.width'"),
        (with_recipe(num_frames=17), "9 frames and its recipe 17"),
        (with_recipe(width=256), "another size"),
        (lambda told: told["takes"].__setitem__(0, 7), "its entry can't be used"),
    ],
)
def test_an_entry_that_cannot_be_used_is_left_out_and_told(
    zipped: Path, elsewhere: Studio, tmp_path: Path, change: Change, says: str
) -> None:
    brought = elsewhere.importing.bring(rewritten(zipped, tmp_path / "x.zip", change), "local")
    assert (brought.came, brought.here) == (3, 0)
    assert [says in sentence for sentence in brought.unreadable] == [True]
    assert len(list((tmp_path / "to" / "takes").glob("*"))) == 6


def test_only_characters_come_that_could_be_saved_here(
    zipped: Path, elsewhere: Studio, tmp_path: Path
) -> None:
    elsewhere.characters.save(Character("Aiko", "a woman"), "local")
    told = [
        {"id": f"c{number}", "name": name, "created_at": "2026-01-01T00:00:00Z"}
        for number, name in enumerate(["AIKO", "Ben", "ben", "a b", "@", "x{y", "\x07 Eva \n"])
    ]
    changed = rewritten(zipped, tmp_path / "x.zip", lambda all_: all_.update(characters=told))
    elsewhere.importing.bring(changed, "local")
    here = [(each.name, each.words) for each in elsewhere.characters.all("local")]
    assert here == [("Aiko", "a woman"), ("Ben", ""), ("Eva", "")]


FILMS: dict[str, tuple[Callable[[str, bytes], bytes], str]] = {
    "a bomb": (
        lambda kind, data: with_too_many_samples(data) if kind == "video" else data,
        "claims more frames",
    ),
    "an unknown box": (lambda kind, data: data.replace(b"free", b"moof", 1), "has a part b'moof'"),
    "cut off": (lambda kind, data: data[: len(data) // 2], "is damaged"),
    "a web page": (lambda kind, data: b"<html><script>alert(1)</script>", "is damaged"),
    "another kind": (lambda kind, data: data if kind == "video" else gif(), "poster is damaged"),
    "a poster as film": (lambda kind, data: gif(), "is damaged"),
}


def gif() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (128, 128)).save(data, "GIF")
    return data.getvalue()


@pytest.mark.parametrize("kind", FILMS)
def test_what_is_no_film_or_poster_of_ours_is_not_taken(
    zipped: Path, elsewhere: Studio, tmp_path: Path, kind: str
) -> None:
    damage, says = FILMS[kind]
    packed = rewritten(zipped, tmp_path / "x.zip", files=damage)
    brought = elsewhere.importing.bring(packed, "local")
    assert brought.came == 0 and [says in each for each in brought.unreadable] == [True] * 4
    assert list((tmp_path / "to" / "takes").glob("*")) == []


def packed(target: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in entries:
            new.writestr(name, data)
    return target


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


def with_flag(file: Path) -> Path:
    """The zip with its only file marked as encrypted."""
    data = bytearray(file.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(data)
    return file


LIST = ("library.json", b'{"schema": 1, "takes": []}')
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "climbs": (lambda f: packed(f, LIST, ("clips/../../x.mp4", b"")), "leads out of it"),
    "absolute": (lambda f: packed(f, LIST, ("/etc/x", b"")), "is no name"),
    "drive": (lambda f: packed(f, LIST, ("C:/x", b"")), "is no name"),
    "backslash": (lambda f: packed(f, LIST, ("a\\..\\x", b"")), "is no name"),
    "link": (lambda f: packed(f, LIST, (link("x"), b"/etc/passwd")), "is a link"),
    "encrypted": (lambda f: with_flag(packed(f, LIST)), "is encrypted"),
    "none": (lambda f: packed(f, ("x.mp4", b"")), "no library.json"),
    "newer": (lambda f: packed(f, ("library.json", b'{"schema": 2}')), "newer version"),
    "others": (lambda f: packed(f, ("library.json", b'{"schema": "x"}')), "not one that this"),
    "no list": (lambda f: packed(f, ("library.json", b"[]")), "must be a JSON object"),
    "deep": (lambda f: packed(f, ("library.json", b'{"a":' * 99_999)), "not valid JSON"),
    "values": (lambda f: packed(f, ("library.json", b"1," * 3_000_000)), "far more values"),
    "bomb": (lambda f: packed(f, LIST, ("x", bytes(30_000_000))), "taken|far larger"),
    "many": (lambda f: packed(f, LIST, *((str(n), b"") for n in range(70_001))), "70000"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_hostile_zip_is_refused_with_a_sentence(kind: str, tmp_path: Path) -> None:
    make, says = REFUSED[kind]
    studio = opened(tmp_path / "to", max_import_gb=0.02)
    with pytest.raises(StudioError, match=says) as caught:
        studio.importing.bring(make(tmp_path / "x.zip"), "local")
    assert str(caught.value).endswith(".")
    assert list((tmp_path / "to" / "takes").glob("*")) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["to", "x.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_holds_a_name_twice_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path / "x.zip", LIST, LIST)
    with pytest.raises(StudioError, match="twice"):
        opened(tmp_path / "to").importing.bring(file, "local")


def test_a_damaged_zip_brings_whole_clips_or_none(
    zipped: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    studio, file, count = opened(folder / "to"), folder / "x.zip", 0
    data = zipped.read_bytes()
    ends = data[-3000:]

    @limits(max_examples=120, deadline=None)
    @given(front=damaged(data), end=damaged(ends), both=st.booleans())
    def brings(front: bytes, end: bytes, both: bool) -> None:
        nonlocal count
        count += 1
        file.write_bytes(front if both else data[:-3000] + end)
        came = 0
        try:
            came = studio.importing.bring(file, f"owner{count}").came
        except StudioError as error:
            assert str(error).endswith(".")
        assert len(studio.library.takes(f"owner{count}")) == came
        assert whole(studio, f"owner{count}")
        assert {path.name for path in folder.iterdir()} == {"to", "x.zip"}

    brings()
    videos = {take.video for n in range(1, count + 1) for take in studio.library.takes(f"owner{n}")}
    posters = {video.with_suffix(".jpg") for video in videos}
    assert set((folder / "to" / "takes").iterdir()) == videos | posters
    assert videos
