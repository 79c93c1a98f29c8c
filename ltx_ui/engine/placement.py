"""Where a model's weights live, chosen from what is free and what a clip needs. Without torch.

Nothing here was measured on a GPU: the figures are counted by ``tests/rehearsal``, which makes
clips with the real configuration on tensors without numbers and adds up what is alive at the worst
moment. ``benchmarks/gpu_memory.py`` is there to measure them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ltx_ui.errors import ModelUnavailable
from ltx_ui.geometry import TEMPORAL_COMPRESSION, on_grid, video_tokens
from ltx_ui.recipe import MIN_FRAMES, MIN_SIDE, Recipe

GB = 10**9
Placement = Literal["resident", "free-text", "fp8", "offload"]
"""
``resident``: everything stays on the device.
``free-text``: the text encoder waits in host memory and passes through the device layer by layer.
``fp8``: besides, the transformer is kept in float8 and the decoders wait in host memory too.
``offload``: everything waits in host memory; the transformer passes through block by block, in
bfloat16. Slowest, and exact like the first two.
"""
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)
"""From the most device memory to the least."""

DISTILLED_LORA = "distilled_lora"
"""Among the weights, the LoRA that the second of two stages adds to the transformer. It is read for
that stage and dropped after it, so it counts only for a clip in two stages. The choice at start
leaves no room for it: what runs out of memory in its second stage is made in a lower placement."""

_AWAY = {"text_encoder", "connectors"}
_DECODERS = {"vae", "audio_vae", "vocoder"}
WAITING: Mapping[Placement, frozenset[str]] = {
    "resident": frozenset(),
    "free-text": frozenset(_AWAY),
    "fp8": frozenset(_AWAY | _DECODERS),
    "offload": frozenset(_AWAY | _DECODERS | {"transformer", DISTILLED_LORA}),
}
"""The components whose weights wait in host memory."""

KEEPS_TEXT: frozenset[Placement] = frozenset({"resident", "free-text", "fp8"})
"""Where the text's keys and values are kept while a clip is sampled
(``Optimizations.keep_text``): a transformer whose weights are brought for each block computes them
anew."""

MEANING: Mapping[Placement, str] = {
    "resident": "everything stays on the device",
    "free-text": "the text encoder waits in host memory",
    "fp8": "the transformer is kept in 8 bits, the rest waits in host memory",
    "offload": "the weights wait in host memory and pass through the device block by block",
}

STEPS: Mapping[Placement, str] = {
    "free-text": "Kept the text encoder in host memory",
    "fp8": "Kept the transformer in 8 bits, which changes the picture slightly",
    "offload": "Kept the weights in host memory, which is slower",
}
"""What a take says of the placement that it was stepped down to."""

RESERVE = 8 * GB // 10
"""For the CUDA libraries' workspaces and for what the allocator can't reuse; estimated."""
SAMPLING_BYTES = 350_000
"""Activations for each video token and clip in a forward; counted 340 000 (19B, bfloat16)."""
SAMPLING_BASE = 15 * GB // 100
"""What sampling takes however short the clip is: embeddings of two texts and tables."""
DECODING_BYTES = 87
"""Activations for each pixel of each frame while the video VAE decodes a clip whole; counted."""
TILED_DECODING_BYTES = 24
"""The same in tiles and frame-wise; counted 18 to 24."""
TEXT_BYTES = 255 * GB // 100
"""While a prompt is encoded: the states of 1024 places in 49 layers, and what the connectors make
of them; counted."""
STREAMED_TEXT_BYTES = 40 * GB // 10
"""The same with the layer of the connectors that all 49 go through, where that has to come to the
device first: 1.45 GB. The word embeddings (2.0 GB) have gone by then."""
FLOAT8_SHARE = 0.51
"""Of the transformer's bfloat16 bytes, counted from the configuration: 98 % of them are the blocks'
large matrices, which alone are rounded."""
BLOCKS = 48
"""Of every published transformer."""
STREAMED_BLOCKS = 2
"""On the device at once: the one that is computed, and the next."""
OUTSIDE_BLOCKS = 86 * GB // 100
"""What a streamed transformer has on the device all the time: 0.69 GB of the 19B, 0.86 GB of 2.3
and 2.5."""

USUAL = (288, 512, 121)
"""Width, height and frames that the choice at start leaves room for."""


@dataclass(frozen=True)
class Free:
    """Bytes of memory free before a model is loaded; ``device`` is None without a CUDA device."""

    device: int | None
    host: int


@dataclass(frozen=True)
class Working:
    """Bytes of device memory that making a clip takes beside the weights.

    Attributes:
        sampling: activations at the worst moment of sampling.
        decoding: the same while the pictures are decoded.
        text: the texts' keys and values, where they are kept while the clip is sampled.
        two_stage: whether the second stage's LoRA is in the transformer for a while.
    """

    sampling: int
    decoding: int
    text: int = 0
    two_stage: bool = False

    @property
    def total(self) -> int:
        """At the worst moment, with the texts' keys and values."""
        return max(self.sampling + self.text, self.decoding) + RESERVE

    def beside(self, placement: Placement) -> int:
        """At the worst moment where the weights live like this."""
        return (self if placement in KEEPS_TEXT else replace(self, text=0)).total


def working(
    width: int,
    height: int,
    num_frames: int,
    *,
    clips: int = 2,
    two_stage: bool = False,
    tiled: bool = False,
    text: int = 0,
) -> Working:
    """What making a clip takes.

    Args:
        clips: clips in one forward; classifier-free guidance makes two.
        two_stage: whether they are sampled at half size, and then one without guidance at full
            size.
        tiled: whether decoding may fall back to tiles.
        text: bytes of all texts' keys and values where they are kept.
    """
    # An end image stands beside the clip, as one more latent frame.
    size = (width, height, num_frames + TEMPORAL_COMPRESSION)
    sampled = video_tokens(*size) * clips
    if two_stage:
        half = video_tokens(width // 2, height // 2, size[2])
        sampled = max(half * clips, video_tokens(*size))
    per_pixel = TILED_DECODING_BYTES if tiled else DECODING_BYTES
    decoding = width * height * num_frames * per_pixel
    return Working(SAMPLING_BASE + sampled * SAMPLING_BYTES, decoding, text, two_stage)


def device_bytes(
    placement: Placement, weights: Mapping[str, int], working: Working, blocks: int = BLOCKS
) -> int:
    """Device memory at the worst moment.

    Args:
        weights: bytes of each component in bfloat16, by its folder's name.
        blocks: of the transformer.
    """
    weights = in_use(weights, working)
    text = TEXT_BYTES if placement == "resident" else STREAMED_TEXT_BYTES
    passing = _passing(placement, weights, blocks)
    beside = replace(working, sampling=working.sampling + passing).beside(placement)
    return _kept(placement, weights) + max(beside, text + RESERVE)


def in_use(weights: Mapping[str, int], working: Working) -> Mapping[str, int]:
    """The weights that take part in making a clip."""
    if working.two_stage:
        return weights
    return {name: size for name, size in weights.items() if name != DISTILLED_LORA}


def _kept(placement: Placement, weights: Mapping[str, int]) -> int:
    """Device memory that the weights take all the time."""
    transformer = weights.get("transformer", 0)
    kept = sum(weights.values()) - host_bytes(placement, weights)
    match placement:
        case "fp8":
            kept -= round(transformer * (1 - FLOAT8_SHARE))
        case "offload":
            kept += OUTSIDE_BLOCKS
    return kept


def _passing(placement: Placement, weights: Mapping[str, int], blocks: int = BLOCKS) -> int:
    """Device memory that passing blocks take while a clip is sampled, with their LoRA."""
    if placement != "offload":
        return 0
    whole = weights.get("transformer", 0) + weights.get(DISTILLED_LORA, 0)
    return whole * STREAMED_BLOCKS // blocks


def host_bytes(placement: Placement, weights: Mapping[str, int]) -> int:
    """Host memory that the waiting weights take."""
    return sum(size for name, size in weights.items() if name in WAITING[placement])


def choose(title: str, weights: Mapping[str, int], free: Free, working: Working) -> Placement:
    """The first placement, from the fastest on, that fits beside a clip's working memory. Without a
    CUDA device everything stays where it is: ``resident``.

    Args:
        title: the model's, for the message.
        weights: bytes of each component as it will be computed with.

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
    for placement in PLACEMENTS:
        if _fits(placement, weights, free.device, free.host, working):
            return placement
    raise ModelUnavailable(
        f"{title} needs {_needs(weights, working)}; {free.device / GB:.0f} GB and "
        f"{free.host / GB:.0f} GB are free. Close other programs that use them, use a larger "
        "device or --model demo, or insist with --placement offload."
    )


def _fits(
    placement: Placement, weights: Mapping[str, int], device: int, host: int, working: Working
) -> bool:
    takes = device_bytes(placement, weights, working)
    return device >= takes and host >= host_bytes(placement, in_use(weights, working))


def steps_down(
    placement: Placement, weights: Mapping[str, int], free: Free, working: Working
) -> tuple[Placement, ...]:
    """The placements below this one in which a clip has room, in order. On the CPU host memory is
    all there is, and only storing the weights in 8 bits saves any.

    Args:
        free: what was free before the model was loaded.
    """
    lower = PLACEMENTS[PLACEMENTS.index(placement) + 1 :]
    if free.device is None:
        return tuple(p for p in lower if p == "fp8")
    return tuple(p for p in lower if _fits(p, weights, free.device, free.host, working))


def most_room(
    weights: Mapping[str, int], free: Free, working: Working
) -> tuple[int, Placement | None]:
    """Bytes of device memory that the thriftiest placement leaves for working in, and which it is;
    without a device, what the host has.

    Args:
        working: of the clip in question.
    """
    if free.device is None:
        return free.host, None
    weights = in_use(weights, working)
    able = [p for p in PLACEMENTS if free.host >= host_bytes(p, weights)] or [PLACEMENTS[-1]]
    taken = {p: _kept(p, weights) + _passing(p, weights) for p in able}
    best = min(able, key=lambda p: taken[p])
    return free.device - taken[best], best


def what_fits(recipe: Recipe, room: int, grid: int, clips: int = 2, text: int = 0) -> str:
    """A sentence with the longest clip of the recipe's size, and the largest size of its length,
    that should fit; both smaller than the recipe, which did not.

    Args:
        room: bytes of device memory for working in.
        grid: sides are offered in multiples of this.
        clips, text: as in :func:`working`.
    """

    def fits(width: int, height: int, num_frames: int) -> bool:
        size, stages = (width, height, num_frames), recipe.two_stage
        return working(*size, clips=clips, two_stage=stages, tiled=True, text=text).total <= room

    step = TEMPORAL_COMPRESSION
    shorter = (n for n in range(recipe.num_frames - step, MIN_FRAMES - 1, -step))
    frames = next((n for n in shorter if fits(recipe.width, recipe.height, n)), None)
    size = next((s for s in _smaller(recipe, grid) if fits(*s, recipe.num_frames)), None)
    offers = []
    if frames:
        offers.append(f"{recipe.resolution} with {frames} frames")
    if size:
        offers.append(f"{size[0]}x{size[1]} with {recipe.num_frames} frames")
    if not offers:
        return (
            "Close other programs that use the device, or choose a shorter length or a smaller "
            "format."
        )
    return f"What should fit: {' or '.join(offers)}."


def _smaller(recipe: Recipe, grid: int) -> Iterator[tuple[int, int]]:
    """Smaller sizes of about the recipe's shape, on the grid, from the largest on."""
    shape = recipe.height / recipe.width
    for width in range(on_grid(recipe.width, grid) - grid, 0, -grid):
        height = max(1, round(width * shape / grid)) * grid
        if min(width, height) >= MIN_SIDE and height <= recipe.height:
            yield width, height


def _needs(weights: Mapping[str, int], working: Working) -> str:
    """The most and the least demanding way, in words."""
    most, least = (device_bytes(p, weights, working) / GB for p in (PLACEMENTS[0], PLACEMENTS[-1]))
    host = host_bytes(PLACEMENTS[-1], weights) / GB
    return (
        f"about {most:.0f} GB of device memory, or {least:.0f} GB with {host:.0f} GB of host memory"
    )
