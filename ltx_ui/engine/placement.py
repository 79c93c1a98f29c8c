"""Where a model's weights are kept, chosen by free memory and by what a clip needs. Without torch.

The figures are counted by ``tests/rehearsal``, which makes clips with the real configuration on
tensors without data and records the peak of what is allocated. ``benchmarks/gpu_road.py`` compared
them with an H200's on a checkpoint of four blocks, and decoding alone took more than was counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ltx_ui.errors import ModelUnavailable
from ltx_ui.geometry import TEMPORAL_COMPRESSION, video_tokens

GB = 10**9
Placement = Literal["resident", "free-text", "fp8", "fp8-streamed", "offload"]
"""
``resident``: everything stays on the device.
``free-text``: the text encoder waits in host memory and passes through the device layer by layer.
``fp8``: besides, the transformer is kept in float8 and the decoders wait in host memory too.
``fp8-streamed``: transformer, in float8, and text encoder wait in host memory; the transformer
passes through the device block by block. The same picture as ``fp8``.
``offload``: everything waits in host memory; the transformer passes through block by block, in
bfloat16. Slowest, and exact like the first two.
"""
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)
"""From the most device memory to the least."""
PREFERRED: tuple[Placement, ...] = ("resident", "free-text", "fp8", "offload", "fp8-streamed")
"""The order of choice. ``fp8`` saves a transfer of the whole transformer in every step, which is
worth a slight difference. ``fp8-streamed`` halves it at best, and on the cards concerned the next
block often arrives while one is computed either way; so ``offload``, which is exact, comes first
where the host has the 68 GB that it takes, 24 GB more than ``fp8-streamed``."""
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
class Free:
    """Bytes of memory free before a model is loaded; ``device`` is None without a CUDA device."""

    device: int | None
    host: int


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
    """

    sampling: int
    decoding: int
    text: int = 0
    two_stage: bool = False
    graphs: int = 0
    rounded: bool = False

    @property
    def total(self) -> int:
        """The peak, where the texts' keys and values are cached."""
        return max(self.sampling + self.text, self.decoding + self.graphs) + RESERVE

    def beside(self, placement: Placement) -> int:
        """The peak in this placement."""
        return self.within(placement).total

    def within(self, placement: Placement) -> Working:
        """The same, without what is not cached and recorded in this placement."""
        return self if placement in KEEPS_TEXT else replace(self, text=0, graphs=0)

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
) -> Working:
    """What making a clip of this size, in pixels and frames, takes.

    Args:
        clips: batch size of a forward; two with classifier-free guidance.
        two_stage: whether it is sampled at half size and then, without guidance, at full size.
        tiled: whether decoding may fall back to tiles.
        text: bytes of all texts' cached keys and values.
        rounded: as of :class:`Working`.
    """
    # An end image takes one more latent frame.
    size = (width, height, num_frames + TEMPORAL_COMPRESSION)
    sampled = video_tokens(*size) * clips
    if two_stage:
        half = video_tokens(width // 2, height // 2, size[2])
        sampled = max(half * clips, video_tokens(*size))
    per_pixel = TILED_DECODING_BYTES if tiled else DECODING_BYTES
    decoding = width * height * num_frames * per_pixel
    sampling = SAMPLING_BASE + sampled * SAMPLING_BYTES
    return Working(sampling, decoding, text, two_stage, rounded=rounded)


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
    passing = _passing(placement, weights, blocks)
    beside = replace(working, sampling=working.sampling + passing).beside(placement)
    text += working.within(placement).graphs
    loaded = _kept(placement, weights)
    kept = _kept(placement, weights, working.rounded)
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


def _kept(placement: Placement, weights: Mapping[str, int], rounded: bool = False) -> int:
    """Device memory that the weights take permanently, once they are rounded if they shall be."""
    stored = _stored(placement, weights, rounded)
    kept = sum(stored.values()) - host_bytes(placement, weights)
    return kept + OUTSIDE_BLOCKS if placement in STREAMED else kept


def _passing(placement: Placement, weights: Mapping[str, int], blocks: int = BLOCKS) -> int:
    """Device memory that streamed blocks take while a clip is sampled, with their LoRA."""
    if placement not in STREAMED:
        return 0
    whole = _stored(placement, weights)["transformer"] + weights.get(DISTILLED_LORA, 0)
    return whole * STREAMED_BLOCKS // blocks


def host_bytes(placement: Placement, weights: Mapping[str, int]) -> int:
    """Host memory that the weights which are not on the device take."""
    stored = _stored(placement, weights)
    return sum(size for name, size in stored.items() if name in WAITING[placement])


def choose(
    title: str,
    weights: Mapping[str, int],
    free: Free,
    working: Working,
    among: Collection[Placement] = PLACEMENTS,
) -> Placement:
    """The first placement of :data:`PREFERRED` that fits, with room for a clip's working memory.
    Without a CUDA device it is ``resident``.

    Args:
        title: the model's, for the message.
        weights: bytes of each component in the precision it computes in, or as it is quantized.
        among: what to choose from.

    Raises:
        ModelUnavailable: none fits; says how much is needed and how much is free.
    """
    weights = in_use(weights, working)
    total = sum(weights.values())
    if free.device is None:
        if free.host >= total:
            return "resident"
        raise ModelUnavailable(
            f"{title} needs about {total / GB:.0f} GB of memory without a CUDA device; "
            f"{free.host / GB:.0f} GB are free. Use --model demo, or a machine with a CUDA device."
        )
    for placement in PREFERRED:
        if placement in among and fits(placement, weights, free.device, free.host, working):
            return placement
    raise ModelUnavailable(
        f"{title} needs {_needs(weights, working, among)}; {free.device / GB:.0f} GB and "
        f"{free.host / GB:.0f} GB are free. Close other programs that use them, use a larger "
        "device or --model demo, or insist with --placement offload."
    )


def fits(
    placement: Placement, weights: Mapping[str, int], device: int, host: int, working: Working
) -> bool:
    """Whether a clip has room in a placement, with so many free bytes on the device and the host
    before the model is loaded."""
    takes = device_bytes(placement, weights, working)
    return device >= takes and host >= host_bytes(placement, in_use(weights, working))


def steps_down(
    placement: Placement,
    weights: Mapping[str, int],
    free: Free,
    working: Working,
    among: Collection[Placement] = PLACEMENTS,
) -> tuple[Placement, ...]:
    """The placements below this one in which a clip has room, in order. On the CPU host memory is
    all there is, and only storing the weights in 8 bits saves any.

    Args:
        free: what was free before the model was loaded.
        among: as of :func:`choose`.
    """
    below = PLACEMENTS[PLACEMENTS.index(placement) + 1 :]
    lower = [p for p in below if p in among]
    if free.device is None:
        return tuple(p for p in lower if p == "fp8")
    return tuple(p for p in lower if fits(p, weights, free.device, free.host, working))


def most_room(
    weights: Mapping[str, int],
    free: Free,
    working: Working,
    among: Sequence[Placement] = PLACEMENTS,
) -> tuple[int, Placement | None]:
    """Bytes of device memory that the thriftiest placement leaves for working in, and which it is;
    without a device, what the host has.

    Args:
        working: of the clip in question.
        among: as of :func:`choose`, the thriftiest last.
    """
    if free.device is None:
        return free.host, None
    weights = in_use(weights, working)
    able = [p for p in among if free.host >= host_bytes(p, weights)] or [among[-1]]
    taken = {p: _kept(p, weights, working.rounded) + _passing(p, weights) for p in able}
    best = min(able, key=lambda p: taken[p])
    return free.device - taken[best], best


def _needs(
    weights: Mapping[str, int], working: Working, among: Collection[Placement] = PLACEMENTS
) -> str:
    """What the highest and the streamed placements need, in words."""
    most = device_bytes(PLACEMENTS[0], weights, working) / GB
    less = [
        f"{device_bytes(p, weights, working) / GB:.0f} GB with {host_bytes(p, weights) / GB:.0f} GB"
        for p in PLACEMENTS
        if p in STREAMED and p in among
    ]
    return f"about {most:.0f} GB of device memory, or {' or '.join(less)} of host memory"
