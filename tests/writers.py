"""A model whose text encoder writes: the demo with another one, of Gemma 3's real classes."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer
from transformers.utils import logging

from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.writers import END, TURN

OWN = ("text_encoder", "tokenizer")


def save_writer(folder: Path) -> Path:
    """A folder with the demo's other parts, its tokenizer with the marks of a conversation, and an
    encoder with random weights that knows them: it writes any words, and looks at pictures."""
    folder.mkdir(parents=True)
    for part in DEMO_FOLDER.iterdir():
        if part.name not in OWN:
            (folder / part.name).symlink_to(part)
    logging.disable_progress_bar()
    tokenizer = GemmaTokenizer.from_pretrained(DEMO_FOLDER / "tokenizer")
    tokenizer.add_tokens([TURN, END], special_tokens=True)
    tokenizer.save_pretrained(folder / "tokenizer")
    config = Gemma3Config.from_pretrained(DEMO_FOLDER / "text_encoder")
    config.text_config.vocab_size = len(tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Gemma3ForConditionalGeneration(config)
        projection = encoder.model.multi_modal_projector.mm_input_projection_weight
        torch.nn.init.normal_(projection, std=10.0)
    encoder.save_pretrained(folder / "text_encoder")
    return folder
