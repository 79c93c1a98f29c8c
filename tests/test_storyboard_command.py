"""``ltx-ui storyboard`` makes a film of several shots, and goes on where it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from films import seen
from forked import ran
from studios import OpenStudio

from ltx_ui.asked_shots import AskedShot, read_settings, read_shots
from ltx_ui.cli import main
from ltx_ui.presets import load_presets

SMALL = {"width": 128, "height": 128, "num_inference_steps": 1, "seed": 5}
SHOTS: list[dict[str, Any]] = [
    {"prompt": "A red ball bounces", "num_frames": 9},
    {"prompt": "A red ball stops", "num_frames": 9, "join": "last_frame"},
]


def written(folder: Path, **fields: Any) -> Path:
    file = folder / "ball.json"
    file.write_text(json.dumps({"settings": SMALL, "shots": SHOTS} | fields))
    return file


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"shots": []}, "shots: has too few entries (at least 1)"),
        ({"shots": [{"prompt": "x", "speed": 9}]}, "shots.0.speed: is not known here"),
        ({"settings": {"fps": 7}}, "settings.fps: is 7; allowed are 24, 25, 30"),
        ({"settings": {"loras": ["none"]}}, "settings.loras: "),
    ],
)
def test_what_can_not_be_made_is_told_before_anything_is_loaded(
    fields: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, **fields)
    assert main(["storyboard", str(file), "--data-dir", str(tmp_path / "data")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "ball.mp4").exists()


def test_a_file_or_a_film_that_can_not_be_used_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    assert main(["storyboard", str(tmp_path / "none.json"), *data]) == 2
    assert "none.json can't be read: No such file" in capsys.readouterr().err
    file, film = written(tmp_path), tmp_path / "ball.mp4"
    film.write_text("mine")
    assert main(["storyboard", str(file), *data]) == 2
    assert "is there already" in capsys.readouterr().err
    assert film.read_text() == "mine"


def test_a_film_is_made_and_a_second_run_makes_only_what_changed(
    open_studio: OpenStudio, tmp_path: Path
) -> None:
    def film(*shots: dict[str, Any]) -> int:
        file = written(tmp_path, shots=shots)
        arguments = ("--model", "demo", "--data-dir", str(tmp_path / "data"), "--overwrite")
        done = ran(["app.py", "storyboard", str(file), *arguments])
        assert (done.returncode, done.stdout.split()) == (0, [str(tmp_path / "ball.mp4")]), done
        studio = open_studio(start=False)
        try:
            assert len(studio.storyboards.all("local")) == 1
            return len(studio.library.takes("local"))
        finally:
            studio.close()

    # As if a run had been killed after it had queued the first shot.
    studio, presets = open_studio(start=False), load_presets()
    settings = read_settings(SMALL, presets)
    shots = read_shots([AskedShot(**shot) for shot in SHOTS], settings, presets)
    board = studio.storyboards.add("", settings, shots, "local")
    studio.director.make(board.id, "local")
    studio.close()
    (tmp_path / "ball.json.board").write_text(board.id)
    assert film(*SHOTS) == 2
    assert len(seen(tmp_path / "ball.mp4")) == 17
    # The first shot stays; the second one has other words.
    assert film(SHOTS[0], SHOTS[1] | {"prompt": "A red ball rolls"}, SHOTS[0]) == 4
    assert len(seen(tmp_path / "ball.mp4")) == 26
