"""``app.py check``: what is not in order is told, and mended where that loses nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from forked import ran
from kept import GREY, in_use, keep, open_library
from PIL import Image
from postgres import NEEDS_POSTGRES
from sources import ROOT
from studios import change

from ltx_ui.recipe import Recipe
from ltx_ui.studio.library import Library
from ltx_ui.studio.sought import Sought

Sql = Callable[..., None]

FOX = Recipe(prompt="A fox in the rain", seed=7, width=128, height=128, num_frames=9)
TOLD = {
    "recipe": FOX.model_dump(mode="json"),
    "model": "demo",
    "device": "cpu",
    "versions": {"torch": "2.13.0"},
    "timings": {"sampling": 2.5},
    "made_at": "2026-11-01T08:00:00+00:00",
    "made_from": "hen",
    "relation": "continued",
}


def checked(folder: Path, *flags: str) -> tuple[int, str]:
    """The exit code, and what was printed."""
    run = ran(["app.py", "check", *flags, "--data-dir", str(folder)])
    assert "Traceback" not in run.stderr
    return run.returncode, run.stdout + run.stderr


@pytest.fixture
def sql(tmp_path: Path, database: str | None) -> Sql:
    """Changes the library's rows from outside."""
    return partial(change, tmp_path, database)


@pytest.fixture
def library(tmp_path: Path, database: str | None) -> Library:
    library = open_library(tmp_path, database)
    keep(library, "hen")
    keep(library, "fox", prompt=FOX.prompt, seed=7, files=library.write(GREY, TOLD))
    return library


def file(library: Library, name: str, suffix: str) -> Path:
    return library.take(name, "ada").video.with_suffix(suffix)


def cut_recipe(sql: Sql, library: Library) -> None:
    sql("UPDATE takes SET recipe = substr(recipe, 1, 20) WHERE id = 'fox'")


def change_recipe(sql: Sql, library: Library) -> None:
    sql("UPDATE takes SET recipe = '7' WHERE id = 'fox'")


def spoil_job(recipe: str, sql: Sql, library: Library) -> None:
    sql(
        "INSERT INTO jobs (id, owner, recipe, submitted_at, state, starts, model, message,"
        " position, draft, holder) VALUES ('j', 'ada', :recipe, '2026-11-27', 'queued', 0,"
        " 'auto', '', 1, :draft, 0)",
        recipe=recipe,
        draft=False,
    )


def lose_poster(sql: Sql, library: Library) -> None:
    file(library, "fox", ".jpg").unlink()


def lose_row(sql: Sql, library: Library) -> None:
    sql("DELETE FROM takes WHERE id = 'fox'")
    sql("DELETE FROM take_words WHERE rowid = 2")


def leave_half(sql: Sql, library: Library) -> None:
    file(library, "fox", ".mp4").with_name(".half.part").write_bytes(b"half")


def forget_size(sql: Sql, library: Library) -> None:
    sql("UPDATE takes SET bytes = 0 WHERE id = 'fox'")


def lose_words(sql: Sql, library: Library) -> None:
    sql("UPDATE take_words SET prompt = 'wolf' WHERE rowid = 2")


def delete_it(sql: Sql, library: Library) -> None:
    keep(library, "owl")
    library.delete(["owl"], "ada")


Way = Callable[[Sql, Library], None]
WAYS: dict[str, Way] = {
    "1 take can't be read": cut_recipe,
    "1 job can't be read": partial(spoil_job, "{"),
    "1 take has no poster": lose_poster,
    "2 files belong to no take": lose_row,
    "1 file was left half-written": leave_half,
    "The size of 1 take": forget_size,
    "The search has other words than 1 take": lose_words,
    "1 take that was deleted": delete_it,
}

ELSEWHERE: dict[str, Way] = {
    # Its type for JSON takes nothing that was cut off.
    "1 take can't be read": change_recipe,
    "1 job can't be read": partial(spoil_job, "7"),
    "2 files belong to no take": lose_row,
    "1 take that was deleted": delete_it,
}
"""What else depends on the database, for PostgreSQL."""
EACH_WAY = [
    *(("sqlite", said, way) for said, way in WAYS.items()),
    *(
        pytest.param("postgresql", said, way, marks=NEEDS_POSTGRES)
        for said, way in ELSEWHERE.items()
    ),
]


@pytest.mark.parametrize(("database", "said", "way"), EACH_WAY, indirect=["database"])
def test_what_is_wrong_is_told_and_then_mended(
    said: str, way: Way, library: Library, sql: Sql, tmp_path: Path, database: str | None
) -> None:
    way(sql, library)
    check = partial(checked, tmp_path, *(["--database", database] if database else []))
    code, told = check()
    assert (code, said in told, "check --mend puts right" in told) == (1, True, True), told
    code, told = check("--mend")
    assert (code, said in told) == (0, True), told
    assert check() == (0, "2 takes. Everything is in order.\n")
    again = open_library(tmp_path, database)
    assert [take.recipe for take in again.takes("ada", Sought(search="fox in"))] == [FOX]
    [fox] = again.takes("ada", Sought(search="fox"))
    assert fox.video.is_file() and fox.poster.is_file()
    assert fox.timings and fox.versions == {"torch": "2.13.0"}
    with Image.open(fox.poster) as poster:
        assert poster.size == (128, 128)


def test_a_clip_that_is_a_take_again_has_its_origin(
    library: Library, sql: Sql, tmp_path: Path
) -> None:
    lose_row(sql, library)
    assert checked(tmp_path, "--mend")[0] == 0
    [fox] = open_library(tmp_path).takes("ada", Sought(search="fox"))
    assert (fox.made_from, fox.relation) == ("hen", "continued")


def test_a_storyboard_that_cannot_be_read_is_told_and_put_aside(
    library: Library, sql: Sql, tmp_path: Path
) -> None:
    row = "INSERT INTO storyboards (id, owner, told, making, created_at, changed_at) VALUES "
    at = "'2026-01-01 00:00:00'"
    for board in ("one", "two"):
        sql(
            f"{row} (:id, 'ada', :told, :making, {at}, {at})",
            id=board,
            told='{"a": "Zebra"}',
            making=False,
        )
    found, said = checked(tmp_path)
    assert (found, "2 storyboards can't be read, and nobody sees them." in said) == (1, True)
    assert "went to" in checked(tmp_path, "--mend")[1]
    assert "Zebra" in (tmp_path / "aside" / "storyboard-one.json").read_text()
    assert checked(tmp_path)[0] == 0


def test_tags_in_any_order_are_in_order(library: Library, tmp_path: Path) -> None:
    library.set_tags(["fox"], "ada", add=["zebra"])
    library.set_tags(["fox"], "ada", add=["apple"])
    assert checked(tmp_path) == (0, "2 takes. Everything is in order.\n")


def test_what_nobody_can_mend_is_told_and_kept(library: Library, sql: Sql, tmp_path: Path) -> None:
    file(library, "hen", ".mp4").unlink()
    sql(
        "UPDATE takes SET recipe = json_set(recipe, '$.inputs', json(:inputs)) WHERE id = 'fox'",
        inputs='{"images": [{"at": 0, "digest": "sha256:' + "5" * 64 + '", "strength": 1.0}]}',
    )
    code, told = checked(tmp_path, "--mend")
    assert code == 1
    assert "The clip of 1 take is gone: hen. The recipe is kept" in told
    assert f"1 picture that a clip was made from is gone: sha256:{'5' * 64}" in told
    assert len(open_library(tmp_path).takes("ada")) == 2


def test_a_file_that_is_no_clip_is_moved_aside(library: Library, tmp_path: Path) -> None:
    foreign = tmp_path / "takes" / "holiday.mp4"
    shutil.copy(file(library, "hen", ".mp4"), foreign)
    code, told = checked(tmp_path, "--mend")
    assert (code, "1 file went to" in told) == (0, True), told
    assert (tmp_path / "aside" / "holiday.mp4").is_file() and not foreign.exists()


def test_a_damaged_library_or_none_is_said_in_a_sentence(tmp_path: Path) -> None:
    code, told = checked(tmp_path / "nowhere")
    assert (code, "There is no folder" in told) == (2, True)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "library.sqlite3").write_bytes(b"this is not a database, " * 100)
    code, told = checked(tmp_path, "--mend")
    assert (code, "is damaged" in told) == (2, True)


def test_a_library_that_a_studio_is_using_is_left_alone(library: Library, tmp_path: Path) -> None:
    with in_use(tmp_path):
        code, told = checked(tmp_path, "--mend")
    assert (code, "another studio is using" in told) == (2, True)


def test_it_needs_no_model(tmp_path: Path) -> None:
    code = (
        "import sys, ltx_ui.cli; ltx_ui.cli.main(['check', '--data-dir', sys.argv[1]]);"
        "print([name for name in ('torch', 'gradio', 'diffusers') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.stdout.splitlines() == ["0 takes. Everything is in order.", "[]"], run.stderr
