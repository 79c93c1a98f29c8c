"""The Engine: a loaded model on a device; makes a Clip from a Recipe. This room's only door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import ltx_ui
from ltx_ui.clip import Clip, Listener
from ltx_ui.engine import loading
from ltx_ui.engine.decoding import decode
from ltx_ui.engine.downloading import Report
from ltx_ui.engine.models import ModelCard, resolve
from ltx_ui.engine.preview import Colours, colours_of, with_previews
from ltx_ui.engine.sampling import Latents, Picture, sample
from ltx_ui.engine.text import Prompts
from ltx_ui.engine.twostage import TwoStage
from ltx_ui.errors import OutOfMemory
from ltx_ui.recipe import Recipe


class Engine:
    """Makes clips, one at a time, from one thread.

    Args:
        model: ``auto``, a card's id, a repo on Hugging Face, or a folder.
        models_dir: where the demo model and downloads are kept.
        cache_dir: where what can be made again is kept; without it there are no previews.

    Raises:
        ModelUnavailable: there is no such model.
    """

    def __init__(self, model: str, models_dir: Path, cache_dir: Path | None = None) -> None:
        self.models_dir = models_dir
        self.cache_dir = cache_dir
        self._colours: Colours | None = None
        self.card: ModelCard = resolve(model, cuda=torch.cuda.is_available())
        self.device = _device_name()
        self.versions: dict[str, str] = {
            "ltx_ui": ltx_ui.__version__,
            **{package: version(package) for package in ("torch", "diffusers", "transformers")},
        }
        self._pipe: Any = None

    def load(self, report: Report) -> None:
        """Bring the model to the device, downloading it first if need be.

        Raises:
            ModelUnavailable: with what to do about it.
        """
        self.card, self._pipe = loading.load(self.card, self.models_dir, report)
        self._prompts = Prompts(self._pipe)
        if self.cache_dir is not None:
            self._colours = colours_of(self._pipe.vae, self.cache_dir)
        self._two_stage = TwoStage(self._pipe, self.card)

    @torch.inference_mode()
    def generate(
        self,
        recipe: Recipe,
        listener: Listener,
        image_start: Picture | None = None,
        image_end: Picture | None = None,
    ) -> Clip:
        """The clip that a recipe describes.

        Args:
            image_start, image_end: reference images, uint8, H×W×3, of exactly the recipe's size.

        Raises:
            Cancelled: the listener stopped it; the next clip can be made at once.
            InvalidRecipe: the model can't do what the recipe asks for.
            OutOfMemory: with what would fit better.
        """
        if self._pipe is None:
            raise RuntimeError("load() has to succeed before generate()")
        self.card.check(recipe)
        with _memory_advice(recipe):
            latents = self._sample(recipe, listener, image_start, image_end)
            return decode(self._pipe, self.card, latents, recipe, listener)

    def _sample(
        self,
        recipe: Recipe,
        listener: Listener,
        image_start: Picture | None,
        image_end: Picture | None,
    ) -> Latents:
        images = (image_start, image_end)
        watcher = self._watcher(recipe, listener)
        if recipe.two_stage:
            return self._two_stage.sample(self._prompts, recipe, watcher, *images)
        return sample(self._pipe, self.card, self._prompts, recipe, watcher, *images)

    def _watcher(self, recipe: Recipe, listener: Listener) -> Listener:
        return with_previews(listener, self._colours, recipe, self.card.grid_of(recipe))


def _device_name() -> str:
    if torch.cuda.is_available():
        return f"cuda:0 {torch.cuda.get_device_name(0)}"
    return "cpu"


@contextmanager
def _memory_advice(recipe: Recipe) -> Iterator[None]:
    """Turn the ways in which a device says that it is full into advice."""
    try:
        yield
        return
    except (torch.OutOfMemoryError, MemoryError):
        pass
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    raise OutOfMemory(
        f"There was not enough memory for {recipe.resolution} with {recipe.num_frames} frames. "
        "Choose a shorter length or a smaller format, or close other programs that use the device."
    )
