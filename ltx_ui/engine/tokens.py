"""How many tokens a text has, and how much of it a model reads. Without torch or weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from ltx_ui.engine.models import ModelCard
from ltx_ui.recipe import Recipe

_LAST_WORDS = 40
"""Characters quoted from the end of the part that was read."""


@dataclass(frozen=True)
class TokenCount:
    """How a model's tokenizer splits a text.

    Attributes:
        count: tokens of the whole text, special tokens included.
        limit: tokens that the model reads.
        read: the part of the text that is read; all of it where ``count`` is within ``limit``.
    """

    count: int
    limit: int
    read: str

    @property
    def is_cut(self) -> bool:
        """Whether the model reads less than the whole text."""
        return self.count > self.limit

    def note(self, what: str) -> str:
        """A sentence on what was cut.

        Args:
            what: what the text is, such as "prompt".
        """
        end = self.read[-_LAST_WORDS:].strip()
        return (
            f"The model read the first {self.limit} of the {what}'s {self.count} tokens: it was "
            f"cut after “{'…' if len(self.read) > _LAST_WORDS else ''}{end}”."
        )


class Tokens:
    """Counts tokens as a pipeline's tokenizer does. Safe to call from any thread.

    Args:
        tokenizer: a fast tokenizer of transformers. It is copied, because each call of it changes
            its settings of truncation and padding.
        limit: tokens that the model reads.
    """

    def __init__(self, tokenizer: Any, limit: int) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.limit = limit

    def count(self, text: str) -> TokenCount:
        """Count a text's tokens, without the white space around it."""
        text = text.strip()
        encoding = self._tokenizer.encode(text)
        if (count := len(encoding.ids)) <= self.limit:
            return TokenCount(count, self.limit, text)
        # Special tokens are kept; the text's own tokens are cut at the end.
        room = self.limit - self._tokenizer.num_special_tokens_to_add(False)
        pairs = zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
        own = [place for place, special in pairs if not special]
        # A character of several tokens counts as read only if all of them are.
        end = min(own[room - 1][1], own[room][0])
        return TokenCount(count, self.limit, text[:end])


def cut_texts(count: Callable[[str], TokenCount], card: ModelCard, recipe: Recipe) -> list[str]:
    """A note for each of a recipe's texts that the model does not read to its end."""
    texts = {"prompt": recipe.prompt}
    if card.guided(recipe):
        texts["negative prompt"] = recipe.negative_prompt
    counts = {what: count(text) for what, text in texts.items()}
    return [found.note(what) for what, found in counts.items() if found.is_cut]
