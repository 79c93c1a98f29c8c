"""Prompts said in more words by the loaded model, for who asks for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from ltx_ui.enhancing import Suggestion, settled, tidied
from ltx_ui.errors import InvalidRecipe, ModelUnavailable, NotFound, WrongMoment
from ltx_ui.inputs import Picture
from ltx_ui.media.images import read_reference
from ltx_ui.phrases import Words
from ltx_ui.recipe import MAX_PROMPT, MAX_SEED
from ltx_ui.studio.errands import Errand
from ltx_ui.studio.guard import Guard
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.model_loader import ModelLoader
from ltx_ui.studio.ordered_queue import OrderedQueue
from ltx_ui.words import squeeze, tidy_lines

if TYPE_CHECKING:
    from ltx_ui.studio.maker import ClipMaker

SECONDS = 300.0
"""How long writing may take: four minutes where Gemma's weights pass through the device for each of
200 tokens, over a second each."""


class Enhancing:
    """Has prompts improved, between two clips. Safe to call from any thread.

    Args:
        model: tells which one is in use.
        admit: refuses who may have nothing made.
    """

    def __init__(
        self,
        queue: OrderedQueue,
        model: Callable[[], ModelLoader],
        guard: Guard,
        inputs: InputStore,
        admit: Callable[[str], None],
    ) -> None:
        self._queue = queue
        self._model = model
        self._guard = guard
        self._inputs = inputs
        self._admit = admit

    @property
    def why_not(self) -> str:
        """Why the model can't do it, in a sentence; empty if it can, or is not known yet."""
        return self._model().why_not_writing

    def ask(
        self,
        prompt: str,
        owner: str,
        camera: Words = (),
        *,
        seed: int | None = None,
        image: str | None = None,
    ) -> Errand:
        """Have a prompt said in more words. The errand's result is a :class:`Suggestion`.

        Args:
            prompt: of at most :data:`MAX_PROMPT` characters. All in it that has to stay stays: see
                :func:`~ltx_ui.enhancing.settled`.
            camera: words that speak of the camera.
            seed: None to draw one.
            image: the digest of the picture that the clip starts from.

        Raises:
            WrongMoment: the model can't write, nobody's jobs are begun, or as many wait as may.
            ModelUnavailable: it is not loaded yet, or could not be.
            InvalidRecipe: the prompt is empty, or there is no such picture.
            NotAllowed, LicenceToAccept, TooMuch: who asks may not, or may not have more now.
        """
        if self.why_not:
            raise WrongMoment(self.why_not)
        if not squeeze(prompt):
            raise InvalidRecipe.because("prompt", "prompt: is empty. Write what is to be improved.")
        self._admit(owner)
        self._guard.check_work(owner)
        status = self._model().status
        if status.state != "ready":
            raise ModelUnavailable(status.message)
        picture = None if image is None else self._picture(image, owner)
        chosen = secrets.randbelow(MAX_SEED + 1) if seed is None else seed

        def write(engine: ClipMaker, check: Callable[[], None]) -> Suggestion:
            from ltx_ui.engine.writing import Wish

            written = engine.write(Wish(tidy_lines(prompt), chosen, picture), check)
            text = tidied(written.text, MAX_PROMPT, whole=written.whole)
            return settled(prompt, text, camera, chosen, MAX_PROMPT)

        errand = Errand(owner, write, SECONDS)
        self._queue.add_errand(errand)
        return errand

    def _picture(self, digest: str, owner: str) -> Picture:
        import numpy as np

        try:
            data = self._inputs.path(digest, owner, media=False).read_bytes()
        except NotFound as error:
            raise InvalidRecipe.because("image_start", f"image_start: {error}") from None
        return np.array(read_reference(data, len(data), "image_start"))
