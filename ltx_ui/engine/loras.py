"""LoRA files: what they hold, read off their headers, and their weights as the transformer takes
them. Nothing in a file is trusted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ltx_ui.errors import StudioError
from ltx_ui.inputs import MOST_FACTOR

LONGEST_WORDS = 200
"""Characters of trigger words that are taken from a file."""
MOST_WORDS = 12
_MOST_LAYERS = 50_000
_LARGEST = 1e4
"""No trained LoRA has a number near this one, and a clip with larger ones is black."""
_KEY = re.compile(
    r"(?P<layer>.+)\.lora(?:_|\.)(?P<part>A|B|down|up)(?:\.default)?\.weight|(?P<of>.+)\.alpha"
)
_PARTS = {"A": "A", "down": "A", "B": "B", "up": "B"}
_AROUND = ("base_model.model.", "model.")
"""What some trainers put before the names of the layers."""
_TEXTS = "text_embedding_projection."
"""Layers of the connectors. They are left out, as those of the distilled LoRA are: the text is
encoded once, whatever a clip is made with."""
_FACTORS = ("reference_downscale_factor", "reference_spatial_scale_factor")
"""Where an IC-LoRA's metadata has how many times as wide as its film the clip is. Those that take
it in the clip's own size have neither."""
_LEADS = re.compile(r".*(^|[-_. ])ic[-_]?lora([-_. ]|$).*", re.IGNORECASE)
"""Names of the authors' IC-LoRAs' files."""
_OF_SOME = re.compile(r".*(to_gate_logits|caption_projection|prompt_adaln).*")
"""Layers by which the families differ: LTX-2 has caption projections, LTX-2.3 and 2.5 have gates,
LTX-2.3 modulation by the prompt. Nearly all others have the same names and sizes in each."""
_WORDS = ("trigger_words", "trigger_word", "trigger_phrase", "modelspec.trigger_phrase")
"""Where a file's metadata may have the words that call what it was trained on."""
_REFUSED = (
    (r".*\.diff(_b)?", "holds whole differences of layers (.diff), not a LoRA of them alone"),
    (r".*(dora_scale|lora_magnitude_vector.*)", "is a DoRA, whose scales can't be applied here"),
    (r"lora_(unet|te\d?|transformer)_.*", "has kohya's names, which don't tell the layers apart"),
    (r".*\.(hada|lokr|oft)_.*", "is a LoHa, LoKr or OFT, which can't be applied here"),
)


class UnusableLora(StudioError):
    """A LoRA's file can't be used; says why as the end of a sentence that begins with its name."""

    http_status = 422


@dataclass(frozen=True)
class Layer:
    """A layer that a LoRA adds to: how wide its input and its output are, and the LoRA's rank."""

    wide: int
    high: int
    rank: int


@dataclass(frozen=True)
class LoraHeader:
    """What a file's header tells.

    Attributes:
        layers: by their names in the file, but for what trainers put before them.
        words: that call what it was trained on.
        scale: what all of it is multiplied by, as its metadata has it.
        factor: how many times as wide as the film that it follows a clip is; 0 where it is no
            IC-LoRA, and follows none.
    """

    layers: Mapping[str, Layer]
    words: tuple[str, ...]
    scale: float | None
    factor: int = 0

    @property
    def rank(self) -> int:
        """The largest of its layers' ranks."""
        return max(layer.rank for layer in self.layers.values())

    @property
    def numbers(self) -> int:
        """How many numbers its layers have."""
        return sum(each.rank * (each.wide + each.high) for each in self.layers.values())


def read_header(path: Path) -> LoraHeader:
    """What the header of a file tells; its weights are not read.

    Raises:
        UnusableLora: it is no LoRA for LTX-2, or damaged.
    """
    try:
        with safe_open(path, framework="np") as file:
            keys = list(file.keys())
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in keys}
            told = dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise UnusableLora(f"is damaged, or no safetensors file: {_first_line(error)}") from None
    return LoraHeader(_layers(shapes), _words(told), _scale(told), _factor(told, path.stem))


def read_weights(path: Path) -> dict[str, Any]:
    """A file's weights by the names that the transformer's layers have, with a LoRA's own scales
    (``.alpha``) multiplied in.

    Raises:
        UnusableLora: as :func:`read_header`.
    """
    import torch

    header = read_header(path)
    tensors = _tensors(path)
    alphas = {_plain(key).removesuffix(".alpha"): t for key, t in tensors.items() if _of(key)}
    found: dict[str, Any] = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(_plain(key))
        if match is None or match["of"]:
            continue
        name, part = match["layer"], _PARTS[match["part"]]
        _check_numbers(name, tensor)
        if part == "B" and name in header.layers:
            rank = header.layers[name].rank
            factor = header.scale / rank if header.scale else 1.0
            if name in alphas:
                factor = float(alphas[name]) / rank
            if not math.isfinite(factor):
                raise UnusableLora("has a scale (.alpha) that is no number")
            if factor != 1.0:
                tensor = tensor.to(torch.float32) * factor
        if name in header.layers:
            found[f"{name}.lora_{part}.weight"] = tensor
    return as_transformer(found)


def check_weights(path: Path) -> None:
    """Hold all numbers of a file to what training leaves. Reads all of it.

    Raises:
        UnusableLora: some are none, or far too large.
    """
    try:
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 (it is no mapping)
                if not _of(key):
                    _check_numbers(_plain(key).partition(".lora")[0], file.get_tensor(key))
    except (OSError, SafetensorError) as error:
        raise UnusableLora(f"can't be read: {_first_line(error)}") from None


def _tensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise UnusableLora(f"can't be read: {_first_line(error)}") from None


def _check_numbers(layer: str, tensor: Any) -> None:
    # One pass, without a copy: the least and the greatest are NaN where any number is.
    least, greatest = map(float, (tensor.float() if tensor.itemsize < 2 else tensor).aminmax())
    if not (least >= -_LARGEST and greatest <= _LARGEST):
        raise UnusableLora(
            f"is damaged: {layer[:80]} holds numbers that are none, or far larger than any "
            "training leaves. Fetch the file again"
        )


def as_transformer(named: Mapping[str, Any]) -> dict[str, Any]:
    """What belongs to layers, by the names that diffusers' transformer has for them.

    Args:
        named: by the file's names.
    """
    from diffusers import LTX2ConditionPipeline

    authors = {k: v for k, v in named.items() if k.startswith("diffusion_model.")}
    found: dict[str, Any] = LTX2ConditionPipeline.lora_state_dict(authors) if authors else {}
    others = {k: v for k, v in named.items() if k not in authors}
    found |= {
        k if k.startswith("transformer.") else f"transformer.{k}": v for k, v in others.items()
    }
    return {key.removeprefix("transformer."): value for key, value in found.items()}


def check_fits(header: LoraHeader, shapes: Mapping[str, tuple[int, int]], title: str) -> int:
    """How many of a LoRA's layers a transformer has.

    Args:
        shapes: of its linear layers, by name: how wide their inputs and their outputs are.
        title: the model's.

    Raises:
        UnusableLora: it has none of them, or of other sizes, or some that only another family has:
            it was made for that.
    """
    layers: dict[str, Layer] = {
        key.removesuffix(".lora_A.weight"): layer
        for key, layer in as_transformer(
            {f"{name}.lora_A.weight": layer for name, layer in header.layers.items()}
        ).items()
    }
    for name, layer in layers.items():
        wide, high = shapes.get(name, (layer.wide, layer.high))
        if (wide, high) != (layer.wide, layer.high):
            raise UnusableLora(
                f"was made for another family than {title}: its layer {name} is "
                f"{layer.wide}×{layer.high}, the model's is {wide}×{high}"
            )
    if strange := next((n for n in layers if n not in shapes and _OF_SOME.fullmatch(n)), None):
        raise UnusableLora(
            f"was made for another family than {title}, which has no layer {strange[:80]}"
        )
    known = len(layers.keys() & shapes.keys())
    if not known:
        raise UnusableLora(
            f"was made for another family than {title}, which has none of its {len(layers)} layers"
        )
    return known


def _layers(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Layer]:
    if len(shapes) > _MOST_LAYERS:
        raise UnusableLora(f"has {len(shapes)} tensors, more than any LoRA for LTX-2")
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        for pattern, why in _REFUSED:
            if re.fullmatch(pattern, key):
                raise UnusableLora(f"{why}: {key[:80]}")
        match = _KEY.fullmatch(_plain(key))
        if match is None:
            raise UnusableLora(f"is not a LoRA alone: it holds {key[:80]}")
        if match["of"] and math.prod(shape) != 1:
            raise UnusableLora(f"is damaged: {key[:80]} is not one number")
        if match["layer"] and not match["layer"].startswith(_TEXTS):
            parts.setdefault(match["layer"], {})[_PARTS[match["part"]]] = shape
    if not parts:
        raise UnusableLora("holds no LoRA for a transformer")
    return {name: _layer(name, found) for name, found in parts.items()}


def _layer(name: str, parts: Mapping[str, tuple[int, ...]]) -> Layer:
    down, up = parts.get("A", ()), parts.get("B", ())
    if len(down) != 2 or len(up) != 2 or down[0] != up[1] or 0 in (*down, *up):
        raise UnusableLora(f"is damaged: the two matrices of {name[:80]} don't belong together")
    return Layer(down[1], up[0], down[0])


def _plain(key: str) -> str:
    for around in _AROUND:
        key = key.removeprefix(around)
    return key


def _of(key: str) -> bool:
    return key.endswith(".alpha")


def _words(told: Mapping[str, str]) -> tuple[str, ...]:
    text = next((told[name] for name in _WORDS if told.get(name)), "")
    try:
        listed = json.loads(text)
    except ValueError:
        listed = text
    parts = listed if isinstance(listed, list) else str(listed).split(",")
    words = (" ".join(str(part).split())[:LONGEST_WORDS] for part in parts)
    return tuple(dict.fromkeys(word for word in words if word))[:MOST_WORDS]


def _scale(told: Mapping[str, str]) -> float | None:
    """``lora_alpha`` of what diffusers writes beside a LoRA; None where it writes none.

    Raises:
        UnusableLora: it has settings that can't be applied here.
    """
    try:
        settings = json.loads(told.get("lora_adapter_metadata", "{}"))
    except ValueError:
        settings = {}
    known = dict(settings) if isinstance(settings, dict) else {}
    known = {key.removeprefix("transformer."): value for key, value in known.items()}
    special = [k for k in ("use_dora", "use_rslora", "alpha_pattern", "lora_bias") if known.get(k)]
    if special:
        raise UnusableLora(f"has settings that can't be applied here: {special[0]}")
    alpha = known.get("lora_alpha")
    return float(alpha) if isinstance(alpha, int | float) and alpha > 0 else None


def _factor(told: Mapping[str, str], name: str) -> int:
    """:attr:`LoraHeader.factor`.

    Raises:
        UnusableLora: it takes films in a form that they can't be given to it in here.
    """
    if told.get("hdr_transform") or told.get("use_hdr_transform"):
        raise UnusableLora("makes HDR films, which can't be shown here")
    if told.get("reference_temporal_scale_factor", "1") != "1":
        raise UnusableLora("follows films with fewer frames a second, which can't be given to it")
    known = next((told[key] for key in _FACTORS if key in told), None)
    if known is None:
        return 1 if _LEADS.fullmatch(name) else 0
    if known not in map(str, range(1, MOST_FACTOR + 1)):
        raise UnusableLora(
            f"is an IC-LoRA for films in {known[:20]!r} of the clip's size; 1 to {MOST_FACTOR} can "
            "be given to it"
        )
    return int(known)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
