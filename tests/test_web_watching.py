"""What the page is told when it asks how far a job is."""

from typing import Any

import gradio as gr
from studios import PATIENCE, OpenStudio

from ltx_ui.recipe import Recipe
from ltx_ui.studio.library import Take
from ltx_ui.studio.studio import Studio
from ltx_ui.web.watching import Watcher

ANN = gr.Request(username="ann")
RECIPE = Recipe(prompt="a red ball", width=128, height=160, num_frames=9, num_inference_steps=5)


class LookingWhileItEnds(Watcher):
    """The job ends between two looks at it."""

    def __init__(self, studio: Studio, job_id: str) -> None:
        super().__init__(studio)
        self._job_id = job_id

    def takes(self, ids: Any, owner: str) -> list[Take]:
        self._studio.wait(self._job_id, owner, PATIENCE)
        return super().takes(ids, owner)


def test_a_job_that_ends_while_it_is_looked_at_is_looked_at_again(open_studio: OpenStudio) -> None:
    studio = open_studio()
    studio.wait(studio.submit(RECIPE, "ann").id, "ann", PATIENCE)
    job = studio.submit(RECIPE, "ann")
    _, _, generate, *_, timer = LookingWhileItEnds(studio, job.id).follow(
        job.id, False, None, None, [], ANN
    )[:7]
    assert not studio.live_jobs("ann")
    assert generate["value"] == "Working…"
    assert timer.active
    _, _, generate, *_, timer = Watcher(studio).follow(job.id, False, None, None, [], ANN)[:7]
    assert generate["value"] == "Generate"
    assert not timer.active
