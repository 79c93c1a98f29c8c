"""What the page says about the model, a prompt and its settings: the words and the case.

What needs no more than a value put into a template is rendered where it is used.
"""

from __future__ import annotations

from typing import Literal

from ltx_ui.errors import FieldProblem, InvalidRecipe, LicenceToAccept, StudioError
from ltx_ui.presets import Presets
from ltx_ui.studio.studio import ModelStatus, TokenCount
from ltx_ui.web.form import ASKED
from ltx_ui.web.job_view import percent
from ltx_ui.web.language import said, t
from ltx_ui.web.templating import render

_SHOWN_END = 40
"""Characters shown of the last words that the model reads."""


def model_status(status: ModelStatus) -> str:
    """One line about the model: what is loaded, how far loading is, or why it can't be used."""
    return render(
        "model.html",
        kind=_model_kind(status),
        demo=status.demo,
        title=status.title,
        device=status.device,
        licence=status.licence,
        licence_url=status.licence_url,
        why_demo=status.why_demo,
        message=status.message or t("model.getting_ready"),
        percent=None if status.fraction is None else percent(status.fraction),
    )


def _model_kind(status: ModelStatus) -> Literal["failed", "busy", "demo", "ready"]:
    if status.state == "failed":
        return "failed"
    if status.state != "ready":
        return "busy"
    return "demo" if status.demo else "ready"


def problem(error: StudioError) -> str:
    """What has to change before a clip can be made, and which of the page's fields to mark."""
    found = error.problems if isinstance(error, InvalidRecipe) else ()
    sentences = dict.fromkeys([sentence(each) for each in found] or [said(str(error))])
    names = [each.field.partition("[")[0] for each in found]
    fields = [ASKED[name].elem_id for name in names if name in ASKED]
    licence = error if isinstance(error, LicenceToAccept) else None
    return render("problem.html", sentences=sentences, fields=fields, licence=licence)


def sentence(found: FieldProblem) -> str:
    """A problem in the language that is spoken; all in English where that has no words for it."""
    if found.field not in ASKED:
        return said(found.message)
    message, known = found.message.removeprefix(f"{found.field}: "), ASKED[found.field]
    told = said(message)
    return f"{known.english if told == message else known.label} {told}"


def compiled(text: str, tokens: TokenCount | None, *, differs: bool) -> str:
    """What the model reads, and how much of it, with a warning if that is not all.

    Args:
        text: the paragraph that is made of the prompt and its helpers.
        tokens: None as long as no tokenizer is known.
        differs: whether the text is another one than what was typed.
    """
    count, limit = (tokens.count, tokens.limit) if tokens else (0, 0)
    last_words = tokens.read[-_SHOWN_END:].strip() if tokens and count > limit else ""
    return render(
        "compiled.html",
        text=text,
        differs=differs,
        count=count,
        limit=limit,
        last_words=last_words,
    )


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
