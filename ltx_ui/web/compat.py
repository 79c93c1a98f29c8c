"""Everything that relies on undocumented names of Gradio and uvicorn.

Each is asserted when this module is imported, so that a new version that lacks it is noticed at
once and not by a visitor. Each says what it is for, why there is no public way, and when it can go.
"""

from __future__ import annotations

import copy
import inspect
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from subprocess import Popen
from types import SimpleNamespace
from typing import Any

import gradio as gr
import gradio.route_utils
import gradio.routes
import gradio.state_holder
from gradio import networking, tunneling, utils
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState
from h11 import IDLE, SEND_BODY
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

from ltx_ui.errors import require

__all__ = [
    "COUNTING",
    "IDLE",
    "SEND_BODY",
    "H11Protocol",
    "LightBlocks",
    "calm_queue",
    "close_tunnels",
    "counting_mended",
    "event_inputs",
    "files_of",
    "keep_sessions",
    "log_tracebacks",
    "open_tunnel",
]

_log = logging.getLogger(__name__)

_TUNNEL = ["local_host", "local_port", "share_token", "share_server_address"]
_PARAMETERS = list(inspect.signature(networking.setup_tunnel).parameters)
require(_PARAMETERS[:4] == _TUNNEL, "gradio.networking.setup_tunnel")
require(isinstance(tunneling.CURRENT_TUNNELS, list), "gradio.tunneling.CURRENT_TUNNELS")
require("proc" in tunneling.Tunnel.__init__.__code__.co_names, "gradio.tunneling.Tunnel.proc")
require(vars(gradio.routes)["traceback"] is traceback, "gradio.routes.traceback")
require({"share_token", "state_session_capacity"} <= set(vars(gr.Blocks())), "gradio.Blocks")
require(isinstance(gr.Blocks().fns, dict), "gradio.Blocks.fns")
_QUEUE = {"sleep_when_free", "progress_update_sleep_when_free"}
require(set(vars(gr.Blocks().queue()._queue)) >= _QUEUE, "gradio.Blocks._queue")
_PROTOCOL = ["connection_made", "connection_lost", "data_received", "on_response_complete"]
_PROTOCOL += ["pause_writing", "resume_writing"]
require(all(callable(getattr(H11Protocol, name)) for name in _PROTOCOL), "H11Protocol's methods")
_HELD = {"client", "conn", "cycle", "flow", "connections", "timeout_keep_alive_task"}
require(set(H11Protocol.__init__.__code__.co_names) >= _HELD, "H11Protocol's attributes")
require("read_paused" in inspect.getsource(FlowControl), "uvicorn's FlowControl.read_paused")


def open_tunnel(blocks: gr.Blocks, host: str, port: int) -> str:
    """Open a public address that leads to this port, as ``launch(share=True)`` does; returns it.
    ``mount_gradio_app`` has no ``share``; remove this when it has.

    Raises:
        Exception: of many kinds; there is no network, or the tunnel's program can't be run.
    """
    return networking.setup_tunnel(host, port, blocks.share_token, None, None)


def close_tunnels() -> None:
    """Close all public addresses. Gradio does it in a handler at Python's exit, which doesn't run
    because the studio ends its process at once; remove this when Gradio has a call for it."""
    for tunnel in tunneling.CURRENT_TUNNELS:
        process: Popen[bytes] | None = tunnel.proc
        if process is not None:
            process.terminate()


def keep_sessions(blocks: gr.Blocks, capacity: int) -> None:
    """Limit how many visitors' states are kept. It is an argument of ``launch`` that
    ``mount_gradio_app`` lacks; remove this when it has it."""
    blocks.state_session_capacity = capacity


QUEUE_SECONDS = 0.05
"""Between two looks of Gradio's queue for an event. It is what Gradio itself takes on Windows."""


def calm_queue(blocks: gr.Blocks) -> None:
    """Let Gradio's queue look for events twenty times a second instead of a thousand times, and for
    their progress as often instead of a hundred times. It never stops looking, also while nobody is
    there, and each look interrupts the threads that make a clip. There is no setting for that;
    remove this when the queue waits to be told. To be called after :meth:`gr.Blocks.queue`."""
    queue = blocks._queue
    queue.sleep_when_free = queue.progress_update_sleep_when_free = QUEUE_SECONDS


class LightSession(SessionState):
    """A visitor's state without a copy of the components' settings and values, which Gradio makes
    for its deep links alone (they are closed here). Making it takes 50 ms on the event loop for
    each page that is opened, and keeping it up to date a tenth of each event; it holds a megabyte
    until the state is forgotten. What an event changes is kept all the same. Remove this when
    Gradio makes the copy on demand."""

    def __init__(self, blocks: gr.Blocks) -> None:
        # It copies the settings of those components that are also in ``blocks``.
        bare: Any = SimpleNamespace(default_config=blocks.default_config, blocks=())
        super().__init__(bare)
        vars(self.blocks_config)["config_for_block"] = lambda *_: {}


_MAKING = inspect.getsource(SessionState.__init__)
require("if k in blocks.blocks" in _MAKING, "SessionState.config_values")
require(_MAKING.count("blocks.default_config") == 1, "SessionState.blocks_config")
require("self.blocks_config.config_for_block(" in _MAKING, "BlocksConfig.config_for_block")
for _made_in in (gradio.state_holder, gradio.route_utils):
    require(vars(_made_in)["SessionState"] is SessionState, f"{_made_in.__name__}.SessionState")
    vars(_made_in)["SessionState"] = LightSession


class LightBlocks(gr.Blocks):
    """A page whose events cost only what they change. Gradio makes each output anew that an event
    leaves as it is, and sends each value through a thread of its own: two fifths of what the
    server did for pages that follow their jobs. Remove this when it leaves alone what it skips."""

    async def postprocess_data(
        self,
        block_fn: BlockFunction,
        predictions: list[Any] | dict[Any, Any],
        state: SessionState | None,
    ) -> list[Any]:
        """What is sent to the browser for each output; part of Gradio's Blocks.

        Args:
            predictions: what the event's handler returned: values by component, of those that it
                changes.
        """
        outputs = block_fn.outputs
        if not isinstance(predictions, dict) or not predictions.keys() <= set(outputs):
            return await super().postprocess_data(block_fn, predictions, state)
        answers = {part: value for part, value in predictions.items() if _is_plain(part, value)}
        others = {part: value for part, value in predictions.items() if part not in answers}
        if others:
            rest = copy.copy(block_fn)
            rest.outputs = [part for part in outputs if part in others]
            made = await super().postprocess_data(rest, others, state)
            answers |= zip(rest.outputs, made, strict=True)
        return [answers.get(part, gr.skip()) for part in outputs]


_IS_UPDATE: Callable[[Any], bool] = utils.is_prop_update


def _is_plain(part: Any, value: Any) -> bool:
    """Whether a value is sent as it is: what says that all stays, or at most whether something can
    be pressed, and text or data for HTML."""
    if _IS_UPDATE(value):
        return set(value) <= {"__type__", "interactive"}
    return type(part) is gr.HTML


_TELLING = inspect.getsource(gr.Blocks.postprocess_data)
require("convert_component_dict_to_list(" in _TELLING, "gradio.Blocks.postprocess_data")
require("return value" in inspect.getsource(gr.HTML.postprocess), "gradio.HTML.postprocess")


def event_inputs(blocks: gr.Blocks) -> dict[int, tuple[str, ...]]:
    """The JSON type of each input of every event that runs Python; ``""`` allows any type. Gradio
    does not check what a browser sends to an event; remove this when it does."""
    return {
        number: tuple(_json_type(component) for component in event.inputs)
        for number, event in blocks.fns.items()
        if event.fn is not None
    }


def _json_type(component: Any) -> str:
    if isinstance(component, gr.HTML):
        return ""  # It claims to hold a string, but holds whatever its script puts there.
    info = component.api_info() if hasattr(component, "api_info") else {}
    found = info.get("type", "") if isinstance(info, dict) else ""
    return found if isinstance(found, str) else ""


def in_layout_order(components: Iterable[Any]) -> list[Any]:
    """Components in the order in which they were made, which is the same in every process.

    Gradio numbers components as they are made and sorts a set of inputs by that number, but takes
    outputs only as a list. The number has no public name; remove this when outputs may be a set.
    """
    return sorted(components, key=lambda component: int(component._id))


require("self._id" in inspect.getsource(gr.blocks.Block.__init__), "gradio.blocks.Block._id")


_FRONTEND = Path(gradio.__file__).parent / "templates" / "frontend"
_DEPENDS = r"__vite__mapDeps\(\[([\d,]*)\]\)"
_BLOCKS = re.compile(r"import\(`\./(Blocks-[\w-]+\.js)`\).*?" + _DEPENDS)


def files_of(blocks: gr.Blocks) -> list[str]:
    """The scripts and style sheets of Gradio's that a browser needs for a page, as addresses below
    the page's own, those first that are needed first. Gradio's page tells them one after the other:
    what draws the page, then what draws each kind of component, when it is drawn. Remove this when
    it names them at once."""
    kinds = {each.get_block_name() for each in blocks.blocks.values()} - {"blocks"}
    found = list(_listed(_script("index")))
    found += _needed(_script("Index", beside=found), _BLOCKS)
    for kind in sorted(kinds):
        # Of what there is for a kind, "component" is what a page has, after the others.
        entry = rf"[,{{]{kind}:\{{(?:(?!component:).)*?component:.*?import\(`\./([\w-]+\.js)`\).*?"
        found += _needed(_script("core", beside=found), re.compile(entry + _DEPENDS))
    return [f"assets/{name}" for name in dict.fromkeys(found)]


@cache
def _text(name: str) -> str:
    return (_FRONTEND / "assets" / name).read_text("utf-8")


def _script(name: str, beside: Iterable[str] = ()) -> str:
    """A script of Gradio's: the one of this name in a list, or that its page begins with."""
    names = "\n".join(beside) or (_FRONTEND / "index.html").read_text("utf-8")
    found = re.search(rf"\b{name}-[\w-]+\.js", names)
    require(found is not None, f"Gradio's script {name}")
    return _text(found[0]) if found else ""


def _listed(script: str) -> list[str]:
    """The files that a script's numbers stand for."""
    found = re.search(r"m\.f=\[([^\]]*)\]", script)
    require(found is not None, "Gradio's lists of files")
    return re.findall(r'"\./([^"]+)"', found[1]) if found else []


def _needed(script: str, entry: re.Pattern[str]) -> list[str]:
    """A file that a script loads, and the others that this one needs."""
    found, names = entry.search(script), _listed(script)
    require(found is not None, "Gradio's scripts of components")
    return [found[1], *(names[int(each)] for each in found[2].split(","))] if found else []


_COUNTS = re.compile(
    rb"(?P<start>,(?P<element>\w+),(?P<runs>\w+)=!1,.+?function (?P<count>\w+)\(\)\{\w+\(\(\)=>"
    rb"\{[^;{}]+/1e3\),(?P=runs)&&)(?P=count)\(\)\}\)\}"
)
_COUNTING = [each.name for each in (_FRONTEND / "assets").glob("statustracker-*.js")]
require(len(_COUNTING) == 1, "Gradio's statustracker.js")
COUNTING = _COUNTING[0]
"""The name of the script of Gradio's that counts for how long something has been loading."""


def counting_mended(script: bytes) -> bytes:
    """That script, where the count ends with the element that shows it.

    Gradio's page shows that it is loading and takes this away in the middle of it, whereupon the
    count goes on in each frame for ever: 5 % of a core for every page that is open. There is no
    setting for it; remove this when a page at rest asks for no frames.
    """
    return _COUNTS.sub(rb"\g<start>\g<element>?.isConnected&&\g<count>()})}", script, count=1)


require(_COUNTS.search(_text(COUNTING).encode()) is not None, "its count of time")


def log_tracebacks() -> None:
    """Log errors of events instead of Gradio's printing a traceback for each, even for a value that
    is not allowed. Gradio has no setting for that; remove this when it has.
    """
    kept = {name: getattr(traceback, name) for name in traceback.__all__}
    vars(gradio.routes)["traceback"] = SimpleNamespace(**kept | {"print_exc": _log_error})


def _log_error() -> None:
    error = sys.exc_info()[1]
    if isinstance(error, gr.Error):
        # Its message may quote what was typed.
        _log.warning("An event of the page was refused: a value is not allowed there.")
    else:
        _log.error("An event of the page failed", exc_info=error)
