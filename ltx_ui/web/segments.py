"""A choice shown as a row of segments: radio buttons, and a list for what is chosen rarely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from ltx_ui.web.choices import Choice
from ltx_ui.web.language import t
from ltx_ui.web.templating import as_plain, render
from ltx_ui.web.wiring import ABSENT, custom


def lay_out_segments(
    name: str,
    label: str,
    elem_id: str,
    value: Any,
    choices: Sequence[Choice],
    others: Sequence[Choice] = (),
    *,
    present: bool = True,
) -> gr.HTML:
    """Put a choice on the page. Its event ``chosen`` says that the visitor has chosen, also what
    was chosen already; ``change`` comes with every other value.

    Args:
        choices: those with a segment.
        others: those in the list after the segments.
    """
    return custom(
        *(elem_id, render("segments.html"), "segments.js", value),
        elem_classes=["choice"] if present else ["choice", ABSENT],
        name=name,
        called=label,
        other=t("segments.other", field=label),
        **_props(choices, others),
    )


def offer(choices: Sequence[Choice], others: Sequence[Choice] = ()) -> Any:
    """An update by which other choices are offered; the value stays."""
    return gr.update(**_props(choices, others))


def _props(choices: Sequence[Choice], others: Sequence[Choice]) -> dict[str, Any]:
    return {"choices": [*map(_plain, choices)], "others": [*map(_plain, others)]}


def _plain(choice: Choice) -> Choice:
    """The choice with texts that mean nothing to the browser's template."""
    texts = {name: as_plain(text) for name, text in choice.items() if name != "value"}
    return {"value": choice["value"], **texts}
