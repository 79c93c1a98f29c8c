"""Looking at a picture with the part of the text encoder that is for pictures.

No clip needs it, so it is not loaded with the model. It is read for one picture and let go again:
0.9 GB of Gemma 3.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import logging
from transformers.modeling_outputs import BaseModelOutputWithPooling

from ltx_ui.inputs import Picture


def seen(text_encoder: Any, picture: Picture, device: torch.device) -> BaseModelOutputWithPooling:
    """What a text encoder's ``forward`` takes of a picture: its features, 1×T×C, on the device.

    Args:
        text_encoder: a ``Gemma3ForConditionalGeneration`` that was read from a folder.
        picture: uint8, H×W×3, RGB.
    """
    eyes = _eyes(text_encoder)
    tower, projector = eyes.vision_tower.to(device), eyes.multi_modal_projector.to(device)
    pixels = _pixels(picture, text_encoder.config.vision_config.image_size)
    states = tower(pixel_values=pixels.to(device, text_encoder.dtype)).last_hidden_state
    return BaseModelOutputWithPooling(pooler_output=projector(states))


def _pixels(picture: Picture, side: int) -> Tensor:
    """A picture as Gemma 3's processor gives it to the model: 1×3×side×side, -1…1."""
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    size = (side, side)
    return interpolate(pixels, size, mode="bilinear", antialias=True) / 127.5 - 1


@torch.inference_mode(False)
def _eyes(text_encoder: Any) -> Any:
    """The encoder's model, read again from its folder without all that is for text."""
    config = deepcopy(text_encoder.config)
    text = config.text_config
    text.num_hidden_layers, text.layer_types, text.vocab_size, text.pad_token_id = 0, [], 1, None
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # It would list all that is left out.
    try:
        # What is left out of the embeddings is drawn anew, from the global generator.
        with torch.random.fork_rng(devices=[]):
            whole = type(text_encoder).from_pretrained(
                text_encoder.name_or_path,
                config=config,
                dtype=text_encoder.dtype,
                local_files_only=True,
                ignore_mismatched_sizes=True,
            )
    finally:
        logging.set_verbosity(level)
    return whole.model
