"""Whether a checkpoint can make clips to a given sound: its audio VAE needs the encoder for it.

Published ones have it, and LTX-2.5's is LTX-2.3's, byte by byte (Lightricks/LTX-2, issue 275). What
others made of them may have left it out, for nothing but a given sound needs it.
"""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import parse_local_safetensors_file_metadata
from huggingface_hub.errors import SafetensorsParsingError

from ltx_ui.engine.sound_in import LogMel

_PART = "audio_vae"
_ENCODER = "encoder."


def can_hear(checkpoint: Path) -> bool:
    """Whether a checkpoint's folder has an audio encoder, and one for frames of this kind."""
    folder = checkpoint / _PART
    try:
        told = json.loads((folder / "config.json").read_bytes())
        files = [
            parse_local_safetensors_file_metadata(file) for file in folder.glob("*.safetensors")
        ]
    except (OSError, ValueError, SafetensorsParsingError):
        return False
    how = LogMel()
    # Those of diffusers where it tells none.
    kind = {"sample_rate": how.rate, "mel_hop_length": how.hop, "mel_bins": how.bins}
    known = all(told.get(name, value) == value for name, value in kind.items())
    return known and any(name.startswith(_ENCODER) for file in files for name in file.tensors)
