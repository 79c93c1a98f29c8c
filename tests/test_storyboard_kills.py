"""A process that is killed between two shots of a storyboard leaves all of it as it was."""

from __future__ import annotations

import signal
import sys
import textwrap
from pathlib import Path

import pytest
from forked import Forked
from studios import PATIENCE, OpenStudio, until

KILLED = """
    import os, signal, sys, time
    from pathlib import Path
    from ltx_ui.asked_shots import AskedShot, read_settings, read_shots
    from ltx_ui.presets import load_presets
    from ltx_ui.settings import Settings
    from ltx_ui.studio.directing import Director
    from ltx_ui.studio.studio import Studio

    studio, presets = Studio(Settings(data_dir=Path(sys.argv[1]), model="demo")), load_presets()
    small = {"width": 128, "height": 128, "num_inference_steps": 1, "seed": 5}
    settings = read_settings(small, presets)
    joins = ("cut", "go_on", "last_frame")
    shots = [AskedShot(prompt=f"A ball, {join}", num_frames=9, join=join) for join in joins]
    board = studio.storyboards.add("Ball", settings, read_shots(shots, settings, presets), "ada")
    then = Director._submitted

    def submitted(self, now, owner):
        # The first shot is done, and the one that joins it is not asked for yet.
        if len(now.turns) == 2:
            print(board.model_dump_json(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return then(self, now, owner)

    Director._submitted = submitted
    studio.start()
    studio.director.make(board.id, "ada")
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_storyboard_goes_on_whole_after_a_kill_between_two_joins(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    with Forked(["-c", textwrap.dedent(KILLED), str(data_dir)]) as running:
        line = running.stdout.readline()
        assert running.wait(PATIENCE) == -signal.SIGKILL
    studio = open_studio()
    [left] = studio.storyboards.all("ada")
    board = type(left).model_validate_json(line)
    assert (left.id, left.name, left.settings) == (board.id, board.name, board.settings)
    until(lambda: not studio.storyboards.one(board.id, "ada").turns)
    made = studio.storyboards.one(board.id, "ada")
    assert (made.name, made.settings, made.message) == (board.name, board.settings, "")
    assert [shot.written for shot in made.shots] == [shot.written for shot in board.shots]
    seen = studio.storyboards.seen(made, "ada")
    assert [(each.state, len(each.takes)) for each in seen] == [("ready", 1)] * 3
    assert len(studio.library.takes("ada")) == 3
    assert len(studio.storyboards.pieces(made, "ada")) == 2
