"""Where a model's weights are kept, chosen by free memory and by what a clip needs. Without torch.

No figure here was measured on a GPU. They are counted by ``tests/rehearsal``, which makes clips
with the real configuration on tensors without data and records the peak of what is allocated.
``benchmarks/gpu_memory.py`` is there to measure them.
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
"""Key, among the weights, of the LoRA that the second of two stages adds to the transformer. It is
loaded for that stage alone, so it counts only for clips in two stages. The choice at start leaves
no room for it: a clip that runs out of memory in its second stage is made in a lower placement."""

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
"""Placements in which the text's keys and values are cached while a clip is sampled
(``Optimizations.keep_text``) and CUDA graphs recorded. A streamed transformer computes its text in
every step, and has its weights in another place each time."""

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
"""The note of a take that was made in this placement because memory ran out in a higher one."""

RESERVE = 8 * GB // 10
"""Bytes for the CUDA libraries' workspaces and for fragmentation; estimated."""
SAMPLING_BYTES = 350_000
"""Bytes of activations per video token and clip in a forward; counted 340 000 (19B, bfloat16)."""
SAMPLING_BASE = 15 * GB // 100
"""Bytes that sampling takes however short the clip is: embeddings of two texts, and tables."""
DECODING_BYTES = 87
"""Bytes of activations per pixel and frame while the video VAE decodes a clip whole; counted."""
TILED_DECODING_BYTES = 24
"""Bytes of activations per pixel and frame while it is decoded in tiles of a few frames; counted
18 to 24."""
TEXT_BYTES = 255 * GB // 100
"""Bytes of activations while a prompt is encoded: the states of 1024 tokens in 49 layers, and the
connectors' output; counted."""
STREAMED_TEXT_BYTES = 40 * GB // 10
"""Bytes while a prompt is encoded with streamed weights: :data:`TEXT_BYTES` and the connectors'
largest layer, 1.45 GB, which all 49 states go through. The word embeddings (2.0 GB) have left the
device by then."""
FLOAT8_SHARE = 0.51
"""Share of the transformer's bfloat16 bytes that it takes in float8, counted from the
configuration: the blocks' large matrices, which are 98 % of it, take half."""
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
    """

    sampling: int
    decoding: int
    text: int = 0
    two_stage: bool = False
    graphs: int = 0

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
        """The same, where the clip's forwards are recorded in CUDA graphs: their pool keeps the
        activations, and their buffers the texts' keys and values.

        Args:
            others: bytes that the graphs of other clips hold on to, in the same way.
        """
        held = self.sampling + self.text + others
        return replace(self, sampling=self.sampling + others, graphs=held)


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
    """What making a clip of this size, in pixels and frames, takes.

    Args:
        clips: batch size of a forward; two with classifier-free guidance.
        two_stage: whether it is sampled at half size and then, without guidance, at full size.
        tiled: whether decoding may fall back to tiles.
        text: bytes of all texts' cached keys and values.
    """
    # An end image takes one more latent frame.
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
    """Peak of device memory in a placement.

    Args:
        weights: bytes of each component in bfloat16, by its folder's name.
        blocks: how many blocks the transformer has.
    """
    weights = in_use(weights, working)
    text = TEXT_BYTES if placement == "resident" else STREAMED_TEXT_BYTES
    passing = _passing(placement, weights, blocks)
    beside = replace(working, sampling=working.sampling + passing).beside(placement)
    text += working.within(placement).graphs
    return _kept(placement, weights) + max(beside, text + RESERVE)


def in_use(weights: Mapping[str, int], working: Working) -> Mapping[str, int]:
    """The weights that take part in making a clip."""
    if working.two_stage:
        return weights
    return {name: size for name, size in weights.items() if name != DISTILLED_LORA}


def _kept(placement: Placement, weights: Mapping[str, int]) -> int:
    """Device memory that the weights take permanently."""
    transformer = weights.get("transformer", 0)
    kept = sum(weights.values()) - host_bytes(placement, weights)
    match placement:
        case "fp8":
            kept -= round(transformer * (1 - FLOAT8_SHARE))
        case "offload":
            kept += OUTSIDE_BLOCKS
    return kept


def _passing(placement: Placement, weights: Mapping[str, int], blocks: int = BLOCKS) -> int:
    """Device memory that streamed blocks take while a clip is sampled, with their LoRA."""
    if placement != "offload":
        return 0
    whole = weights.get("transformer", 0) + weights.get(DISTILLED_LORA, 0)
    return whole * STREAMED_BLOCKS // blocks


def host_bytes(placement: Placement, weights: Mapping[str, int]) -> int:
    """Host memory that the weights which are not on the device take."""
    return sum(size for name, size in weights.items() if name in WAITING[placement])


def choose(title: str, weights: Mapping[str, int], free: Free, working: Working) -> Placement:
    """The fastest placement that fits, with room for a clip's working memory. Without a CUDA device
    it is ``resident``.

    Args:
        title: the model's, for the message.
        weights: bytes of each component in the precision it computes in.

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
        if fits(placement, weights, free.device, free.host, working):
            return placement
    raise ModelUnavailable(
        f"{title} needs {_needs(weights, working)}; {free.device / GB:.0f} GB and "
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
    return tuple(p for p in lower if fits(p, weights, free.device, free.host, working))


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
        room: bytes of device memory besides the weights.
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
    """Smaller sizes on the grid with about the recipe's aspect ratio, the largest first."""
    shape = recipe.height / recipe.width
    for width in range(on_grid(recipe.width, grid) - grid, 0, -grid):
        height = max(1, round(width * shape / grid)) * grid
        if min(width, height) >= MIN_SIDE and height <= recipe.height:
            yield width, height


def _needs(weights: Mapping[str, int], working: Working) -> str:
    """What the highest and the lowest placement need, in words."""
    most, least = (device_bytes(p, weights, working) / GB for p in (PLACEMENTS[0], PLACEMENTS[-1]))
    host = host_bytes(PLACEMENTS[-1], weights) / GB
    return (
        f"about {most:.0f} GB of device memory, or {least:.0f} GB with {host:.0f} GB of host memory"
    )
