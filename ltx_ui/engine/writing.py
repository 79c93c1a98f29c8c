"""The text encoder writes: it says a prompt in more words, as the model's authors instruct it.

diffusers' ``enhance_prompt`` does this with torch's global generator, which clips' noise may depend
on, brings the encoder to the device whole, and can't be stopped. Here each token is drawn from a
generator of its own, and the encoder stays where its placement keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ltx_ui.engine import compat, machine
from ltx_ui.engine.compiling import Idle
from ltx_ui.engine.memory_fallback import Exhausted, Fallback, attempt
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.seeing import seen
from ltx_ui.engine.writers import END, TURN, why_this_encoder_cannot
from ltx_ui.errors import ModelUnavailable, OutOfMemory
from ltx_ui.inputs import NO_INPUTS, InputData, Picture

TOP_K, TOP_P = 64, 0.95
"""What Gemma 3's authors draw tokens with (``google/gemma-3-12b-it``, its generation config)."""
OURS = (
    "\n\n- Keep names that begin with @, passages in quotes and choices in braces letter for "
    "letter, in the language that they are in.\n- Use the user's own words for the camera."
)
"""What is said beside the authors' instructions."""

_TAG = re.compile(r"<[^<>\s]{1,40}>")
"""What may be one of the tokenizer's own tokens, such as the end of a turn."""


@dataclass(frozen=True, eq=False)
class Wish:
    """What is to be written.

    Attributes:
        prompt: that is to be said in more words.
        seed: the same wish with the same seed gives the same text on the same device.
        picture: the first frame, uint8, H×W×3; None without one.
    """

    prompt: str
    seed: int
    picture: Picture | None = None


@dataclass(frozen=True)
class Written:
    """A text, and whether the model came to an end, instead of running out of tokens."""

    text: str
    whole: bool


class Writing:
    """What an engine does with its text encoder beside encoding prompts. A base of the engine's."""

    pipe: Any
    card: ModelCard
    _device: torch.device
    _idle: Idle
    _free_memory: Callable[..., None]
    _ready: Callable[[InputData], None]

    def why_not_writing(self) -> str:
        """Why the loaded model can't write, in a sentence; empty if it can."""
        vocabulary = self.pipe.tokenizer.get_vocab()
        encoder = type(self.pipe.text_encoder).__name__
        turns = vocabulary.keys() >= {TURN, END}
        return why_this_encoder_cannot(self.card, encoder, has_turns=turns)

    @torch.inference_mode()
    def write(self, wish: Wish, check: Callable[[], None]) -> Written:
        """Say a prompt in more words.

        Args:
            check: called before each token; what it raises ends the writing.

        Raises:
            ModelUnavailable: the model can't write.
            OutOfMemory: there is not enough memory on the device.
        """
        self._ready(NO_INPUTS)
        if why := self.why_not_writing():
            raise ModelUnavailable(why)
        try:
            with machine.current(self._device), self._idle.working():
                again = (Fallback("Freed memory and wrote again."),)
                return attempt(lambda: _write(self.pipe, wish, check), again, self._free_memory)[0]
        except Exhausted:
            self._free_memory()
            raise OutOfMemory(
                "There is not enough memory on the device to improve the prompt. Close other "
                "programs that use it, or start the studio with --placement free-text."
            ) from None


def _write(pipe: Any, wish: Wish, check: Callable[[], None]) -> Written:
    encoder, device = pipe.text_encoder, compat.execution_device(pipe)
    tokens, kinds = _asked(pipe.tokenizer, encoder.config, wish)
    given: dict[str, Any] = {}
    if wish.picture is not None:
        given["mm_encoder_outputs"] = {"image": seen(encoder, wish.picture, device)}
        given["token_type_ids"] = kinds.to(device)
    drawing = (
        TemperatureLogitsWarper(compat.WRITING.generation_kwargs["temperature"]),
        TopKLogitsWarper(min(TOP_K, encoder.config.text_config.vocab_size)),
        TopPLogitsWarper(TOP_P),
        _Drawn(wish.seed),
    )
    ends = [pipe.tokenizer.convert_tokens_to_ids(END), pipe.tokenizer.eos_token_id]
    written = encoder.generate(
        input_ids=tokens.to(device),
        attention_mask=torch.ones_like(tokens).to(device),
        generation_config=GenerationConfig(
            max_new_tokens=compat.WRITING.max_new_tokens,
            do_sample=False,
            temperature=1.0,
            top_k=50,
            top_p=1.0,
            eos_token_id=ends,
            pad_token_id=pipe.tokenizer.pad_token_id,
            cache_implementation="dynamic",
            disable_compile=True,
        ),
        logits_processor=LogitsProcessorList(drawing),
        stopping_criteria=StoppingCriteriaList([_Checked(check)]),
        **given,
    )[0, tokens.shape[1] :].tolist()
    return Written(pipe.tokenizer.decode(written, skip_special_tokens=True), written[-1] in ends)


def _asked(tokenizer: Any, config: Any, wish: Wish) -> tuple[Tensor, Tensor]:
    """The tokens that the model answers, 1×L, and which of them stand for the picture, as ones."""
    prompt = _TAG.sub(" ", wish.prompt)
    looks = wish.picture is not None
    before = f"{TURN}user\n{compat.instructions(looks)}{OURS}\n\n"
    asks = f"User Raw Input Prompt: {prompt}." if looks else f"user prompt: {prompt}"
    after = f"{END}\n{TURN}model\n"
    parts: list[list[int]] = [[tokenizer.bos_token_id], _ids(tokenizer, before)]
    image = [config.image_token_id] * config.mm_tokens_per_image if looks else []
    if looks:
        parts += [_ids(tokenizer, "\n\n"), [config.boi_token_index], image]
        parts += [[config.eoi_token_index], _ids(tokenizer, "\n\n")]
    parts += [_ids(tokenizer, asks + after)]
    ids = torch.tensor([[token for part in parts for token in part]])
    return ids, (ids == config.image_token_id).long() if looks else torch.zeros_like(ids)


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    return ids


class _Drawn(LogitsProcessor):  # type: ignore[misc]
    """Draws a token with a generator of its own: of the logarithms of probabilities, each less the
    logarithm of an exponential random number, the largest is a draw from the distribution."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores, 1×V, with the one that was drawn as the largest."""
        noise = torch.empty(scores.shape).exponential_(generator=self._generator)
        return scores.float() - noise.log().to(scores.device)


class _Checked(StoppingCriteria):  # type: ignore[misc]
    """Calls a function before each token, which may end the writing by raising an error."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        """Never ends it by itself: 1 times False."""
        self._check()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
