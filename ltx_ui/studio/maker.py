"""What the studio needs of an engine, wherever that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ltx_ui.clip import Clip, PreviewListener
from ltx_ui.engine.models import ModelCard
from ltx_ui.errors import StudioError
from ltx_ui.inputs import InputData
from ltx_ui.recipe import Recipe

if TYPE_CHECKING:
    from ltx_ui.engine.clip_memory import ClipMemory
    from ltx_ui.engine.placement import Placement
    from ltx_ui.engine.tokens import TokenCount
    from ltx_ui.engine.writing import Wish, Written


class MakerDied(StudioError):
    """What makes clips has ended, with the process that it was in.

    Attributes:
        begun: whether that was in the middle of what it was asked for.
    """

    http_status = 503

    def __init__(self, *, begun: bool) -> None:
        super().__init__("The worker that was to do this has ended. Try again in a minute.")
        self.begun = begun


class Left(Exception):
    """Who wanted an engine is to make no more, and has none yet."""


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
            MakerDied: what makes them has ended.
        """

    def write(self, wish: Wish, check: Callable[[], None]) -> Written:
        """A prompt as the model's text encoder writes it.

        Args:
            check: called now and then; an error that it raises ends the writing.
        """

    def saved(self, recipe: Recipe) -> None:
        """A recipe's clip is on disk: what is kept to make it again may be forgotten. May be called
        from any thread."""


class LoadableMaker(ClipMaker, Protocol):
    """A maker whose model is loaded on request.

    Attributes:
        notice: a sentence on why ``auto`` means the demo model here; empty otherwise.
    """

    notice: str

    def load(self, report: Callable[[str, float | None], None]) -> None:
        """Load the model.

        Args:
            report: is told what is being done, and how much of it is, 0…1, where that is known.

        Raises:
            ModelUnavailable: with what to do about it.
        """

    def why_not_writing(self) -> str:
        """Why the loaded model can't improve prompts, in a sentence; empty if it can."""

    def count_tokens(self, text: str) -> TokenCount:
        """How much of a text the model reads. May be called from any thread."""
