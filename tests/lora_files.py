"""LoRA files for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

LAYERS = {
    f"diffusion_model.transformer_blocks.{block}.{layer}": 160
    for block in (1, 2)
    for layer in ("attn1.to_q", "attn2.to_k", "attn2.to_out.0")
}
"""Layers of the demo model's video, under the authors' names, each as wide as high. The first block
has none."""


def lora_weights(
    seed: int = 1, rank: int = 2, layers: Mapping[str, int] = LAYERS, size: float = 0.3
) -> dict[str, np.ndarray]:
    """The tensors of a LoRA with random numbers."""
    numbers = np.random.default_rng(seed)
    return {
        f"{name}.lora_{part}.weight": (size * numbers.standard_normal(shape)).astype(np.float32)
        for name, width in layers.items()
        for part, shape in (("A", (rank, width)), ("B", (width, rank)))
    }


def save_lora(
    file: Path,
    seed: int = 1,
    weights: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A LoRA for the demo model; says where it is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    chosen = lora_weights(seed) if weights is None else weights
    save_file(dict(chosen), file, metadata=dict(metadata or {}) or None)
    return file
