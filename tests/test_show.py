"""``app.py show FILE…``: what a file tells, on a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT
from told import ODD, files, typed

from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe


def shown(*arguments: str | Path, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py", "show", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONIOENCODING": encoding}, encoding="utf-8",
    )  # fmt: skip


def test_a_clip_is_told_in_words(clip_files: dict[str, Path]) -> None:
    run = shown(clip_files["clip.mp4"], clip_files["poster.jpg"])
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("clip.mp4\n") and "\nposter.jpg\n" in run.stdout
    for words in ("A fox in the rain", "128x128, 9 frames at 24 fps", "4294967295", "demo on cpu"):
        assert run.stdout.count(words) == 2
    assert "2026-11-27 03:20:59 UTC" in run.stdout and "sampling 12.5 s" in run.stdout


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_words_of_any_kind_leave_the_terminal_in_peace(tmp_path: Path, encoding: str) -> None:
    prompt = f"{ODD} \x9b31m"
    recipe = Recipe.model_validate(typed().model_dump() | {"prompt": prompt, "typed": None})
    run = shown(files(tmp_path, recipe)["clip.mp4"], encoding=encoding)
    assert run.returncode == 0 and "fox" in run.stdout
    assert not {"\x00", "\x07", "\x9b"} & set(run.stdout)
    (second,) = (line for line in run.stdout.splitlines() if "als" in line)
    assert second.startswith(" " * 10)  # It can't be taken for another field.


def test_json_has_the_recipe_as_the_api_takes_it(clip_files: dict[str, Path]) -> None:
    run = shown("--json", clip_files["clip.mp4"])
    told = json.loads(run.stdout)
    assert parse_recipe(told["recipe"]) == typed().model_copy(update={"typed": None})
    assert told["model"] == "demo" and told["typed"]["camera"] == "pan\nleft"
    again = subprocess.run(
        [sys.executable, "app.py", "show", "--json", "/dev/stdin"],
        cwd=ROOT, input=run.stdout, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert again.stdout == run.stdout


def test_a_foreign_file_is_a_sentence_and_exit_code_1(clip_files: dict[str, Path]) -> None:
    run = shown("README.md", clip_files["clip.mp4"], "nothing.mp4", "tests")
    assert run.returncode == 1 and "A fox in the rain" in run.stdout
    first, second, third = run.stderr.splitlines()
    assert first.startswith("app.py: README.md is no mp4")
    assert second == "app.py: nothing.mp4 can't be read: No such file or directory."
    assert third == "app.py: tests can't be read: Is a directory."


def test_who_has_read_enough_may_go(clip_files: dict[str, Path]) -> None:
    command = f"{sys.executable} app.py show --json {clip_files['clip.mp4']} README.md | true"
    run = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Traceback" not in run.stderr and "Exception" not in run.stderr


def test_neither_torch_nor_the_page_is_loaded(clip_files: dict[str, Path]) -> None:
    code = (
        "import sys; from ltx_ui.cli import main; main(sys.argv[1:]);"
        "print([m for m in ('torch', 'gradio', 'fastapi', 'av', 'sqlalchemy') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, "show", str(clip_files["clip.mp4"])]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.endswith("[]\n")
