"""A job as the page shows it: words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ltx_ui.studio.jobs import CancelledJob, Cancelling, Failed, Job, Queued, Running
from ltx_ui.web.language import duration, t

STAGES = {
    "loading": "job.loading",
    "text": "job.text",
    "sampling": "job.sampling",
    "decoding": "job.decoding",
    "saving": "job.saving",
}
"""What the page calls a job's stages, as texts of the catalogue."""


@dataclass(frozen=True)
class JobView:
    """What the page says of a job.

    Attributes:
        words: its prompt.
        title, detail: where it is, and how far; ``short`` is the detail in a word or two.
        percent: how much of it is done, 0…100.
        runs: whether it has been begun.
        first, last: whether no job of the same person waits before it, or after it.
        waits_for: the model that it waits for, if another one is loaded.
    """

    id: str
    words: str
    title: str
    detail: str = ""
    short: str = ""
    percent: float = 0.0
    runs: bool = False
    cancelling: bool = False
    waits_for: str | None = None
    first: bool = False
    last: bool = False


def job_views(jobs: Sequence[Job]) -> list[JobView]:
    """A person's jobs, in the order in which they are made."""
    waiting = [job.id for job in jobs if isinstance(job.state, Queued) and not job.elsewhere]
    return [_elsewhere(job) if job.elsewhere else _view(job, waiting) for job in jobs]


def take_percents(job: Job) -> dict[str, float]:
    """How much of each of a job's takes is made, 0…100, by the take's id: all take equally
    long."""
    takes = job.recipe.num_takes
    fraction = job.state.fraction if isinstance(job.state, Running | Cancelling) else 0.0
    return {
        take_id: percent(fraction * takes - number) for number, take_id in enumerate(job.take_ids)
    }


def _elsewhere(job: Job) -> JobView:
    """One that another process of the studio has, and alone can move."""
    detail = t("job.elsewhere")
    if not isinstance(job.state, Queued):
        return JobView(job.id, job.recipe.prompt, t("job.sampling"), detail, runs=True)
    title, _, short = _waits(job.state)
    return JobView(job.id, job.recipe.prompt, title, detail, short, first=True, last=True)


def _view(job: Job, waiting: Sequence[str]) -> JobView:
    words = job.recipe.prompt
    match job.state:
        case Queued() as queued:
            title, detail, short = _waits(queued)
            ends = {"first": job.id == waiting[0], "last": job.id == waiting[-1]}
            waits_for = queued.waits_for
            return JobView(job.id, words, title, detail, short, waits_for=waits_for, **ends)
        case Cancelling(fraction):
            detail = t("job.step_ends_first")
            return JobView(
                *(job.id, words, t("job.cancelling"), detail, t("job.cancelling_short")),
                percent=percent(fraction),
                runs=True,
                cancelling=True,
            )
        case Running() as running:
            left = running.seconds_left
            return JobView(
                *(job.id, words, t(STAGES[running.stage]), _detail(running, job.recipe.num_takes)),
                "" if left is None else duration(left),
                percent=percent(running.fraction),
                runs=True,
            )
        case Failed():
            return JobView(job.id, words, t("job.failed"))
        case CancelledJob():
            return JobView(job.id, words, t("job.cancelled"))
    return JobView(job.id, words, t("job.done"))


def _waits(queued: Queued) -> tuple[str, str, str]:
    """Title, detail and the detail in short of a job that waits."""
    if queued.waits_for is not None:
        made_for = t("job.made_for", model=queued.waits_for)
        return t("job.waiting"), made_for, t("job.other_model")
    if queued.paused:
        return t("job.paused"), t("job.paused_detail"), t("job.paused_short")
    if queued.held:
        where = t("job.place", place=queued.place)
        return t("job.held"), where if queued.place > 1 else t("job.held_next"), t("job.held_short")
    where = t("job.next") if queued.place <= 1 else t("job.place", place=queued.place)
    if queued.seconds_left is None:
        waits = t("job.waits_for_clips") if queued.place > 1 else ""
        return where, waits, t("job.queued")
    begins = duration(queued.seconds_left)
    return where, t("job.begins", time=begins), t("job.begins_short", time=begins)


def _detail(running: Running, takes: int) -> str:
    parts = [t("job.take", take=running.take, takes=takes)] if takes > 1 else []
    if running.steps:
        parts.append(t("job.step", step=running.step, steps=running.steps))
    if running.seconds_left is not None:
        parts.append(t("job.left", time=duration(running.seconds_left)))
    return " · ".join(parts)


def percent(fraction: float) -> float:
    """0…100 with one decimal, whatever the fraction is."""
    return round(100 * min(max(fraction, 0.0), 1.0), 1)
