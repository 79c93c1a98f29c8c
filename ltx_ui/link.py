"""A recipe as the part of a link behind ``#``, which browsers send to nobody.

It is JSON, compressed against a dictionary of what recipes are made of, in base64's letters for
addresses. Nothing of it names a picture, a take or an owner.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from ltx_ui.recipe import Recipe
from ltx_ui.untrusted_json import json_object

KEY = "recipe="
"""What the part begins with."""
MOST_CHARACTERS = 100_000
"""Of the part, in a link that is read."""
_VERSION = "1"
_MOST_JSON = 400_000
"""Bytes of JSON. The longest recipe takes some 200 kB."""
_ENCODED = re.compile(r"[A-Za-z0-9_-]*")
_USUAL = (
    b'{"model":"ltx-2","recipe":{"prompt":". The camera is slowly moving. The light is '
    b'warm. Sound: ","negative_prompt":"blurry, low quality, distorted, glitchy, watermark'
    b'","width":1280,"height":704,"num_frames":121,"fps":24,"num_inference_steps":40,"guid'
    b'ance_scale":3.0,"seed":0,"include_audio":true,"mode":"standard","two_stage":false,"n'
    b'um_takes":1,"noise":"frame","typed":{"prompt":"","camera":"","lighting":"","sound":"'
    b'","speech":"","negative_prompt":""}}}'
)
"""What most links have in common, which then takes no room in them. It
belongs to the version: with another one no link of it can be read."""


class BadLink(ValueError):
    """What stands in a link is no recipe; says so as the end of a sentence."""


def as_fragment(recipe: Recipe, model: str | None = None) -> str:
    """The part of a link that tells a recipe without its pictures.

    Args:
        model: what its clip was made with, where that may be told.
    """
    told: dict[str, Any] = {"model": model} if model else {}
    told["recipe"] = recipe.model_dump(mode="json", exclude={"inputs", "model"})
    if recipe.inputs.loras:
        told["recipe"]["inputs"] = recipe.inputs.model_dump(mode="json", include={"loras"})
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY, _USUAL)
    data = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    packed = packer.compress(data) + packer.flush()
    return f"{KEY}{_VERSION}{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def read_fragment(text: str) -> Mapping[str, Any]:
    """What the part of a link tells, as JSON; what the values are is not checked.

    Raises:
        BadLink: it tells no recipe, is damaged or cut, or is larger than any recipe.
    """
    given = text.strip().removeprefix("#").removeprefix(KEY)
    if len(given) > MOST_CHARACTERS:
        raise BadLink("is longer than any recipe's.")
    if given[:1] != _VERSION:
        newer = given[:1].isdigit()
        raise BadLink(
            "is of a newer version of the studio. Update this one." if newer else "is damaged."
        )
    try:
        return json_object(_unpacked(given[1:]))
    except (ValueError, zlib.error):
        raise BadLink(
            "is damaged or was cut off, so that its recipe can't be read. Copy it again as a whole."
        ) from None


def _unpacked(encoded: str) -> bytes:
    if not _ENCODED.fullmatch(encoded):
        raise ValueError("other letters")
    packed = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    reader = zlib.decompressobj(zdict=_USUAL)
    data = reader.decompress(packed, _MOST_JSON)
    if not reader.eof or reader.unused_data:
        raise ValueError("cut off, or too long")
    return data
