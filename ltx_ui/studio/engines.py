"""An engine as the settings ask for it, in this process or in another one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltx_ui.engine.models import CARDS
from ltx_ui.lossy import parse_lossy
from ltx_ui.settings import Settings

if TYPE_CHECKING:
    from ltx_ui.engine.engine import Engine


@dataclass(frozen=True)
class EngineChoice:
    """What of the settings an engine depends on; none of them is secret.

    Attributes:
        sizes: width and height in pixels of clips that are often made.
        others: as the settings have them, by their names.
    """

    models_dir: Path
    cache_dir: Path
    sizes: tuple[tuple[int, int], ...]
    others: dict[str, Any]

    NAMES = ("model", "device", "placement", "quantize", "precision", "compile", "attention")

    @classmethod
    def of(cls, settings: Settings, sizes: Collection[tuple[int, int]]) -> EngineChoice:
        """What the settings say."""
        others = {name: getattr(settings, name) for name in (*cls.NAMES, "lossy")}
        folders = settings.models_dir.resolve(), settings.cache_dir.resolve()
        return cls(*folders, tuple(sizes), others)

    def where_a_gpu_is_given(self) -> EngineChoice:
        """This choice for a process that sees no other GPU than its own, whatever its number is."""
        device = "cpu" if self.others["device"] == "cpu" else "auto"
        return replace(self, others={**self.others, "device": device})

    def check_machine(self) -> None:
        """Hold a known model to the memory that is free on this machine, without its files and
        without the network. Another one, or one whose placement is given, passes.

        Raises:
            ModelUnavailable: there is too little.
        """
        card = CARDS.get(self.others["model"])
        if card is None or self.others["placement"] != "auto":
            return
        from ltx_ui.engine.loading import check_machine
        from ltx_ui.engine.machine import pick_device

        lossy, device = parse_lossy(self.others["lossy"]), pick_device(self.others["device"])
        precision = self.others["precision"]
        given = None if precision == "auto" else precision
        check_machine(card, device, given, self.others["quantize"], lossy)

    def make(self) -> Engine:
        """The engine; its model is not loaded yet. Importing torch and diffusers takes seconds.

        Raises:
            ModelUnavailable: as :class:`ltx_ui.engine.engine.Engine`.
        """
        from ltx_ui.engine.engine import Engine
        from ltx_ui.engine.optimizations import default_optimizations

        asked = {name: None if said == "auto" else said for name, said in self.others.items()}
        device = self.others["device"]
        return Engine(
            self.others["model"],
            self.models_dir,
            self.cache_dir,
            asked["placement"],
            default_optimizations(
                device,
                self.sizes,
                self.others["attention"],
                compile=self.others["compile"] == "on",
            ),
            asked["precision"],
            device,
            self.others["quantize"],
            lossy=parse_lossy(self.others["lossy"]),
            keep_until_saved=True,
        )
