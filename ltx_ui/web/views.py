"""What the page says about the model, a job, a prompt and its settings: the words and the case.

What needs no more than a value put into a template is rendered where it is used.
"""

from __future__ import annotations

import base64
from typing import Literal

from ltx_ui.errors import FieldProblem, InvalidRecipe, StudioError
from ltx_ui.presets import Presets
from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import CancelledJob, Cancelling, Failed, Job, Queued, Running
from ltx_ui.studio.studio import ModelStatus, TokenCount
from ltx_ui.web.form import LABELS
from ltx_ui.web.templating import duration_in_words, render

_STAGES = {
    "loading": "Loading the model",
    "text": "Reading the prompt",
    "sampling": "Making the clip",
    "decoding": "Decoding picture and sound",
    "saving": "Saving",
}

_SHOWN_END = 40
"""Characters shown of the last words that the model reads."""


def model_status(status: ModelStatus) -> str:
    """One line about the model: what is loaded, how far loading is, or why it can't be used."""
    return render(
        "model.html",
        kind=_model_kind(status),
        title=status.title,
        device=status.device,
        licence=status.licence,
        licence_url=status.licence_url,
        why_demo=status.why_demo,
        message=status.message or "The model is getting ready.",
        percent=None if status.fraction is None else _percent(status.fraction),
    )


def _model_kind(status: ModelStatus) -> Literal["failed", "busy", "demo", "ready"]:
    if status.state == "failed":
        return "failed"
    if status.state != "ready":
        return "busy"
    return "demo" if status.demo else "ready"


def progress(job: Job | None) -> str:
    """How far a job is, or how it ended.

    Empty without a job, and for one that is done: its take is shown instead.
    """
    match job.state if job else None:
        case Queued(waits_for=str(model)):
            return _progress("Waiting", f"Made for {model}, which is not loaded now", 0.0)
        case Queued() as queued:
            where = "Next in the queue" if queued.place <= 1 else f"Place {queued.place} in line"
            return _progress(where, _wait(queued.seconds_left), 0.0)
        case Cancelling(fraction):
            detail = "The step that has begun ends first"
            return _progress("Cancelling…", detail, fraction)
        case Running() as running:
            takes = job.recipe.num_takes if job else 1
            return _progress(_STAGES[running.stage], _detail(running, takes), running.fraction)
        case Failed(message):
            return render("problem.html", sentences=[message], fields=())
        case CancelledJob(kept):
            return render("cancelled.html", kept=kept)
    return ""


def _progress(title: str, detail: str, fraction: float) -> str:
    return render("progress.html", title=title, detail=detail, percent=_percent(fraction))


def _wait(seconds: float | None) -> str:
    if seconds is None:
        return "Waiting for the clips before it"
    return f"Begins in about {duration_in_words(seconds)}"


def _detail(running: Running, takes: int) -> str:
    parts = [f"take {running.take} of {takes}"] if takes > 1 else []
    if running.steps:
        parts.append(f"step {running.step} of {running.steps}")
    if running.seconds_left is not None:
        parts.append(f"about {duration_in_words(running.seconds_left)} left")
    return " · ".join(parts)


def _percent(fraction: float) -> float:
    """0…100 with one decimal, whatever the fraction is."""
    return round(100 * min(max(fraction, 0.0), 1.0), 1)


def problem(error: StudioError) -> str:
    """What has to change before a clip can be made, and which of the page's fields to mark."""
    found = error.problems if isinstance(error, InvalidRecipe) else ()
    sentences = dict.fromkeys([_sentence(each) for each in found] or [str(error)])
    fields = [LABELS[each.field][1] for each in found if each.field in LABELS]
    return render("problem.html", sentences=sentences, fields=fields)


def _sentence(found: FieldProblem) -> str:
    if found.field not in LABELS:
        return found.message
    return f"{LABELS[found.field][0]} {found.message.removeprefix(f'{found.field}: ')}"


def preview(picture: bytes, recipe: Recipe) -> str:
    """What a clip looks like so far: a small moving picture (WebP), at the clip's size."""
    return render("preview.html", recipe=recipe, webp=base64.b64encode(picture).decode())


def token_count(tokens: TokenCount | None) -> str:
    """How much of the prompt the model reads, with a warning if that is not all of it.

    Empty for an empty prompt, and as long as no tokenizer is known (``None``).
    """
    if tokens is None or not tokens.count:
        return ""
    cut = tokens.count > tokens.limit
    last_words = tokens.read[-_SHOWN_END:].strip() if cut else None
    return render("tokens.html", count=tokens.count, limit=tokens.limit, last_words=last_words)


def quality_note(steps: int, guidance_scale: float, presets: Presets, why_fixed: str = "") -> str:
    """What this many steps and this guidance are good for.

    Args:
        why_fixed: why the loaded model leaves neither to choose, which is said instead.
    """
    levels = sorted(presets.steps, key=lambda level: level.num_inference_steps)
    fitting = [level for level in levels if level.num_inference_steps <= steps] or levels[:1]
    return render(
        "quality.html",
        why_fixed=why_fixed,
        steps=steps,
        level=fitting[-1],
        guidance_scale=guidance_scale,
        guidance_note=presets.guidance_note(guidance_scale),
    )
