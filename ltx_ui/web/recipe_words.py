"""A recipe in words: a list of what it asks for, as the page calls it, and where several differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from ltx_ui.inputs import EXTEND, FILMS, PICTURE_OF, RETAKE, UPSCALE, RetakeInput, is_digest
from ltx_ui.presets import Presets
from ltx_ui.recipe import Recipe
from ltx_ui.retaking import frames_again
from ltx_ui.upscaling import TIMES
from ltx_ui.web.difference import SILENT, TEXTS, in_words
from ltx_ui.web.form import DESCRIBED, OFFERED, Form
from ltx_ui.web.keyframes import kept, where
from ltx_ui.web.language import percent, seconds, t

_UNTOLD = {*SILENT, "num_takes", "image_start_focus", "image_end_focus", "image_strength"}
"""Fields that say nothing of a take, or only where there is a picture."""
_OF_PICTURES = ("image_strength",)
_AROUND = 3
"""Words that are shown on both sides of what differs in a text."""


@dataclass(frozen=True)
class Line:
    """One line about a recipe.

    Attributes:
        name: the form's field that it is about.
        label: what the page calls it.
        words: its value; of a picture, how closely it is kept, where that is its own.
        picture: a picture's digest; None for anything else.
    """

    name: str
    label: str
    words: str
    picture: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether somebody wrote it."""
        return self.name in TEXTS


@dataclass(frozen=True)
class Piece:
    """A part of a text, and whether the other text lacks it."""

    words: str
    differs: bool


@dataclass(frozen=True)
class Difference:
    """A line in which recipes differ.

    Attributes:
        cells: each recipe's line; None where it has none.
        texts: the same in pieces, where it is a text.
    """

    label: str
    cells: tuple[Line | None, ...]
    texts: tuple[tuple[Piece, ...], ...] | None = None


def recipe_lines(recipe: Recipe, presets: Presets) -> list[Line]:
    """What a take's recipe asks for, in the order of the page; what it leaves out has no line."""
    form = Form.from_recipe(recipe, presets)
    lines = [
        line
        for name, known in DESCRIBED.items()
        if _says_something(name, form)
        for line in _lines(name, known.label, form)
    ]
    return [*lines, *_beside_fields(recipe)]


def _beside_fields(recipe: Recipe) -> Iterator[Line]:
    """What a clip was made from that the page has no field for."""
    if film := recipe.inputs.film:
        lasts = seconds(film.frames / recipe.fps, 2)
        after = film.direction == "after"
        words = t("extend.after_words" if after else "extend.before_words", time=lasts)
        if film.sound == "new" and recipe.include_audio:
            words = t("extend.own_sound", words=words)
        yield Line(EXTEND, t("extend.film"), words)
    if again := recipe.inputs.retake:
        words = " · ".join(_again(again, recipe.fps))
        yield Line(RETAKE, t("retake.film"), words, again.mask)
    if recipe.inputs.picture:
        words = "revoice.given" if recipe.as_given else "revoice.made"
        yield Line(
            PICTURE_OF, t("revoice.film"), t(words if recipe.include_audio else "revoice.none")
        )
    if recipe.inputs.upscale:
        size = f"{recipe.width // TIMES}x{recipe.height // TIMES}"
        yield Line(UPSCALE, t("upscale.title"), size)


def _again(again: RetakeInput, fps: int) -> Iterator[str]:
    """Which part of a film was made again: when, where in the picture, and without what."""
    start, end = (seconds(frame / fps, 2) for frame in frames_again(again))
    yield t("retake.words", start=start, end=end)
    if again.region:
        left, top, width, height = (percent(100 * share) for share in again.region)
        yield f"{t('retake.where')}: {left}, {top}, {width} × {height}"
    if again.sound == "keep":
        yield f"{t('retake.sound')}: {t('retake.sound_keep')}"


def _lines(name: str, label: str, form: Form) -> Iterator[Line]:
    if name != "keyframes":
        yield Line(name, label, *_told(name, getattr(form, name), form))
        return
    for row in form.keyframes:
        yield Line(f"{name}.{row.frame}", where(row, form.fps), kept(row), row.digest)


def _says_something(name: str, form: Form) -> bool:
    value = getattr(form, name)
    if name in _UNTOLD:
        return name in _OF_PICTURES and form.has_picture
    # What only some models offer is told where it was chosen.
    rare = name in OFFERED or DESCRIBED[name].rare
    return value not in ("", None) and not (rare and value == getattr(Form(), name))


def _told(name: str, value: Any, form: Form) -> tuple[str, str | None]:
    """A value in words, or a picture's digest."""
    if name == "num_frames":
        length = seconds(value / form.fps, 2)
        return t("length.words", count=value, time=length), None
    if name == "size":
        return value.replace("x", "×", 1).replace(" hd", " HD"), None
    if isinstance(value, str) and is_digest(value):
        return "", value
    return (value if name in TEXTS else in_words(name, value)), None


def differences(recipes: Sequence[Recipe], presets: Presets) -> list[Difference]:
    """The lines in which recipes differ, in the order of the page."""
    lines = [{line.name: line for line in recipe_lines(each, presets)} for each in recipes]
    found = []
    labels = {name: line.label for each in lines for name, line in each.items()}
    order = [*DESCRIBED, *FILMS]
    for name in sorted(labels, key=lambda name: order.index(name.partition(".")[0])):
        cells = tuple(each.get(name) for each in lines)
        if len(set(cells)) > 1:
            texts = tuple(_pieces(cells)) if name in TEXTS else None
            found.append(Difference(labels[name], cells, texts))
    return found


def _pieces(cells: Sequence[Line | None]) -> Iterator[tuple[Piece, ...]]:
    """Each text in pieces against the first one, and the first one against the second."""
    first, second, *_ = texts = [cell.words.split() if cell else [] for cell in cells]
    for place, words in enumerate(texts):
        yield tuple(_against(words, second if place == 0 else first))


def _against(words: list[str], others: list[str]) -> Iterator[Piece]:
    matcher = SequenceMatcher(None, others, words, autojunk=False)
    for kind, _, _, start, end in matcher.get_opcodes():
        if kind != "equal" and end > start:
            yield Piece(" ".join(words[start:end]), True)
        elif end > start:
            yield Piece(_shortened(words[start:end], start > 0, end < len(words)), False)


def _shortened(words: list[str], after: bool, before: bool) -> str:
    """Words that do not differ: those that stand beside some that do."""
    if len(words) <= 2 * _AROUND + 1:
        return " ".join(words)
    beside = [*(words[:_AROUND] if after else []), "…", *(words[-_AROUND:] if before else [])]
    return " ".join(beside)
