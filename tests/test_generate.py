"""``ltx-ui generate`` makes clips without a server, and leaves nothing half done."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from forked import Forked, ran
from running import RunningApp
from sounds import beats, sound_file
from studios import PATIENCE, OpenStudio, quick, until

from ltx_ui.cli import main
from ltx_ui.commands.many import Batch
from ltx_ui.commands.progress import Display, display
from ltx_ui.commands.wanted import Wanted
from ltx_ui.inputs import digest_of
from ltx_ui.recall import recall

SIZE = ("--set", "width=128", "--set", "height=128", "--set", "num_frames=9")
QUICK = ("--model", "demo", *SIZE, "--set", "num_inference_steps=1")


def generate(data_dir: Path, *arguments: str) -> tuple[int, list[str], str]:
    """The exit code, and what is printed on both streams."""
    run = ran(["app.py", "generate", *arguments, *QUICK, "--data-dir", str(data_dir)])
    return run.returncode, run.stdout.splitlines(), run.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "say what to make"),
        (("a fox", "--preset", "worst"), "--preset worst is none of: best-quality, long-video"),
        (("a fox", "--preset", "character"), "starts from a picture: name one with --image"),
        (("a fox", "--format", "hd"), "--format hd is none of: 384x672, 704x1280, 1280x704"),
        (("a fox", "--seconds", "60"), "allowed are 0.38 to 10.71 at 24 frames a second"),
        (("a fox", "--set", "fps"), "must look like FIELD=VALUE"),
        (("a fox", "--set", 'keyframes=[{"frame": 3}]'), "keyframes[0]: image is missing"),
        (("a fox", "--set", "speed=9"), "'speed' is not a field of a recipe"),
        (("a fox", "--set", "audio=@no.wav"), "no.wav can't be read: No such file"),
        (("a fox", "--set", 'extend={"video": "@no.mp4"}'), "no.mp4 can't be read"),
        (("a fox", "--image", "nothing.png"), "nothing.png can't be read"),
        (("a fox", "-o", "clip.avi"), "must end with .mp4"),
        (("a fox", "-o", "{prompt.__class__}.mp4"), "may stand name, number, seed, take"),
        (("a fox", "-o", "{seed:q}.mp4"), "may stand name, number, seed, take"),
        (("a fox", "--queue", "x"), "not allowed with argument"),
        (("--queue", "nothing.jsonl"), "nothing.jsonl is no file"),
        (("--watch", "nowhere"), "nowhere is no folder"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_loaded(
    arguments: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", *arguments, "--data-dir", str(tmp_path / "data")]) == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_there_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there.mp4"
    there.write_text("mine")
    assert main(["generate", "a fox", "-o", str(there), "--data-dir", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_clip_with_its_takes_and_nothing_else(open_studio: OpenStudio, tmp_path: Path) -> None:
    studio = open_studio(start=False)
    waits = studio.submit(quick(), "local").id
    studio.close()
    code, files, told = generate(
        *(tmp_path / "data", "A red ball", "--no-keep", "--set", "num_takes=2", "--seed", "7"),
        *("-o", str(tmp_path / "{seed:03}.mp4")),
    )
    assert (code, files) == (0, [str(tmp_path / name) for name in ("007.mp4", "008.mp4")]), told
    assert "Loading Demo model" in told
    assert recall(tmp_path / "008.mp4").recipe.seed == 8
    studio = open_studio(start=False)
    assert studio.library.takes("local") == []
    assert studio.job(waits, "local").state.name == "queued"


def test_a_file_of_recipes_goes_on_where_it_ended(tmp_path: Path) -> None:
    lines = [json.dumps({"prompt": prompt, "seed": 1}) for prompt in ("One", "Two")]
    queue = tmp_path / "shots.jsonl"
    queue.write_text("\n".join([lines[0], '{"prompt": "x", "fps": 7}', "", lines[1], "{nonsense"]))
    song = tmp_path / "song.wav"
    song.write_bytes(sound_file(beats(1.0)))
    to_song = ("--set", f"audio=@{song}")
    code, files, told = generate(tmp_path / "data", "--queue", str(queue), *to_song)
    assert (code, [Path(each).name for each in files]) == (1, ["shots-1.mp4", "shots-4.mp4"]), told
    heard = recall(Path(files[0])).recipe.inputs.audio
    assert heard is not None and heard.digest == digest_of(song.read_bytes())
    assert "2 could not be made" in told
    assert "shots.jsonl, line 2: fps: is 7; allowed are 24, 25, 30" in told
    assert "shots.jsonl, line 5: This is not valid JSON" in told
    queue.write_text("\n".join(reversed(lines)))
    code, files, told = generate(tmp_path / "data", "--queue", str(queue))
    assert (code, files) == (0, []) and "2 were made before" in told


def started(tmp_path: Path, *arguments: str) -> tuple[Forked, Path]:
    """The program, and the file that has what it printed."""
    output = tmp_path / "output"
    output.touch()
    given = ["app.py", "generate", *arguments, "--data-dir", str(tmp_path / "data")]
    return Forked(given, output=output), output


def test_ctrl_c_cancels_and_leaves_no_file(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    slow = ("--model", "demo", "--set", "num_inference_steps=100", "-o", str(clip))
    process, output = started(tmp_path, "A red ball", *slow)
    until(lambda: "Sampling" in output.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    assert output.read_text().splitlines()[-1] == "app.py generate: stopped."
    assert [*tmp_path.rglob("*.mp4"), *tmp_path.rglob("*.part")] == []


def test_files_that_come_into_a_folder_become_clips(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "ball.txt").write_text("A red ball")
    (folder / "bad.json").write_text('{"prompt": "x", "fps": 7}')
    for name in ("empty.txt", ".hidden.txt", "coming.txt.part", "picture.png"):
        (folder / name).write_text("" if name == "empty.txt" else "A red ball")
    process, _ = started(tmp_path, "--watch", str(folder), *QUICK)
    until(lambda: (folder / "done" / "ball.txt").exists())
    (folder / "ball.txt").write_text("A blue ball")  # Over its clip none is written.
    until(lambda: (folder / "failed" / "ball.txt.error").exists())
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 130
    assert recall(folder / "ball.mp4").recipe.prompt == "A red ball"
    assert "fps: is 7" in (folder / "failed" / "bad.json.error").read_text()
    left = {file.name for file in folder.iterdir() if file.is_file()}
    assert left == {"ball.mp4", "empty.txt", ".hidden.txt", "coming.txt.part", "picture.png"}


class Killed(BaseException):
    """What ends the program right after a clip's files are there."""


class Writer:
    """Makes clips of a word, and ends the program after one of them."""

    def __init__(self, last: str) -> None:
        self.last = last
        self.made: list[tuple[str, int]] = []

    def make(self, wanted: Wanted, files: Sequence[Path], display: Display) -> None:
        prompt = wanted.request.prompt
        self.made.append((prompt, wanted.request.seed))
        for file in files:
            if "partly" in prompt and file != files[0] and len(self.made) == 1:
                raise Killed
            file.write_text(prompt)
        if prompt == self.last:
            raise Killed

    def close(self) -> None:
        pass


@pytest.mark.parametrize("watched", [True, False])
def test_who_is_killed_before_a_clip_is_noted_makes_it_once(tmp_path: Path, watched: bool) -> None:
    folder, queue = tmp_path / "in", tmp_path / "in" / "shots.jsonl"
    folder.mkdir()
    prompts = ["One", "One", "Two"]
    for number, prompt in enumerate(prompts):
        (folder / f"{number}.txt").write_text(prompt)
    queue.write_text("\n".join(json.dumps({"prompt": each}) for each in prompts))

    def run(maker: Writer) -> None:
        batch = Batch({}, 10**9, None, overwrite=False)
        work = batch.folder(folder) if watched else batch.file(queue)
        with pytest.raises(Killed), display() as shown:
            work(maker, shown)

    for last in ("One", "One", "Two"):
        run(maker := Writer(last))
        assert [prompt for prompt, _ in maker.made] == [last]
    made = sorted(file.name for file in folder.glob("*.mp4"))
    assert made == [
        f"{number}.mp4" if watched else f"shots-{number + 1}.mp4" for number in range(3)
    ]


def test_who_is_killed_between_two_takes_makes_the_same_again(tmp_path: Path) -> None:
    queue = tmp_path / "shots.jsonl"
    queue.write_text(json.dumps({"prompt": "partly", "num_takes": 2}))
    batch = Batch({}, 10**9, str(tmp_path / "{seed}.mp4"), overwrite=False)
    maker = Writer("")
    with display() as shown:
        with pytest.raises(Killed):
            batch.file(queue)(maker, shown)
        assert len([*tmp_path.glob("*.mp4")]) == 1
        assert batch.file(queue)(maker, shown) == 0
        assert batch.file(queue)(maker, shown) == 0
    first, second = maker.made
    assert first == second
    assert len([*tmp_path.glob("*.mp4")]) == 2
    assert {file.suffix for file in tmp_path.iterdir()} == {".jsonl", ".done", ".mp4"}


def test_a_studio_that_runs_on_the_folder_makes_the_clip(app: RunningApp, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    code, files, told = generate(app.data_dir, "A red ball", "--seed", "3", "-o", str(clip))
    assert (code, files) == (0, [str(clip)]), told
    assert recall(clip).recipe.seed == 3
    code, _, told = generate(app.data_dir, "A red ball", "--no-keep")
    assert code == 2 and f"The studio at {app.url} has this data folder" in told
