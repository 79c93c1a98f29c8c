"""Pieces of HTML that change while the page is open. Whatever a creator wrote is escaped here."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from datetime import datetime

from ltx_ui.errors import FieldProblem, InvalidRecipe, StudioError
from ltx_ui.presets import Presets
from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import CancelledJob, Failed, Job, Queued, Running
from ltx_ui.studio.library import Take
from ltx_ui.studio.studio import ModelStatus, TokenCount
from ltx_ui.web.form import LABELS

_STAGES = {
    "loading": "Loading the model",
    "text": "Reading the prompt",
    "sampling": "Making the clip",
    "decoding": "Decoding picture and sound",
    "saving": "Saving",
}

_SHOWN_END = 40
"""Characters of the last words that the model reads."""

# A component's HTML passes through JavaScript's and Handlebars' templates in the browser.
_TEMPLATE_SIGNS = str.maketrans({sign: f"&#{ord(sign)};" for sign in "${}`"})


def escape(text: str) -> str:
    """Text that stays text, in an element or an attribute."""
    return html.escape(text).translate(_TEMPLATE_SIGNS)


def model_status(status: ModelStatus) -> str:
    """One line about the model: what is loaded, or how far that is."""
    if status.state == "failed":
        return _model_line("failed", f"<strong>The model can't be used.</strong> {_said(status)}")
    if status.state != "ready":
        bar = "" if status.fraction is None else _bar(status.fraction, "Model")
        return _model_line("busy", f"{_said(status)}{bar}")
    if status.demo:
        return _model_line(
            "demo",
            "<strong>Demo model:</strong> shows how the app works, not how LTX-2 looks. For the "
            "real one, start on a machine with an NVIDIA card: <code>--model ltx-2</code>",
        )
    on = f" on {escape(status.device)}" if status.device else ""
    return _model_line("ready", f"<strong>{escape(status.title)}</strong>{on}")


def _said(status: ModelStatus) -> str:
    return escape(status.message or "The model is getting ready.")


def _model_line(kind: str, content: str) -> str:
    return (
        f'<div class="model {kind}" role="status"><span class="dot"></span><p>{content}</p></div>'
    )


def progress(job: Job | None) -> str:
    """How far the job is; nothing where there is none or its take is there to be seen."""
    match job.state if job else None:
        case Queued(waits_for=str(model)):
            return _progress("Waiting", f"Made for {model}, which is not loaded now", 0.0)
        case Queued() as queued:
            where = "Next in the queue" if queued.place <= 1 else f"Place {queued.place} in line"
            return _progress(where, _wait(queued.seconds_left), 0.0)
        case Running(cancelling=True) as running:
            detail = "The step that has begun ends first"
            return _progress("Cancelling…", detail, running.fraction)
        case Running() as running:
            takes = job.recipe.num_takes if job else 1
            return _progress(_STAGES[running.stage], _detail(running, takes), running.fraction)
        case Failed(message):
            return f'<div class="problem" role="alert"><p>{escape(message)}</p></div>'
        case CancelledJob(kept):
            what = "The takes that were finished are kept." if kept else "Nothing was kept."
            return f'<div class="notice" role="status">Cancelled. {what}</div>'
    return ""


def _wait(seconds: float | None) -> str:
    if seconds is None:
        return "Waiting for the clips before it"
    return f"Begins in about {spoken_seconds(seconds)}"


def _detail(running: Running, takes: int) -> str:
    parts = [f"take {running.take} of {takes}"] if takes > 1 else []
    if running.steps:
        parts.append(f"step {running.step} of {running.steps}")
    if running.seconds_left is not None:
        parts.append(f"about {spoken_seconds(running.seconds_left)} left")
    return " · ".join(parts)


def _progress(title: str, detail: str, fraction: float) -> str:
    return (
        f'<div class="working"><p><strong>{escape(title)}</strong> <span>{escape(detail)}</span>'
        f"</p>{_bar(fraction, title)}</div>"
    )


def _bar(fraction: float, label: str) -> str:
    percent = round(100 * min(max(fraction, 0.0), 1.0), 1)
    return (
        f'<div class="bar" role="progressbar" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
    )


def problem(error: StudioError) -> str:
    """What has to change, in a calm box; its fields are marked by the page's script."""
    found = error.problems if isinstance(error, InvalidRecipe) else ()
    sentences = [_sentence(p) for p in found] or [str(error)]
    marks = " ".join(LABELS[p.field][1] for p in found if p.field in LABELS)
    lines = "".join(f"<p>{escape(sentence)}</p>" for sentence in dict.fromkeys(sentences))
    return f'<div class="problem" role="alert" data-fields="{marks}">{lines}</div>'


def _sentence(found: FieldProblem) -> str:
    if found.field not in LABELS:
        return found.message
    return f"{LABELS[found.field][0]} {found.message.removeprefix(f'{found.field}: ')}"


def player(take: Take | None) -> str:
    """The take's video, or an invitation."""
    if take is None:
        return (
            '<div class="stage empty"><div><strong>Your clip appears here</strong>'
            "<p>Say what should be seen and heard, then press Generate. "
            "Fast preview tries a prompt in the shortest time.</p></div></div>"
        )
    return (
        f'<div class="stage"><video src="takes/{take.id}.mp4" poster="takes/{take.id}/poster" '
        f'controls playsinline loop preload="auto" width="{take.recipe.width}" '
        f'height="{take.recipe.height}" aria-label="Your clip"></video></div>'
    )


def preview(picture: bytes, recipe: Recipe) -> str:
    """What the clip looks like so far, as a small moving picture (WebP).

    It comes inside the page: an address would leave a gap each time the next one is fetched.
    """
    size = f'width="{recipe.width}" height="{recipe.height}"'
    data = base64.b64encode(picture).decode()
    return (
        f'<div class="stage preview"><img alt="The clip so far" {size} '
        f'src="data:image/webp;base64,{data}"><span>Preview</span></div>'
    )


def strip(takes: Sequence[Take], shown: str | None) -> str:
    """Posters of a job's takes, to choose from."""
    choices = "".join(_choice(take, shown) for take in takes)
    return f'<div class="strip" role="group" aria-label="Takes">{choices}</div>' if takes else ""


def _choice(take: Take, shown: str | None) -> str:
    return (
        f'<button data-take="{take.id}" aria-pressed="{str(take.id == shown).lower()}" '
        f'aria-label="Take with seed {take.recipe.seed}">'
        f'<img src="takes/{take.id}/poster" alt=""></button>'
    )


def estimate(seconds: float | None) -> str:
    """How long the clip will take, for beside the Generate button."""
    known = (
        "No time known yet on this machine"
        if seconds is None
        else (f"About {spoken_seconds(seconds)}")
    )
    return f'<p class="small">{known}</p>'


def offline() -> str:
    """What the page's script shows while nobody answers."""
    return (
        '<div class="problem" role="alert"><p><strong>The studio does not answer.</strong> Nothing '
        "is lost: what you press is sent as soon as it is back.</p></div>"
    )


def no_model() -> str:
    """What stands in the estimate's place where no clip can be made."""
    return '<p class="small">No clip can be made: see the message about the model above.</p>'


def token_count(tokens: TokenCount | None) -> str:
    """How much of the prompt the model reads; a warning where that is not all of it."""
    if tokens is None or not tokens.count:
        return ""
    counted = f"{tokens.count} of {tokens.limit} tokens"
    if tokens.count <= tokens.limit:
        return f'<p class="small">{counted}</p>'
    last = escape(tokens.read[-_SHOWN_END:].strip())
    return (
        f'<p class="small wrong" role="status" dir="auto">{counted}: the model reads no further '
        f"than “…{last}”. Shorten the prompt.</p>"
    )


def take_facts(take: Take) -> str:
    """Seed, size, length and time of a take, what was done otherwise than usual, and its file."""
    facts = [("Seed", str(take.recipe.seed)), *_facts(take)]
    rows = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{rows}</dl>{_notes(take)}{download_links(take)}'


def _facts(take: Take) -> list[tuple[str, str]]:
    return [
        ("Size", take.recipe.resolution),
        ("Length", f"{take.recipe.duration:.2f} s"),
        ("Made in", spoken_seconds(take.seconds)),
    ]


def download_links(take: Take) -> str:
    """Links that save the mp4 under a name that says which seed it is: with its recipe, and as it
    may be given to strangers."""
    name, file = f"ltx2-{take.recipe.seed}-{take.id[:8]}", f"takes/{take.id}.mp4"
    return (
        f'<a class="download" href="{file}" download="{name}.mp4">Download</a> '
        f'<a class="download" href="takes/{take.id}/plain.mp4" download="{name}-plain.mp4" '
        'title="The same clip; the file does not tell prompt and settings">without recipe</a>'
    )


def gallery_waits() -> str:
    """What the gallery shows until its clips are there."""
    return (
        '<div class="stage empty" data-waits><div><strong>Fetching your clips…</strong>'
        "<p>They come as soon as the studio answers.</p></div></div>"
    )


def gallery(takes: Sequence[Take], *, favourites_only: bool, limit: int, more: bool) -> str:
    """Cards, newest first; or what to do to have some.

    Args:
        limit: how many cards were asked for, which the cards' script sends back.
        more: whether there are more than that.
    """
    if not takes:
        title, hint = (
            ("No favourites yet", "Press Save seed under a clip you like, and it is kept here.")
            if favourites_only
            else ("No clips yet", "Every clip you make is kept here, with its whole recipe.")
        )
        return f'<div class="stage empty"><div><strong>{title}</strong><p>{hint}</p></div></div>'
    cards = "".join(map(_card, takes))
    button = '<button class="more" data-do="more">Show more</button>' if more else ""
    return f'<div class="cards" data-limit="{limit}">{cards}</div>{button}'


def _card(take: Take) -> str:
    recipe = take.recipe
    facts = " · ".join(value for _, value in _facts(take)[:2])
    return f"""<article class="card" data-take="{take.id}" data-seed="{recipe.seed}">
{_card_picture(take)}
<p class="prompt" dir="auto" title="{escape(recipe.prompt)}">{escape(recipe.prompt)}</p>
<p class="small">Seed {recipe.seed} · {escape(facts)}<br>{_when(take.created_at)} ·
 made in {spoken_seconds(take.seconds)}</p>{_notes(take)}
<div class="row"><button class="heart" data-do="heart" aria-pressed="{str(take.favourite).lower()}"
 aria-label="Favourite">{heart(take.favourite)}</button>
<button data-do="use_seed">Use seed</button><button data-do="use_all">Use all</button>
{"" if take.missing else download_links(take)}</div>
<input class="note" data-do="note" value="{escape(take.note)}" placeholder="Note" aria-label="Note"
 maxlength="500" dir="auto">
<details class="delete"><summary>Delete</summary><p>Delete this clip for good?</p>
<button data-do="remove">Yes, delete</button></details></article>"""


def _card_picture(take: Take) -> str:
    if take.missing:
        return """<div class="gone"><p><strong>The file is gone.</strong> Its recipe is kept.</p>
<button data-do="again">Make it again</button></div>"""
    return f"""<video src="takes/{take.id}.mp4" poster="takes/{take.id}/poster" preload="none"
 controls playsinline aria-label="Clip with seed {take.recipe.seed}"></video>"""


def _notes(take: Take) -> str:
    """What was done otherwise than asked for, to make this take."""
    words = escape(" ".join(take.notes))
    return f'<p class="small" dir="auto">{words}</p>' if take.notes else ""


def heart(favourite: bool) -> str:
    """The sign for a favourite."""
    return "♥" if favourite else "♡"


def _when(moment: datetime) -> str:
    """UTC in the source; the page's script shows it in the visitor's own time."""
    return f'<time datetime="{moment.isoformat()}">{moment:%Y-%m-%d %H:%M} UTC</time>'


def spoken_seconds(seconds: float) -> str:
    """``0.8 s``, ``12 s``, ``3 min 5 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def advice(sentences: Sequence[str]) -> str:
    """What the prompt leaves out, as a quiet list."""
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="advice" aria-label="Advice on the prompt">{items}</ul>'


def examples(prompts: Sequence[str], knows: str = "") -> str:
    """Prompts to start from, one press each, and what the model knows if that is little."""
    chips = "".join(
        f'<button data-example="{index}" title="{escape(prompt)}">{escape(prompt)}</button>'
        for index, prompt in enumerate(prompts)
    )
    line = f'<p class="small">{escape(knows)}</p>' if knows else ""
    row = f'<div class="examples"><span>Examples</span>{chips}</div>' if chips else ""
    return line + row


def quality_note(steps: int, guidance_scale: float, presets: Presets) -> str:
    """What this many steps and this guidance are good for."""
    levels = sorted(presets.steps, key=lambda level: level.num_inference_steps)
    fitting = [level for level in levels if level.num_inference_steps <= steps] or levels[:1]
    level = fitting[-1]
    return (
        f'<p class="small">{steps} steps: {escape(level.quality.lower())}. {escape(level.note)}.'
        f"<br>Guidance {guidance_scale:g}: {escape(presets.guidance_note(guidance_scale))}.</p>"
    )
