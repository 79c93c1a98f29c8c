"""CUDA graphs as far as memory and launches go: what is recorded keeps its memory, and playing it
again launches everything at once and computes nothing."""

from __future__ import annotations

from collections.abc import Callable

from ltx_ui.engine.graphs import Outputs

from .ledger import Ledger


class Pool:
    """Memory of the device that graphs hold on to; given back when the last of them is gone."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.size = 0

    def resize(self, size: int) -> None:
        """Hold so many bytes from now on."""
        self._ledger.give("cuda", self.size)
        self._ledger.take("cuda", size)
        self.size = size

    def __del__(self) -> None:
        self.resize(0)


class Player:
    """Makes recorders, each with a pool of its own.

    Attributes:
        recorded, played: how many forwards.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.recorded = self.played = 0

    def recorder(self) -> Callable[[Callable[[], Outputs]], tuple[Outputs, Callable[[], None]]]:
        """What records calls as :class:`ltx_ui.engine.graphs.Recorder` says."""
        pool = Pool(self._ledger)

        def record(call: Callable[[], Outputs]) -> tuple[Outputs, Callable[[], None]]:
            self.recorded += 1
            return self._record(call, pool)

        return record

    def _record(
        self, call: Callable[[], Outputs], pool: Pool
    ) -> tuple[Outputs, Callable[[], None]]:
        held, ledger = pool.size, self._ledger
        pool.resize(0)  # What it holds is free for this call.
        with ledger.peak_above() as above:
            outputs = call()
        pool.resize(max(held, above["cuda"] - sum(output.nbytes for output in outputs)))

        def play() -> None:
            self.played += 1
            ledger.stage.kernels += 1
            ledger.stage.forwards.append(1)
            assert pool.size >= 0  # The graph holds on to its pool.

        return outputs, play
