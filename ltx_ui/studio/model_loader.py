"""The studio's one model: which it is, how far it is loaded, and what recipes may ask of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

from ltx_ui.controlling import tokens_beside
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.engine.writers import why_not
from ltx_ui.errors import InvalidRecipe, StudioError
from ltx_ui.geometry import video_tokens
from ltx_ui.recipe import Recipe
from ltx_ui.runtime import settle
from ltx_ui.settings import Settings
from ltx_ui.studio.maker import Left, LoadableMaker
from ltx_ui.studio.queue import JobQueue

STOPPING = (
    "The studio is being stopped. The clip that is being made is finished first; those that wait "
    "are made when it is started again."
)
UNLOADABLE = (
    "The model could not be loaded, for a reason that was not foreseen; the log has the details. "
    "Restart the program, or choose another model with --model."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelStatus:
    """How far the model is.

    Attributes:
        message: a sentence for the page.
        fraction: 0…1 where that is known.
        model: the card's id, or what was asked for until the card is known.
        device: None until the model is ready.
        demo: whether it is the small built-in model.
        why_demo: a sentence on why that was chosen here; empty if it was asked for.
        licence: name of the model's licence; ``licence_url`` has the text. Both are empty until the
            model is known.
        use_restrictions: whether it restricts what clips may be used for.
    """

    state: Literal["starting", "downloading", "loading", "ready", "failed", "stopping"]
    message: str
    fraction: float | None
    model: str
    title: str
    device: str | None
    demo: bool
    why_demo: str = ""
    licence: str = ""
    licence_url: str = ""
    use_restrictions: bool = True

    @property
    def settling(self) -> bool:
        """Whether it will change by itself: the model is neither ready nor given up."""
        return self.state not in ("ready", "failed")


class ModelLoader:
    """Loads the model that the settings ask for. All but :meth:`load` may be called from any
    thread, at any time.

    Args:
        queue: is told which jobs the model can make, and that none can be made if loading fails.
        beside: whether another model is in use meanwhile: the queue is told only of what comes
            after :meth:`take_over`.

    Attributes:
        status: how far the model is.
        card: the loaded model's; None until it is loaded.
        sizes: width and height in pixels of clips that are often made.
        why_not_writing: why it can't improve prompts, in a sentence; empty if it can, or is not
            known yet.
    """

    def __init__(self, settings: Settings, queue: JobQueue, *, beside: bool = False) -> None:
        self._settings = settings
        self._queue = queue
        self._beside = beside
        known = _known_card(settings.model)
        if known is not None and not beside:
            queue.use_model(known.id, settings.model)
        self.status = _first_status(settings.model, known)
        self.card: ModelCard | None = None
        self.why_not_writing = why_not(known) if known else ""
        self.sizes: Collection[tuple[int, int]] = ()

    def load(
        self, make: Callable[[], LoadableMaker], prepare: Callable[[LoadableMaker], None]
    ) -> LoadableMaker | None:
        """The engine with its model loaded; None if it could not be loaded. Then :attr:`status`
        says why, and so do the jobs that waited for it.

        Args:
            make: makes the engine, without its model.
            prepare: called with the engine just before the model counts as ready; what it raises
                counts as a failure to load.

        Raises:
            Left: nobody wants it any more.
        """
        try:
            return self._load(make, prepare)
        except Left:
            raise
        except StudioError as error:
            self.fail(str(error))
        except Exception:
            _log.exception("The model could not be loaded")
            self.fail(UNLOADABLE)
        return None

    def fail(self, message: str) -> None:
        """No clip can be made, for the reason given."""
        self.status = replace(self.status, state="failed", message=message, fraction=None)
        _log.error("%s", message)
        if not self._beside:
            self._queue.refuse(message, self.status.model, self._settings.model)

    def take_over(self) -> None:
        """From now on this is the model in use: only jobs for it are begun."""
        self._beside = False
        self._queue.use_model(self.status.model, self._settings.model)

    def break_off(self, message: str) -> None:
        """No more clips can be made until the next start, which makes what waits or runs."""
        self.status = replace(self.status, state="failed", message=message, fraction=None)
        self._queue.break_off(message)

    def stop(self) -> None:
        """Say that no more clips are begun."""
        self.status = replace(self.status, state="stopping", message=STOPPING, fraction=None)

    def check(self, recipe: Recipe) -> None:
        """Hold a recipe to the model, as far as that is known.

        Raises:
            InvalidRecipe: it asks for another model, or for what this one can't do.
        """
        asked = self._settings.model
        settled = self.card is not None or _known_card(asked) is not None
        if settled and recipe.model not in {self.status.model, asked, None}:
            raise InvalidRecipe.because(
                "model",
                f"model: is {recipe.model!r}; this studio runs {self.status.model!r}. "
                "Leave the field out, or start the studio with that --model.",
            )
        if self.card is not None:
            self.card.check(recipe)

    def _load(
        self, make: Callable[[], LoadableMaker], prepare: Callable[[LoadableMaker], None]
    ) -> LoadableMaker:
        engine = make()
        card = engine.card
        if engine.notice:
            _log.warning("The demo model is used. %s", engine.notice)
        # Visitors read it too, who have no business with the server's folders.
        why_demo = engine.notice.replace(str(self._settings.models_dir), "the models' folder")
        self.status = replace(_described(self.status, card), why_demo=why_demo)
        if not self._beside:
            self._queue.use_model(card.id, self._settings.model)
        self.why_not_writing = why_not(card)
        engine.load(self._report)
        self.why_not_writing = engine.why_not_writing()
        card = self.card = engine.card
        prepare(engine)
        message = f"{card.title} is ready on {engine.device}."
        self.status = replace(
            self.status, state="ready", message=message, fraction=None, device=engine.device
        )
        _log.info("%s", message)
        settle()
        return engine

    def _report(self, message: str, fraction: float | None) -> None:
        state: Literal["downloading", "loading"] = (
            "downloading" if message.startswith("Downloading") else "loading"
        )
        self.status = replace(self.status, state=state, message=message, fraction=fraction)


def effort(recipe: Recipe, card: ModelCard | None) -> float:
    """What all takes of a recipe cost, in video tokens × passes; × steps while it is not known with
    which model they are made."""
    tokens = video_tokens(recipe.width, recipe.height, recipe.num_frames) + tokens_beside(recipe)
    passes = card.passes(recipe) if card else recipe.num_inference_steps
    return tokens * passes * recipe.num_takes


def _known_card(asked: str) -> ModelCard | None:
    """The card, where the operator's name for the model is enough to tell it."""
    return next((card for card in CARDS.values() if asked in (card.id, card.source)), None)


def _first_status(asked: str, card: ModelCard | None) -> ModelStatus:
    title = "LTX-2" if asked == "auto" else asked
    status = ModelStatus("starting", "Starting…", None, asked, title, None, False)
    return status if card is None else _described(status, card)


def _described(status: ModelStatus, card: ModelCard) -> ModelStatus:
    """The status with what the model's card says of it."""
    return replace(
        status,
        model=card.id,
        title=card.title,
        demo=card.demo,
        licence=card.licence,
        licence_url=card.licence_url,
        use_restrictions=card.use_restrictions,
    )
