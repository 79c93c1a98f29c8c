"""How the page's events are wired: by component, never by position."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from ltx_ui.errors import StudioError
from ltx_ui.web.compat import in_layout_order
from ltx_ui.web.templating import ASSETS

Values = Mapping[Component, Any]
"""What a browser sent, by component, as it came: nothing in it has been checked."""

Updates = dict[Any, Any]
"""What to send back, by component; what is not in it stays as it is."""

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "preprocess": False}
"""For events that are answered at once: past Gradio's queue, without its spinner, and with the
values as they were sent. Gradio's own checks know one choice list for all visitors and answer in
words that nobody can act on; whoever reads a value checks it."""

EACH: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
"""For events each of which counts: Gradio drops one while the answer to another of the same kind is
on its way, such as the second of two hearts."""

LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
"""For events of which only the last one counts."""


def script(name: str) -> str:
    """A file of JavaScript that Gradio runs when its component is on the page."""
    return (ASSETS / name).read_text("utf-8")


def on(
    trigger: Any,
    handler: Callable[..., Any],
    inputs: Collection[Any] | None = None,
    outputs: Collection[Any] = (),
    *,
    how: Mapping[str, Any] = QUIET,
) -> Any:
    """Let an event call a handler; returns the event, for what comes after it.

    Args:
        trigger: a component's event, or several in a list.
        handler: gets the :data:`Values` of the inputs, where there are inputs, then what else its
            signature asks for, and answers with :data:`Updates` of outputs.
        how: one of :data:`QUIET`, :data:`EACH` and :data:`LATEST`.
    """
    listen = functools.partial(gr.on, trigger) if isinstance(trigger, list) else trigger
    # In the same order in every process: a page that outlives a restart knows only places.
    given, filled = None if inputs is None else set(inputs), in_layout_order(outputs)
    return listen(_calm(handler, filled), given, filled, **how)


def in_browser(trigger: Any, js: str, inputs: Collection[Any], outputs: Collection[Any]) -> Any:
    """Let an event call a function of the page's scripts, which needs no answer from here.

    Args:
        js: takes the inputs' values and answers with the outputs', both in their order.
    """
    return trigger(None, list(inputs), list(outputs), js=js, **QUIET)


def _calm(handler: Callable[..., Any], outputs: Sequence[Any]) -> Callable[..., Any]:
    """The handler, with its errors told to whoever caused them instead of the log."""

    @functools.wraps(handler)
    def answer(*args: Any) -> Any:
        try:
            updates = handler(*args)
        except StudioError as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        # Gradio takes an empty dictionary for a component's value.
        return updates or ({outputs[0]: gr.skip()} if outputs else None)

    return answer


def sent(event: gr.EventData, name: str) -> Any:
    """A value that a component's own script sent along; None where it sent none."""
    try:
        return getattr(event, name, None)
    except TypeError:  # Nothing at all was sent, which Gradio's look-up does not expect.
        return None
