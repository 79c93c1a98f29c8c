"""What the studio needs of an engine, wherever that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ltx_ui.clip import Clip, PreviewListener
from ltx_ui.engine.models import ModelCard
from ltx_ui.inputs import InputData
from ltx_ui.recipe import Recipe

if TYPE_CHECKING:
    from ltx_ui.engine.clip_memory import ClipMemory
    from ltx_ui.engine.placement import Placement
    from ltx_ui.engine.writing import Wish, Written


class ClipMaker(Protocol):
    """Makes clips with a loaded model. :class:`~ltx_ui.engine.engine.Engine` is one, in this
    process.

    Attributes:
        card: the model's.
        device: what it runs on, in words.
        versions: of the software that it is made with.
        placement: where its weights are now.
        memory: what its clips take.
    """

    card: ModelCard
    device: str
    versions: dict[str, str]
    placement: Placement | None
    memory: ClipMemory

    def at_once(self, recipe: Recipe) -> int:
        """How many takes of a recipe are sampled in one batch."""

    def lora_shapes(self) -> Mapping[str, tuple[int, int]]:
        """How wide the inputs and the outputs of each linear layer are, by its name."""

    def generate_many(
        self, takes: Sequence[Recipe], listener: PreviewListener, inputs: InputData
    ) -> Iterator[Clip]:
        """The clips of recipes that differ only in their seeds, in order, each as soon as it is
        made. The next one is begun when it is asked for.

        Raises:
            Cancelled: the listener stopped it; the next clip can be made at once.
            InvalidRecipe: the model can't do what the recipes ask for.
            OutOfMemory: with what would fit better.
        """

    def write(self, wish: Wish, check: Callable[[], None]) -> Written:
        """A prompt as the model's text encoder writes it.

        Args:
            check: called now and then; an error that it raises ends the writing.
        """

    def saved(self, recipe: Recipe) -> None:
        """A recipe's clip is on disk: what is kept to make it again may be forgotten. May be called
        from any thread."""
