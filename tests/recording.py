"""A stand-in for CUDA graphs: where there is no CUDA, a call is recorded by keeping it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ltx_ui.engine.graphs import Outputs


class Tape:
    """Counts what recorders record and replay.

    Attributes:
        recorders: how many were made, one for each pool of memory.
        recorded, replayed: how many calls.
        refuses: what recording raises, if anything.
    """

    def __init__(self) -> None:
        self.recorders = self.recorded = self.replayed = 0
        self.refuses: Exception | None = None

    def recorder(self) -> Callable[[Callable[[], Outputs]], tuple[Outputs, Callable[[], None]]]:
        """What records calls as :class:`ltx_ui.engine.graphs.Recorder` says.

        A replay makes the call again, which reads whatever the buffers hold by then. As with a real
        graph, the results' place holds nothing until the first replay.
        """
        self.recorders += 1
        return self._record

    def _record(self, call: Callable[[], Outputs]) -> tuple[Outputs, Callable[[], None]]:
        if self.refuses is not None:
            raise self.refuses
        self.recorded += 1
        outputs = tuple(torch.full_like(output, torch.nan) for output in call())

        def replay() -> None:
            self.replayed += 1
            for output, found in zip(outputs, call(), strict=True):
                output.copy_(found)

        return outputs, replay


def playing(engine: Any, tape: Tape, **options: Any) -> None:
    """Let an engine on the CPU record its forwards on a tape."""
    from ltx_ui.engine.optimizations import Optimizations

    engine.use(Optimizations(graphs=True, recorder=tape.recorder, **options))
