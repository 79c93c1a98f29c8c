"""What the server of :mod:`forked` imports before anything is forked from it: all that the app
imports until its first clip is made."""

from __future__ import annotations

import gc

from ltx_ui import runtime

runtime.set_up()  # As the app does: libraries read their environment when they are imported.

import ltx_ui.cli
import ltx_ui.commands.along
import ltx_ui.engine.engine
import ltx_ui.studio.check
import ltx_ui.studio.studio
from ltx_ui.web.gradio_import import as_installed

with as_installed():
    import ltx_ui.web.server  # noqa: F401

gc.freeze()  # What is here is garbage in no fork; looking at it would only copy its pages.
