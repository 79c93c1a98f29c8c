"""The Engine: a loaded model on a device, which makes Clips from Recipes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch

from ltx_ui import runtime
from ltx_ui.clip import Clip, Listener
from ltx_ui.engine import loading, machine
from ltx_ui.engine.attention_kernels import KERNELS
from ltx_ui.engine.clip_memory import ClipMemory
from ltx_ui.engine.compiling import Idle
from ltx_ui.engine.decoding import decode
from ltx_ui.engine.downloading import Report, silent
from ltx_ui.engine.latent_cache import LatentCache, Sampled
from ltx_ui.engine.loop import with_ends
from ltx_ui.engine.lossy import LossySpeed, check
from ltx_ui.engine.memory_fallback import Exhausted, Fallback, Work, attempt, free_caches
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.optimizations import Optimizations, OptimizedTransformer, default_optimizations
from ltx_ui.engine.placement import STEPS, STREAMED, Placement, Quantize, possible
from ltx_ui.engine.preview import Colours, colours_of, with_previews
from ltx_ui.engine.quantization import require_bitsandbytes
from ltx_ui.engine.resolving import resolve
from ltx_ui.engine.sampling import Latents, sample, sample_together, takes_at_once
from ltx_ui.engine.text import PromptEncoder, text_length
from ltx_ui.engine.tokens import TokenCount, Tokens, cut_texts
from ltx_ui.engine.twostage import TwoStage
from ltx_ui.engine.warming import warm_up
from ltx_ui.engine.writing import Writing
from ltx_ui.errors import ModelUnavailable, OutOfMemory
from ltx_ui.inputs import NO_INPUTS, InputData
from ltx_ui.lossy import EXACT, Lossy
from ltx_ui.recipe import Recipe

T = TypeVar("T")
Precision = Literal["float32", "bfloat16"]
AGAIN = Fallback("Freed memory and sampled again.")
ONE_BY_ONE = "Sampled one take after the other: less memory."


class Engine(Writing):
    """Makes clips, one at a time, from one thread.

    Args:
        model: ``auto``, a card's id, a repo on Hugging Face, or a folder.
        models_dir: where downloads are kept.
        cache_dir: folder for what can be computed again; None for no previews.
        placement: where the weights are kept; None to choose by the memory that is free.
        optimizations: what makes it faster; None for every optimization that pays on this machine.
        precision: what to compute in; None for the device's default.
        device: what to run on, as :func:`ltx_ui.engine.machine.pick_device` takes it.
        quantize: which weights to keep in 4 bits.
        lossy: speed that changes the clip; its notes say so.
        keep_until_saved: keep a clip's latents until :meth:`saved` is called with its recipe, so
            that the recipe need not be sampled again; otherwise only until the clip is decoded.

    Attributes:
        notice: a sentence on why ``auto`` means the demo model here; empty otherwise.
        pipe: the loaded diffusers pipeline; None before :meth:`load`.
        encoder, optimized, lossy, memory: what encodes its prompts, its transformer with the
            optimizations, what is lossy in it, and what its clips take; only there while loaded.

    Raises:
        ModelUnavailable: there is no such model or device, a package is missing, or the device
            can't do what ``lossy`` asks for.
    """

    def __init__(
        self,
        model: str,
        models_dir: Path,
        cache_dir: Path | None = None,
        placement: Placement | None = None,
        optimizations: Optimizations | None = None,
        precision: Precision | None = None,
        device: str = "auto",
        quantize: Quantize = "none",
        *,
        lossy: Lossy = EXACT,
        keep_until_saved: bool = False,
    ) -> None:
        self.models_dir, self.cache_dir = models_dir, cache_dir
        self._colours: Colours | None = None
        if quantize != "none":
            require_bitsandbytes()
        self._device = machine.pick_device(device)
        wanted = model == "auto"
        self.notice = loading.why_demo(models_dir, self._device, quantize, lossy) if wanted else ""
        self.card: ModelCard = resolve(model, cuda=not self.notice)
        self._dtype = getattr(torch, precision) if precision else machine.usual_dtype(self._device)
        self.device = machine.device_name(self._device, self._dtype, quantize, lossy)
        self.versions = machine.versions()
        self.placement = self._first = placement
        self._optimizations = optimizations or default_optimizations(device=device)
        self.pipe: Any = None
        self._lowered: dict[Hashable, Placement] = {}
        self.memory: ClipMemory
        self.optimized: OptimizedTransformer
        self._idle, self._latents = Idle(), LatentCache()
        self._quantize, self._lossy = quantize, lossy
        check(lossy, self._device)
        self._keep_until_saved = keep_until_saved
        self._loras: dict[str, int] = {}

    def load(self, report: Report) -> None:
        """Bring the model to the device, downloading it first if need be.

        Raises:
            ModelUnavailable: with what to do about it.
        """
        self._load(report)
        self._first = self.placement
        prepares = self._optimizations.compile or self._device.type == "cuda"
        if prepares and self.placement not in STREAMED:
            report("Making a first step.", None)
            clip = self.optimized.clip(one_timestep=True, graphs=False)
            with machine.current(self._device), self.lossy.clip(), clip:
                warm_up(self.pipe, self.card, self.encoder)

    def _load(self, report: Report) -> None:
        with machine.current(self._device):
            loaded = loading.load(
                *(self.card, self.models_dir, report, self.placement, self._dtype, self._device),
                direct=self._optimizations.direct_loading,
                quantize=self._quantize,
                lossy=self._lossy,
            )
            self._install(loaded)

    def adopt(self, loaded: loading.Loaded) -> None:
        """Make clips with a pipeline that is in memory already. The engine changes it."""
        self._install(loaded)
        self._first = self.placement

    def _install(self, loaded: loading.Loaded) -> None:
        self._uninstall_optimizations()
        self.card, self.pipe, self.placement = loaded.card, loaded.pipe, loaded.placement
        self.encoder = PromptEncoder(self.pipe)
        self._tokens = Tokens(self.pipe.tokenizer, text_length(self.pipe))
        if self.cache_dir is not None:
            runtime.keep_compiled_in(self.cache_dir)
            self._colours = colours_of(self.pipe.vae, self.cache_dir, self._device)
        self._two_stage = TwoStage(self.pipe, self.card)
        size, among = self._dtype.itemsize, possible(self._quantize)
        found = (self.card, loaded.weights, loaded.free, among, size)
        self.memory = ClipMemory(*found, lossy=self._lossy, loras=self._loras)
        try:
            self._install_optimizations()
        except Exception:
            self.pipe = None  # The next clip loads it again.
            raise

    def use(self, optimizations: Optimizations) -> None:
        """Use these optimizations from now on instead of the present ones."""
        self._uninstall_optimizations()
        self._optimizations = optimizations
        self._install_optimizations()

    def _install_optimizations(self) -> None:
        self.optimized = OptimizedTransformer(
            self.pipe.transformer, self._optimizations, self._device, self.cache_dir, self._idle
        )
        self.memory = replace(self.memory, text=self.optimized.text_bytes, graphs={})
        self.lossy = LossySpeed(self.pipe, self._lossy)

    def _uninstall_optimizations(self) -> None:
        if self.pipe is not None:
            self.lossy.remove()
            self.optimized.remove()

    def finish_compiling(self) -> None:
        """Wait until everything that is being compiled in the background is ready."""
        if self.optimized.compiled is not None:
            self.optimized.compiled.wait()

    def count_tokens(self, text: str) -> TokenCount:
        """How many tokens a text has, and which part of it the model reads. May be called from any
        thread, once a model is loaded."""
        return self._tokens.count(text)

    def lora_shapes(self) -> dict[str, tuple[int, int]]:
        """How wide the inputs and the outputs of each linear layer are, by its name."""
        return self.optimized.adapters.shapes

    @torch.inference_mode()
    def generate(self, recipe: Recipe, listener: Listener, inputs: InputData = NO_INPUTS) -> Clip:
        """The clip that a recipe describes.

        Args:
            inputs: what the files hold that the recipe names.

        Raises:
            Cancelled: the listener stopped it; the next clip can be made at once.
            InvalidRecipe: the model can't do what the recipe asks for.
            OutOfMemory: with what would fit better.
        """
        self._ready(inputs)
        with machine.current(self._device), self._idle.working():
            return self._make(recipe, listener, inputs)

    def _make(self, recipe: Recipe, listener: Listener, inputs: InputData) -> Clip:
        self.card.check(recipe)
        sampled = self._latents.find(recipe)
        if sampled is None:
            sampling = partial(self._sample, recipe, listener, inputs)
            sampled = Sampled(recipe, *self._with_memory(recipe, sampling, inputs))
            self._latents.add(sampled)
        clip = self._decode(sampled, listener)
        clip = replace(clip, notes=(*clip.notes, *cut_texts(self.count_tokens, self.card, recipe)))
        if not self._keep_until_saved:
            self.saved(recipe)
        return clip

    def saved(self, recipe: Recipe) -> None:
        """Forget the latents of a recipe whose clip is on disk. May be called from any thread."""
        self._latents.drop(recipe)

    def generate_many(
        self, takes: Sequence[Recipe], listener: Listener, inputs: InputData = NO_INPUTS
    ) -> Iterator[Clip]:
        """The clips of recipes that differ only in their seeds, in order, each as soon as it is
        made. Several are sampled in one batch where that is faster. Args and errors are those of
        :meth:`generate`."""
        together = self.at_once(takes[0]) if takes else 1
        for first in range(0, len(takes), together):
            yield from self._make_group(takes[first : first + together], listener, inputs)

    def at_once(self, recipe: Recipe) -> int:
        """How many takes of a recipe are sampled in one batch."""
        return takes_at_once(recipe, self.card, self._device.type == "cuda")

    def _make_group(
        self, takes: Sequence[Recipe], listener: Listener, inputs: InputData
    ) -> Iterator[Clip]:
        """The clips of takes that are sampled in one batch or, where there is too little memory for
        a batch, one after the other."""
        missing = [take for take in takes if self._latents.find(take) is None]
        one_by_one = len(missing) > 1 and not self._sample_together(missing, listener, inputs)
        for take in takes:
            clip = self.generate(take, listener, inputs)
            yield replace(clip, notes=(ONE_BY_ONE, *clip.notes)) if one_by_one else clip

    # Not inside the generator: inference mode would stay on while the caller uses a clip.
    @torch.inference_mode()
    def _sample_together(
        self, takes: Sequence[Recipe], listener: Listener, inputs: InputData
    ) -> bool:
        """Sample takes in one batch and keep their latents. Returns False if there is too little
        memory for it, even after freeing what can be freed."""
        self._ready(inputs)
        self.card.check(takes[0])
        self._settle(takes[0])
        previewed = self._with_previews(takes[0], listener)

        def batch() -> list[Latents]:
            return sample_together(self.pipe, self.card, self.encoder, takes, previewed, inputs)

        try:
            with machine.current(self._device):
                work = self._in_clip(takes[0], batch, inputs, len(takes))
                sampled, notes = attempt(work, (AGAIN,), self._free_memory)
        except Exhausted:
            return False
        for take, latents in zip(takes, sampled, strict=True):
            self._latents.add(Sampled(take, latents, notes + self._how(take)))
        return True

    def _sample(self, recipe: Recipe, listener: Listener, inputs: InputData) -> Latents:
        recipe, inputs = with_ends(self.pipe, self.card, self._sample, recipe, listener, inputs)
        previewed = self._with_previews(recipe, listener)
        if recipe.two_stage:
            return self._two_stage.sample(self.encoder, recipe, previewed, inputs)
        return sample(self.pipe, self.card, self.encoder, recipe, previewed, inputs)

    def _with_previews(self, recipe: Recipe, listener: Listener) -> Listener:
        return with_previews(listener, self._colours, recipe, self.card.grid_of(recipe))

    def _ready(self, inputs: InputData) -> None:
        """Load the model again if an earlier change of placement failed."""
        self._loras |= {lora.sha256: lora.numbers for lora in inputs.loras}
        if self.pipe is None:
            if self.placement is None:
                raise RuntimeError("load() has to succeed before generate()")
            try:
                self._load(silent)
            except ModelUnavailable:
                if self.placement == self._first:
                    raise
                self.placement = self._first  # As at the start.
                self._load(silent)

    def _settle(self, recipe: Recipe) -> None:
        """Bring the weights to the placement for clips of this size: the first one or, if memory
        ran out for such a clip before, the one that worked. So no clip of another size changes."""
        before, wanted = self.placement, self._lowered.get(self.memory.size(recipe), self._first)
        if before is None or wanted is None or before == wanted:
            return
        try:
            self._move(wanted)
        except ModelUnavailable:  # Another program has taken the memory since.
            self._move(before)

    def _how(self, recipe: Recipe) -> tuple[str, ...]:
        """Notes on what makes this another clip than usual: where the weights are, if that is not
        their first placement, and lossy speed."""
        moved = self.placement if self.placement != self._first else None
        where = (f"{STEPS[moved]}: less memory.",) if moved else ()
        kernel = self.optimized.attention
        others = () if KERNELS[kernel].exact else (f"attention {kernel}",)
        return where + self.lossy.notes(guided=self.card.forwards(recipe) > 1, others=others)

    def _with_memory(
        self, recipe: Recipe, sampling: Work[T], inputs: InputData
    ) -> tuple[T, tuple[str, ...]]:
        """Sample. If memory runs out, free what can be freed and try again, then in each lower
        placement that should have room for the clip. The next clip of this size is made in the
        placement that worked.

        Raises:
            OutOfMemory: there is not enough memory in any placement; says what should fit.
        """
        self._settle(recipe)
        lower = self.memory.lower(recipe, self.placement or "resident")
        fallbacks = [Fallback("", partial(self._step_down, recipe, where)) for where in lower]
        try:
            work = self._in_clip(recipe, sampling, inputs)
            sampled, notes = attempt(work, (AGAIN, *fallbacks), self._free_memory)
            return sampled, notes + self._how(recipe)
        except Exhausted:
            raise self._too_large(recipe) from None

    def _in_clip(
        self, recipe: Recipe, sampling: Work[T], inputs: InputData, takes: int = 1
    ) -> Work[T]:
        """``sampling`` of so many takes in one batch, with what only holds for such a clip."""
        tries = count()

        def once() -> T:
            if next(tries):
                self.memory.leave_out_graphs(recipe, takes)
            where, alike = self.placement or "resident", not recipe.seen
            plain = self._lossy.step_cache is None and not inputs.loras
            drop = self._drop_graphs
            room = plain and self.memory.has_room_for_graphs(recipe, takes, where, drop)
            clip = self.optimized.clip(one_timestep=alike, graphs=room, loras=inputs.loras)
            with self.lossy.clip(), clip:
                return sampling()

        return once

    def _drop_graphs(self) -> None:
        self.optimized.drop_graphs()
        self.optimized.forget()
        self.memory.graphs.clear()

    def _free_memory(self) -> None:
        if self.pipe is not None:
            self._drop_graphs()
        free_caches()

    def _step_down(self, recipe: Recipe, placement: Placement) -> AbstractContextManager[None]:
        self._move(placement)
        self._lowered[self.memory.size(recipe)] = placement
        return nullcontext()

    def _move(self, placement: Placement) -> None:
        """Load the model again in another placement."""
        if self.pipe is not None:
            self._uninstall_optimizations()
            del self.encoder, self._two_stage, self.optimized, self.lossy
            self.pipe = None
        free_caches()
        self.placement = placement
        self._load(silent)

    def _decode(self, sampled: Sampled, listener: Listener) -> Clip:
        recipe = sampled.recipe
        try:
            clip = decode(
                *(self.pipe, self.card, sampled.latents, recipe, listener),
                has_spare_cpu=self._device.type == "cuda",
                pinned=self._optimizations.pinned,
                free=self._free_memory,
            )
        except MemoryError:
            raise self._too_large(recipe) from None
        return replace(clip, notes=sampled.notes + clip.notes)

    def _too_large(self, recipe: Recipe) -> OutOfMemory:
        self._free_memory()
        return self.memory.too_large(recipe)
