"""What the Guide holds: tips, cures and ways of working, with the settings that carry them out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ltx_ui.bundles import Applied
from ltx_ui.phrases import Entry, Text


class Advised(Entry):
    """A line of the Guide.

    Attributes:
        apply: settings that do what it says, if settings can.
    """

    text: Text
    apply: Applied = Field(default_factory=dict)


def _with_text(line: Any) -> Any:
    return {"text": line} if isinstance(line, str) else line


Tip = Annotated[Advised, BeforeValidator(_with_text)]
"""A line of the Guide; a plain text is one that no setting carries out."""


class Stage(Entry):
    """A part of a workflow that makes clips.

    Attributes:
        name: in a word or two.
        text: what to do in it, in a sentence.
        settings: what it sets beside the workflow's preset.
    """

    name: Text
    text: Text
    settings: Applied = Field(default_factory=dict)


class Workflow(Entry):
    """A way of working.

    Attributes:
        name: what it is for.
        short: the same in a word; the name itself where there is none.
        preset: id of the one it starts from.
        needs: pictures without which it can't start, beside the preset's.
        steps: what to see to.
        stages: the clips it makes, one after the other.
    """

    name: Text
    short: str = ""
    preset: str
    needs: tuple[Literal["image_start", "image_end"], ...] = ()
    steps: tuple[Tip, ...]
    stages: tuple[Stage, ...] = ()

    @property
    def short_name(self) -> str:
        """What it is for, in a word."""
        return self.short or self.name


class Trouble(Entry):
    """A problem and its cures."""

    problem: Text
    cures: tuple[Tip, ...]
