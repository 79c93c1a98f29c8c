"""Where a model's weights are kept, and what that and making a clip take. Without torch.

The figures are counted by ``tests/rehearsal``, which makes clips with the real configuration on
tensors without data and records the peak of what is allocated. ``benchmarks/gpu_road.py`` compared
them with an H200's on a checkpoint of four blocks, and decoding alone took more than was counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ltx_ui.geometry import TEMPORAL_COMPRESSION, followed_tokens, video_tokens

GB = 10**9
Placement = Literal["resident", "free-text", "fp8", "fp8-streamed", "offload"]
"""
``resident``: everything stays on the device.
``free-text``: the text encoder waits in host memory and passes through the device layer by layer.
``fp8``: besides, the transformer is kept in float8 and the decoders wait in host memory too.
``fp8-streamed``: transformer, in float8, and text encoder wait in host memory; the transformer
passes through the device block by block. The same picture as ``fp8``.
``offload``: everything waits in host memory; the transformer passes through block by block, in
bfloat16. Slowest, and exact like the first two, but for rounding: streamed blocks run without
the Triton kernels.
"""
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)
"""From the most device memory to the least."""
IN_8_BITS: frozenset[Placement] = frozenset({"fp8", "fp8-streamed"})
STREAMED: frozenset[Placement] = frozenset({"fp8-streamed", "offload"})
"""Placements in which the transformer passes through the device block by block."""

Quantize = Literal["none", "text", "all"]
"""What is kept in 4 bits: nothing, the text encoder, or the transformer as well."""
IN_4_BITS: Mapping[Quantize, frozenset[str]] = {
    "none": frozenset(),
    "text": frozenset({"text_encoder"}),
    "all": frozenset({"text_encoder", "transformer"}),
}
"""The components whose large matrices are kept in 4 bits."""

DISTILLED_LORA = "distilled_lora"
"""Key, among the weights, of the LoRA that the second of two stages adds to the transformer. It is
loaded for that stage alone, so it counts only for clips in two stages. The choice at start leaves
no room for it: a clip that runs out of memory in its second stage is made in a lower placement."""
UPSAMPLER = "latent_upsampler"
"""Key, among the weights, of what enlarges the first stage's latents. It is on the device only
while it is used; from the first clip in two stages on it waits in host memory."""
_SECOND_STAGE = frozenset({DISTILLED_LORA, UPSAMPLER})

_AWAY = {"text_encoder", "connectors"}
_DECODERS = {"vae", "audio_vae", "vocoder"}
WAITING: Mapping[Placement, frozenset[str]] = {
    "resident": frozenset({UPSAMPLER}),
    "free-text": frozenset({UPSAMPLER} | _AWAY),
    "fp8": frozenset({UPSAMPLER} | _AWAY | _DECODERS),
    "fp8-streamed": frozenset({UPSAMPLER, "text_encoder", "transformer", DISTILLED_LORA}),
    "offload": frozenset({UPSAMPLER, "transformer", DISTILLED_LORA} | _AWAY | _DECODERS),
}
"""The components whose weights wait in host memory."""

KEEPS_TEXT: frozenset[Placement] = frozenset({"resident", "free-text", "fp8"})
"""Placements in which the text's keys and values are cached while a clip is sampled
(``Optimizations.keep_text``) and CUDA graphs recorded. A streamed transformer computes its text in
every step, and has its weights in another place each time."""

MEANING: Mapping[Placement, str] = {
    "resident": "everything stays on the device",
    "free-text": "the text encoder waits in host memory",
    "fp8": "the transformer is kept in 8 bits, the rest waits in host memory",
    "fp8-streamed": "the transformer, in 8 bits, and the text encoder wait in host memory and pass "
    "through the device block by block",
    "offload": "the weights wait in host memory and pass through the device block by block",
}

STEPS: Mapping[Placement, str] = {
    "free-text": "Kept the text encoder in host memory",
    "fp8": "Kept the transformer in 8 bits, which changes the picture slightly",
    "fp8-streamed": "Kept the transformer in 8 bits in host memory, which changes the picture "
    "slightly and is slower",
    "offload": "Kept the weights in host memory, which is slower",
}
"""The note of a take that was made in this placement because memory ran out in a higher one."""

RESERVE = 8 * GB // 10
"""Bytes for the CUDA libraries' workspaces and for fragmentation; estimated."""
SAMPLING_BYTES = 350_000
"""Bytes of activations per video token and clip in a forward; counted 340 000 (19B, bfloat16)."""
CACHED_BYTES = 17_000
"""Bytes per video token and clip that a step cache keeps of a forward (``--lossy step-cache``):
what the first block and all others added, 16 384 for the picture (19B, bfloat16), the rest for the
sound that belongs to it."""
SAMPLING_BASE = 15 * GB // 100
"""Bytes that sampling takes however short the clip is: embeddings of two texts, and tables."""
DECODED_BYTES = 91
"""Bytes of activations per pixel and frame while the video VAE decodes a clip whole, as counted: 87
for 2.0, 91 for 2.3 and 2.5."""
DECODING_BYTES = DECODED_BYTES + 36
"""With what cuDNN takes besides to turn numbers over to the order that it computes in: measured on
an H200 were 118 to 122 in all for 2.0, at 288x512 and 1280x704, 49 and 121 frames."""
TILED_DECODING_BYTES = 25
"""Bytes of activations per pixel and frame while it is decoded in tiles of a few frames; counted
18 to 25, measured 18 to 22 for HD."""
TEXT_BYTES = 255 * GB // 100
"""Bytes of activations while a prompt is encoded: the states of 1024 tokens in 49 layers, and the
connectors' output; counted."""
STREAMED_ENCODER_BYTES = 29 * GB // 10
"""Bytes while a prompt is encoded with the encoder's weights streamed and the connectors' on the
device."""
STREAMED_TEXT_BYTES = 40 * GB // 10
"""Bytes while a prompt is encoded with all these weights streamed: :data:`TEXT_BYTES` and the
connectors' largest layer, 1.45 GB, which all 49 states go through. The word embeddings (2.0 GB)
have left the device by then."""
FLOAT8_SHARE = 0.51
"""Share of the transformer's bfloat16 bytes that it takes in float8, counted from the
configuration: the blocks' large matrices, which are 98 % of it, take half."""
EXACT_SHARE: Mapping[str, float] = {"transformer": 0.02, "text_encoder": 0.083}
"""Share of a component's numbers that 4 bits leave as they are: what is outside the transformer's
blocks, and Gemma's word embeddings; counted from the configuration."""
BYTES_IN_4_BITS = 0.5625
"""Bytes of a number that is kept in 4 bits: half of one, and a scale of 4 for every 64."""
BLOCKS = 48
"""Blocks of every published transformer."""
STREAMED_BLOCKS = 2
"""Blocks on the device at once while they are streamed: the current one and the next."""
OUTSIDE_BLOCKS = 86 * GB // 100
"""Bytes of a streamed transformer that stay on the device: 0.69 GB of the 19B, 0.86 GB of 2.3 and
2.5."""

USUAL = (288, 512, 121)
"""Width, height and frames of a clip that the choice at start leaves room for."""


@dataclass(frozen=True)
class Working:
    """Bytes of device memory that making a clip takes besides the weights.

    Attributes:
        sampling: peak of activations while the clip is sampled.
        decoding: peak of activations while its frames are decoded.
        text: the texts' cached keys and values.
        two_stage: whether the second stage's LoRA is loaded for a while.
        graphs: what CUDA graphs hold on to while nothing is sampled.
        rounded: whether a transformer that stays on the device is rounded to 8 bits once it is
            there (``--lossy fp8-matmul``).
        cached: what a step cache keeps while the clip is sampled.
        loras: the LoRAs that its recipe names; they stay beside the transformer's layers.
    """

    sampling: int
    decoding: int
    text: int = 0
    two_stage: bool = False
    graphs: int = 0
    rounded: bool = False
    cached: int = 0
    loras: int = 0

    @property
    def total(self) -> int:
        """The peak, where the texts' keys and values are cached."""
        sampling = self.sampling + self.text + self.cached
        return max(sampling, self.decoding + self.graphs) + self.loras + RESERVE

    def beside(self, placement: Placement) -> int:
        """The peak in this placement."""
        return self.within(placement).total

    def within(self, placement: Placement) -> Working:
        """The same, without what is not cached and recorded in this placement, and with as much of
        the LoRAs as is on the device at once."""
        if placement in KEEPS_TEXT:
            return self
        passing = self.loras * STREAMED_BLOCKS // BLOCKS
        return replace(self, text=0, graphs=0, cached=0, loras=passing)

    def with_graphs(self, others: int) -> Working:
        """What it takes where the clip's forwards are recorded in CUDA graphs: their pool keeps the
        activations, and their buffers the texts' keys and values. The first forward of each kind
        runs beside the pool.

        Args:
            others: bytes that the graphs of other clips hold on to, in the same way.
        """
        held = self.sampling + self.text + others
        return replace(self, sampling=2 * self.sampling + others, graphs=held)


def working(
    width: int,
    height: int,
    num_frames: int,
    *,
    clips: int = 2,
    two_stage: bool = False,
    tiled: bool = False,
    text: int = 0,
    rounded: bool = False,
    cached: int = 0,
    loras: int = 0,
    between: int = 0,
    follows: int = 0,
) -> Working:
    """What making a clip of this size, in pixels and frames, takes.

    Args:
        clips: batch size of a forward; two with classifier-free guidance.
        two_stage: whether it is sampled at half size and then, without guidance, at full size.
        tiled: whether decoding may fall back to tiles.
        text: bytes of all texts' cached keys and values.
        rounded: as of :class:`Working`.
        cached: clips, in all kinds of forward together, whose forwards a step cache keeps; of the
            first of two stages. It keeps that of the second as well.
        loras: as of :class:`Working`.
        between: pictures between the first and the last frame.
        follows: how many times as wide as a film that it follows it is; 0 where it follows none.
    """
    # An end image takes one more latent frame, and so does each picture before it.
    size = (width, height, num_frames + TEMPORAL_COMPRESSION * (1 + between))
    whole = video_tokens(*size)
    one = whole + followed_tokens(width, height, num_frames, follows)
    sampled, kept = one * clips, one * cached
    if two_stage:
        half = video_tokens(width // 2, height // 2, size[2])
        half += followed_tokens(width // 2, height // 2, num_frames, follows)
        sampled, kept = max(half * clips, whole), half * cached + (whole if cached else 0)
    per_pixel = TILED_DECODING_BYTES if tiled else DECODING_BYTES
    decoding = width * height * num_frames * per_pixel
    if follows:  # It is encoded whole, which takes no more than decoding as large a clip does.
        smaller = (follows * (1 + two_stage)) ** 2
        decoding = max(decoding, width * height * num_frames * DECODING_BYTES // smaller)
    sampling = SAMPLING_BASE + sampled * SAMPLING_BYTES
    kept *= CACHED_BYTES
    return Working(sampling, decoding, text, two_stage, rounded=rounded, cached=kept, loras=loras)


def device_bytes(
    placement: Placement, weights: Mapping[str, int], working: Working, blocks: int = BLOCKS
) -> int:
    """Peak of device memory in a placement.

    Args:
        weights: bytes of each component in bfloat16, by its folder's name.
        blocks: how many blocks the transformer has.
    """
    weights = in_use(weights, working)
    waiting = WAITING[placement]
    encoding = STREAMED_ENCODER_BYTES if "text_encoder" in waiting else TEXT_BYTES
    text = STREAMED_TEXT_BYTES if "connectors" in waiting else encoding
    passing = passing_bytes(placement, weights, blocks)
    beside = replace(working, sampling=working.sampling + passing).beside(placement)
    text += working.within(placement).graphs
    loaded = kept_bytes(placement, weights)
    kept = kept_bytes(placement, weights, working.rounded)
    return max(loaded + RESERVE, kept + max(beside, text + RESERVE))


def in_use(weights: Mapping[str, int], working: Working) -> Mapping[str, int]:
    """The weights that take part in making a clip."""
    if working.two_stage:
        return weights
    return {name: size for name, size in weights.items() if name not in _SECOND_STAGE}


def in_4_bits(weights: Mapping[str, int], quantize: Quantize, element: int) -> dict[str, int]:
    """The weights with some of them kept in 4 bits.

    Args:
        element: bytes that a number of theirs takes otherwise.
    """

    def size(name: str) -> int:
        exact = EXACT_SHARE[name] if name in IN_4_BITS[quantize] else 1.0
        return round(weights[name] * (exact + (1 - exact) * BYTES_IN_4_BITS / element))

    return {name: size(name) for name in weights}


def possible(quantize: Quantize) -> tuple[Placement, ...]:
    """The placements, in their order, that don't keep in 8 bits what is kept in 4."""
    quantized = "transformer" in IN_4_BITS[quantize]
    return tuple(p for p in PLACEMENTS if not (quantized and p in IN_8_BITS))


def _stored(
    placement: Placement, weights: Mapping[str, int], rounded: bool = False
) -> dict[str, int]:
    """The weights as the placement stores them."""
    in_8_bits = placement in IN_8_BITS or (rounded and placement not in STREAMED)
    share = FLOAT8_SHARE if in_8_bits else 1
    return {**weights, "transformer": round(weights.get("transformer", 0) * share)}


def kept_bytes(placement: Placement, weights: Mapping[str, int], rounded: bool = False) -> int:
    """Device memory that the weights take permanently.

    Args:
        rounded: as of :class:`Working`; once they are.
    """
    stored = _stored(placement, weights, rounded)
    kept = sum(stored.values()) - host_bytes(placement, weights)
    return kept + OUTSIDE_BLOCKS if placement in STREAMED else kept


def passing_bytes(placement: Placement, weights: Mapping[str, int], blocks: int = BLOCKS) -> int:
    """Device memory that streamed blocks take while a clip is sampled, with their LoRA."""
    if placement not in STREAMED:
        return 0
    whole = _stored(placement, weights)["transformer"] + weights.get(DISTILLED_LORA, 0)
    return whole * STREAMED_BLOCKS // blocks


def host_bytes(placement: Placement, weights: Mapping[str, int]) -> int:
    """Host memory that the weights which are not on the device take."""
    stored = _stored(placement, weights)
    return sum(size for name, size in stored.items() if name in WAITING[placement])
