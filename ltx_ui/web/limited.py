"""What a visitor may choose: choices beyond their limits, with the reason, and a form that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ltx_ui.advice import Finding, Fix
from ltx_ui.geometry import whole_frames
from ltx_ui.presets import Presets
from ltx_ui.recipe import MIN_FRAMES
from ltx_ui.studio.guard import Limits
from ltx_ui.web.choices import Choice
from ltx_ui.web.form import Form, preset_fields, size_fields
from ltx_ui.web.language import seconds, t

NAME = "limits"
"""What the finding is called whose fix keeps to the limits."""


def sizes(choices: Sequence[Choice], limits: Limits | None) -> list[Choice]:
    """Formats, without those whose shortest clip is too large."""
    if limits is None:
        return list(choices)
    why = t("limits.size", volume=round(limits.volume / 1e6, 1))
    return [
        _closed(each, _most_frames(each["value"], limits) < MIN_FRAMES, why) for each in choices
    ]


def lengths(choices: Sequence[Choice], form: Form, limits: Limits | None) -> list[Choice]:
    """Lengths, without those that are too long in the form's format."""
    if limits is None:
        return list(choices)
    most = _most_frames(form.size, limits)
    why = t("limits.length", time=seconds(max(0, most) / form.fps, 2))
    return [_closed(each, each["value"] > most, why) for each in choices]


def takes(choices: Sequence[Choice], limits: Limits | None) -> list[Choice]:
    """Numbers of takes, without those that are more than may be on the way at once."""
    if limits is None:
        return list(choices)
    why = t("account.clips", count=limits.clips)
    return [_closed(each, each["value"] > limits.clips, why) for each in choices]


def presets(
    choices: Sequence[Choice], form: Form, known: Presets, limits: Limits | None
) -> list[Choice]:
    """Presets; those that ask for too much are marked, and can be chosen all the same: what they
    ask for can be made less."""
    if limits is None:
        return list(choices)
    return [
        _marked(each, form.with_preset(each["value"], known), known, limits) for each in choices
    ]


def finding(form: Form, limits: Limits | None) -> Finding | None:
    """That a form asks for more than a visitor may have, with the change that settles it; None
    where it does not."""
    if limits is None or not (beyond := _beyond(form, limits)):
        return None
    fields = {name: most for name, (most, _) in beyond.items()}
    if fields.get("num_frames", MIN_FRAMES) < MIN_FRAMES:
        fix = None  # No length of this format: another one has to be chosen.
    else:
        fix = Fix(t("limits.fix"), fields)
    return Finding(NAME, t("limits.told", most=_in_words(beyond)), fix)


def _beyond(form: Form, limits: Limits) -> dict[str, tuple[int, str]]:
    """The fields that ask for too much, each with the most that it may have, also in words."""
    frames = _most_frames(form.size, limits)
    width, height = (size_fields(form.size)[side] for side in ("width", "height"))
    time = seconds(max(0, frames) / form.fps, 2)
    most = {
        "num_frames": (frames, t("limits.most_length", time=time, size=f"{width}×{height}")),
        "num_inference_steps": (limits.steps, t("limits.most_steps", count=limits.steps)),
        "num_takes": (limits.clips, t("limits.most_takes", count=limits.clips)),
    }
    return {name: each for name, each in most.items() if getattr(form, name) > each[0]}


def _in_words(beyond: dict[str, tuple[int, str]]) -> str:
    return ", ".join(words for _, words in beyond.values())


def _most_frames(size: str, limits: Limits) -> int:
    fields = size_fields(size)
    return whole_frames(limits.volume // max(1, fields["width"] * fields["height"]))


def _closed(choice: Choice, closed: bool, why: str) -> Choice:
    more: dict[str, Any] = {"closed": "closed", "beyond": "beyond", "note": why} if closed else {}
    return choice | more


def _marked(choice: Choice, form: Form, known: Presets, limits: Limits) -> Choice:
    own = preset_fields(form.preset, known)
    beyond = {name: most for name, most in _beyond(form, limits).items() if name in own}
    if not beyond:
        return choice
    note = f"{choice['note']} {t('limits.told', most=_in_words(beyond))}"
    return choice | {"beyond": "beyond", "small": t("limits.beyond"), "note": note}
