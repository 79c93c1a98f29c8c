"""What the fields change against a take, in a few words."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from ltx_ui.presets import Presets
from ltx_ui.recipe import Recipe
from ltx_ui.web.fields import MODES
from ltx_ui.web.followed import in_words as film_in_words
from ltx_ui.web.form import DESCRIBED, Form
from ltx_ui.web.given_sound import in_words as sound_in_words
from ltx_ui.web.keyframes import in_words as rows_in_words
from ltx_ui.web.language import number, percent, t
from ltx_ui.web.loras import in_words as loras_in_words
from ltx_ui.web.loras import without_digests

MOST = 4
"""Changes that are told; a line has no room for more."""
_LONGEST = 48
"""Characters of one side of a change."""
TEXTS = ("prompt", "camera", "lighting", "sound", "speech", "negative_prompt")
SILENT = ("preset", "seed_locked", "authors_negative")
"""Fields that say nothing which another one does not."""


@dataclass(frozen=True)
class Change:
    """One field's value in a take and now; a side is empty where there was nothing."""

    name: str
    before: str
    after: str


def changes(recipe: Recipe, form: Form, presets: Presets) -> list[Change]:
    """What a form changes against a recipe that a clip was made of; :data:`MOST` at most."""
    was = Form.from_recipe(recipe, presets)
    # A take is always one.
    silent = ["num_takes", *([] if form.seed_locked else ["seed"])]
    return list(_changes(was, form, silent))[:MOST]


def filling(now: Form, then: Form) -> list[Change]:
    """What filling the fields with another form changes in them. A seed counts where it is locked:
    otherwise the next clip draws one."""
    now, then = (
        dataclasses.replace(form, seed=form.seed if form.seed_locked else None)
        for form in (now, then)
    )
    return list(_changes(now, then))


def _changes(was: Form, now: Form, silent: Collection[str] = ()) -> Iterator[Change]:
    for name, known in DESCRIBED.items():
        before, after = getattr(was, name), getattr(now, name)
        if name == "loras":  # A take knows their files, a form mostly their names.
            before, after = without_digests(before), without_digests(after)
        if before == after or name in SILENT or name in silent:
            continue
        if name in TEXTS:
            yield from _words(known.label, before, after)
        else:
            yield Change(known.label, in_words(name, before), in_words(name, after))


def _words(label: str, before: str, after: str) -> Iterator[Change]:
    """The words that differ; both texts where they have little in common."""
    old, new = (text.replace("\n", " ↵ ").split() for text in (before, after))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < 0.5:
        if old != new:
            yield Change(label, _short(before), _short(after))
        return
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            yield Change(label, _short(" ".join(old[a:b])), _short(" ".join(new[c:d])))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def in_words(name: str, value: Any) -> str:
    """A field's value as the page says it."""
    texts = MODES if name == "mode" else {v: text for text, v in DESCRIBED[name].choices}
    if value in texts:
        return t(texts[value]) if "." in texts[value] else texts[value]
    if name == "loras":
        return loras_in_words(value) or t("since.none")
    if isinstance(value, bool):
        return t("since.on" if value else "since.off")
    if value is None:
        return t("since.none")
    if name == "keyframes":
        return rows_in_words(value)
    if name == "followed":
        return film_in_words(value)
    if name == "given_sound":
        return sound_in_words(value)
    if isinstance(value, tuple):
        return ", ".join(percent(100 * each) for each in value)
    if isinstance(value, str) and value.startswith("sha256:"):
        return t("since.picture")
    return number(value) if isinstance(value, float) else str(value)
