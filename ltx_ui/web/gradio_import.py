"""Imports Gradio without its look at its own source."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def as_installed() -> Iterator[None]:
    """Let Gradio be imported as it was installed.

    When it is imported, Gradio reads its own source for each component and writes the component's
    events into an interface file beside it, for editors. Those files come with the package already;
    to look at them again takes a third of the import. A class that has no file, such as one that is
    typed into a console, is left out, so here no component has one. There is no setting for it;
    remove this when there is. It stands apart from ``compat.py``, which imports Gradio.
    """
    getfile = inspect.getfile

    def without_components(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("as for a class that is typed into a console")
        return getfile(thing)

    vars(inspect)["getfile"] = without_components
    try:
        yield
    finally:
        vars(inspect)["getfile"] = getfile
