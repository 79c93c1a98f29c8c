"""Connects events with handlers that get and answer values by component, never by position."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.components import Component

from ltx_ui.errors import StudioError
from ltx_ui.web.compat import in_layout_order
from ltx_ui.web.events import note_refusal
from ltx_ui.web.language import said
from ltx_ui.web.parts import runs
from ltx_ui.web.templating import render

Values = Mapping[Component, Any]
"""What a browser sent for each component. Nothing in it has been checked."""

Updates = dict[Any, Any]
"""What to send back for each component. A component that is not in it stays as it is."""

ABSENT = "absent"
"""A class of what is not shown."""

MOST_TEXTS = 500
"""Texts that count in a list of them, such as takes that are changed at once."""

QUIET: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "preprocess": False,
    "api_visibility": "private",
}
"""Options of an event that is answered at once: past Gradio's queue, without its spinner, and
without its checks of values. These know only one list of choices for all visitors, and their
messages don't say what to do; the code that reads a value checks it instead. Nor is it described
to clients of Gradio's, for whom the page would carry the description of every event."""

EACH: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
"""Options of an event of which none may be lost. Otherwise Gradio drops an event while an earlier
one of the same kind is being answered, such as the second of two clicks on hearts."""

LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
"""Options of an event of which only the last one counts."""


def panel(elem_id: str, html: str = "", js: str | None = None, *, classes: str = "") -> gr.HTML:
    """Put HTML of our own on the page, without Gradio's styles for texts.

    Args:
        js: a file in ``assets`` that runs when the panel is there.
    """
    return gr.HTML(
        html,
        js_on_load=runs(js) if js else None,
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=classes or None,
    )


def custom(elem_id: str, template: str, js: str, value: Any = None, **more: Any) -> gr.HTML:
    """Put a component of our own on the page.

    Args:
        template: HTML that the browser fills from the properties.
        js: a file in ``assets`` that runs when the component is there.
        more: properties of its own, and Gradio's.
    """
    return gr.HTML(
        value,
        html_template=template,
        js_on_load=runs(js),
        apply_default_css=False,
        elem_id=elem_id,
        **more,
    )


def presence(component: Component, present: bool) -> Any:
    """An update that shows or hides a component.

    HTML with properties of its own is hidden by its class: ``visible`` would take it off the page,
    and with any update that does not name them all its properties are gone when it comes back.
    """
    if not isinstance(component, gr.HTML):
        return gr.update(visible=present)
    classes = [name for name in component.elem_classes if name != ABSENT]
    return gr.update(elem_classes=classes if present else [*classes, ABSENT])


@contextmanager
def disclosure(elem_id: str, label: str) -> Iterator[None]:
    """A group of components that is shown when its button is pressed.

    Unlike those in Gradio's accordion they are on the page from the start: there, what is not on
    the page yet forgets its own properties when it is updated.
    """
    with gr.Column(elem_id=elem_id, elem_classes="discloses"):
        panel(f"{elem_id}-button", render("disclosure.html", label=label), "disclosure.js")
        yield


def on(
    trigger: Any,
    handler: Callable[..., Any],
    inputs: Collection[Any] | None = None,
    outputs: Collection[Any] = (),
    *,
    how: Mapping[str, Any] = QUIET,
) -> Any:
    """Call a handler on an event; returns the event, whose ``then`` can be used.

    Args:
        trigger: a component's event, or several in a list.
        handler: gets the :data:`Values` of the inputs (unless these are None), then what Gradio
            adds for its signature, such as the request; returns :data:`Updates` of the outputs.
        how: one of :data:`QUIET`, :data:`EACH` and :data:`LATEST`.
    """
    listen = functools.partial(gr.on, trigger) if isinstance(trigger, list) else trigger
    # A page that was loaded before a restart knows outputs by position only, so their order has
    # to be the same in every process.
    given, filled = None if inputs is None else set(inputs), in_layout_order(outputs)
    # The browser keeps a state of every component that an event marks as pending, and copies each
    # twice an event; one is marked, since none shows it.
    marked = filled[:1]
    return listen(_calm(handler, filled), given, filled, **how, show_progress_on=marked)


def in_browser(trigger: Any, js: str, inputs: Collection[Any], outputs: Collection[Any]) -> Any:
    """Call a JavaScript function on an event, without asking the server.

    Args:
        js: the function; it gets the inputs' values in their order, and returns the outputs'.
    """
    return trigger(None, list(inputs), list(outputs), js=js, **QUIET)


def _calm(handler: Callable[..., Any], outputs: Sequence[Any]) -> Callable[..., Any]:
    """The handler, with a :class:`StudioError` shown to the visitor instead of being logged."""

    @functools.wraps(handler)
    def answer(*args: Any) -> Any:
        try:
            updates = handler(*args)
        except StudioError as error:
            note_refusal(error)
            raise gr.Error(html.escape(said(str(error))), print_exception=False) from None
        # Gradio would take an empty dictionary for the value of the first output.
        return updates or ({outputs[0]: gr.skip()} if outputs else None)

    return answer


def sent(event: gr.EventData, name: str) -> Any:
    """A value that a component's script sent with its event; None if it sent none."""
    try:
        return getattr(event, name, None)
    except TypeError:  # Gradio's look-up expects that something was sent.
        return None


def texts(given: Any) -> list[str]:
    """The texts in what a browser sent as a list of them, :data:`MOST_TEXTS` at most; none, if it
    sent anything else."""
    listed = given[:MOST_TEXTS] if isinstance(given, list) else []
    return [each for each in listed if isinstance(each, str)]
