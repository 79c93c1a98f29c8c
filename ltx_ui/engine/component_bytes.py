"""How many bytes the parts of each family take, before a checkpoint of it is here."""

BYTES_19B = {
    "transformer": 37_752_000_000,
    "text_encoder": 24_375_000_000,
    "connectors": 2_863_000_000,
    "vae": 2_445_000_000,
    "audio_vae": 107_000_000,
    "vocoder": 111_000_000,
}
"""From the headers of ``Lightricks/LTX-2``; its text encoder is stored in float32, in 48.7 GB."""
BYTES_22B = {
    **BYTES_19B,
    "transformer": 37_978_000_000,
    "connectors": 6_344_000_000,
    "vocoder": 516_000_000,
}
"""Counted from the published configuration on the meta device; the vocoder computes in float32."""
BYTES_LTX_2_5 = {
    **BYTES_22B,
    "text_encoder": 23_920_000_000,
    "vae": 1_450_000_000,
    "latent_upsampler": 1_000_000_000,
}
"""Figures that others report; the repo can be read only after accepting its licence."""
KEPT_TEXT = 1_207_959_552
"""One text's keys and values in all blocks of LTX-2 and 2.5, where they are the same in each step:
two of 1024 tokens with 4096 and 2048 channels in each of 48 blocks."""
