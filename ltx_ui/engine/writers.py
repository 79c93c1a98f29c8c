"""Which models' text encoders can write, and why the others can't. Without torch."""

from __future__ import annotations

from ltx_ui.engine.models import ModelCard

WRITES = "Gemma3ForConditionalGeneration"
"""The class of the text encoders that are trained to answer; those of LTX-2 and LTX-2.3. LTX-2.5's
was changed for reading, and its authors have a model of its own write."""
TURN, END = "<start_of_turn>", "<end_of_turn>"
"""What stands around a turn of a conversation with Gemma 3, as its authors document it."""

DEMO = (
    "The demo model can't improve prompts: its text encoder reads the few words that it knows, and "
    "can't write. LTX-2 and LTX-2.3 can."
)


def why_not(card: ModelCard) -> str:
    """Why a model can't say prompts in more words, as far as its card tells; empty if it can."""
    return DEMO if card.demo else ""


def why_this_encoder_cannot(card: ModelCard, encoder: str, *, has_turns: bool) -> str:
    """The same for a model that is loaded.

    Args:
        encoder: its text encoder's class.
        has_turns: whether its tokenizer knows :data:`TURN` and :data:`END`.
    """
    if card.demo or (encoder == WRITES and has_turns):
        return why_not(card)
    return (
        f"{card.title} can't improve prompts: its text encoder reads them, and is not trained to "
        "write. LTX-2 and LTX-2.3 can."
    )
