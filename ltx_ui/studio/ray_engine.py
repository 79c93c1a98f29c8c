"""An engine in a process that Ray keeps, as the studio knows engines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ltx_ui.clip import Clip, PreviewListener
from ltx_ui.engine.models import ModelCard
from ltx_ui.inputs import InputData
from ltx_ui.recipe import Recipe
from ltx_ui.studio.engine_actor import Described, Loaded
from ltx_ui.studio.maker import MakerDied

if TYPE_CHECKING:
    from ltx_ui.engine.clip_memory import ClipMemory
    from ltx_ui.engine.placement import Placement
    from ltx_ui.engine.tokens import TokenCount
    from ltx_ui.engine.writing import Wish, Written

LOOK_SECONDS = 0.1
"""Between two looks at whether what is made is still wanted."""
ALIVE_SECONDS = 30.0
"""A worker that does not answer for so long is taken for dead."""
COUNT_SECONDS = 3.0
"""Somebody who types waits no longer for the number of tokens; it is left out then."""

BESIDE = "beside"
"""The actor's concurrency group for what takes no time."""

_log = logging.getLogger(__name__)


class RayEngine:
    """A :class:`~ltx_ui.studio.maker.LoadableMaker` whose engine is an actor's.

    Args:
        actor: a handle of an :class:`~ltx_ui.studio.engine_actor.EngineActor`.
        check: called now and then while the actor's process and its model are made ready; what it
            raises passes through.

    Raises:
        MakerDied: the actor's process ended. So does every call.
        ModelUnavailable: there is no such model or device where the actor is.
    """

    def __init__(self, actor: Any, check: Callable[[], None]) -> None:
        self._actor, self._check = actor, check
        described: Described = self._only("described", actor.describe, check=check, vital=True)
        self.card: ModelCard = described.card
        self.notice, self.device = described.notice, described.device
        self.versions = described.versions
        self._batches = described.batches
        self.placement: Placement | None = None
        self.memory: ClipMemory
        self._loaded: Loaded | None = None

    @property
    def process(self) -> int:
        """The number of the actor's process, on its machine."""
        number: int = self._ask(self._actor.process)
        return number

    def load(self, report: Callable[[str, float | None], None]) -> None:
        """Load the model where the actor is; reports how far it is."""

        def hear(word: str, what: Any) -> None:
            if word == "loading":
                report(*what)

        loaded: Loaded = self._only(
            *("loaded", self._actor.load), hear=hear, check=self._check, vital=True
        )
        self._loaded, self.card = loaded, loaded.card
        self.placement, self.memory = loaded.placement, loaded.memory

    def at_once(self, recipe: Recipe) -> int:
        """How many takes of a recipe are sampled in one batch."""
        from ltx_ui.engine.sampling import takes_at_once  # Brings torch, which takes seconds.

        return takes_at_once(recipe, self.card, self._batches)

    def lora_shapes(self) -> Mapping[str, tuple[int, int]]:
        """How wide the inputs and the outputs of each linear layer are, by its name."""
        return self._loaded.lora_shapes if self._loaded else {}

    def why_not_writing(self) -> str:
        """Why the model can't improve prompts, in a sentence; empty if it can."""
        return self._loaded.why_not_writing if self._loaded else ""

    def count_tokens(self, text: str) -> TokenCount:
        """How much of a text the model reads. May be called from any thread."""
        counted: TokenCount = self._ask(self._actor.count_tokens, text, wait=COUNT_SECONDS)
        return counted

    def generate_many(
        self, takes: Sequence[Recipe], listener: PreviewListener, inputs: InputData
    ) -> Iterator[Clip]:
        """As :meth:`ltx_ui.studio.maker.ClipMaker.generate_many`."""
        self._ask(self._actor.process)
        reached: tuple[Any, ...] = ("text", 0, 0)

        def look() -> None:
            listener.progress(*reached)

        with closing(_Call(self._actor, self._actor.make, takes, inputs)) as call:
            for word, what in call.told(look):
                if word == "progress":
                    reached = what
                    look()
                elif word == "preview":
                    listener.preview(*what)
                elif word == "clip":
                    clip, self.placement = what
                    reached = ("text", 0, 0)
                    yield clip
                    call.go_on()

    def write(self, wish: Wish, check: Callable[[], None]) -> Written:
        """As :meth:`ltx_ui.studio.maker.ClipMaker.write`."""
        written: Written = self._only("written", self._actor.write, wish, check=check)
        return written

    def saved(self, recipe: Recipe) -> None:
        """As :meth:`ltx_ui.studio.maker.ClipMaker.saved`. Returns at once."""
        _beside(self._actor.saved).remote(recipe)

    def look(self) -> None:
        """Whether the actor's process still answers."""
        self._ask(self._actor.process)

    def end(self) -> None:
        """End the actor's process."""
        _kill(self._actor)

    def _only(
        self,
        wanted: str,
        method: Any,
        *given: Any,
        hear: Callable[[str, Any], None] = lambda word, what: None,
        check: Callable[[], None] = lambda: None,
        vital: bool = False,
    ) -> Any:
        """The last thing that a call tells."""
        found = None
        with closing(_Call(self._actor, method, *given, vital=vital)) as call:
            for word, what in call.told(check):
                hear(word, what)
                found = what if word == wanted else found
        return found

    def _ask(self, method: Any, *given: Any, wait: float = ALIVE_SECONDS) -> Any:
        """The answer of something that takes no time.

        Raises:
            MakerDied: before anything was begun.
        """
        import ray
        from ray.exceptions import RayError

        try:
            return ray.get(_beside(method).remote(*given), timeout=wait)
        except RayError as error:
            raise MakerDied(begun=False) from error


class _Call:
    """A call that tells how far it is. Closing it before its end stops it there.

    Args:
        vital: whether the actor is of no use without its end; stopping it ends the actor.
    """

    def __init__(self, actor: Any, method: Any, *given: Any, vital: bool = False) -> None:
        self._actor, self._vital = actor, vital
        self._method, self._given = method, given
        self._answers: Any = None

    def told(self, check: Callable[[], None]) -> Iterator[tuple[str, Any]]:
        """What it tells; ``check`` is called now and then, and what that raises passes through.

        Raises:
            MakerDied: the process of the actor has ended.
        """
        self._answers = self._method.options(num_returns="streaming").remote(*self._given)
        while (told := self._next(check)) is not None:
            word, what = told
            if word == "failed":
                raise what
            yield word, what

    def _next(self, check: Callable[[], None]) -> tuple[str, Any] | None:
        import ray
        from ray.exceptions import RayError

        try:
            while not ray.wait([self._answers], timeout=LOOK_SECONDS)[0]:
                check()
            told: tuple[str, Any] = ray.get(next(self._answers))
            return told
        except StopIteration:
            self._answers = None
            return None
        except RayError as error:
            self._answers = None
            raise MakerDied(begun=True) from error

    def go_on(self) -> None:
        """Let the next clip be made."""
        _beside(self._actor.go_on).remote()

    def close(self) -> None:
        """Stop it, if it has not ended, and wait until it has."""
        if self._answers is None:
            return
        if self._vital:
            _kill(self._actor)
            return
        _beside(self._actor.stop).remote()
        try:
            while self._next(lambda: None) is not None:
                pass
        except MakerDied as error:
            _log.warning("%s", error)


def _kill(actor: Any) -> None:
    import ray

    ray.kill(actor)


def _beside(method: Any) -> Any:
    """A method of the actor's, called while another one may run."""
    return method.options(concurrency_group=BESIDE)
