"""Reference images: from the bytes a visitor sends to the pixels that a clip starts from."""

from __future__ import annotations

import io
import logging
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from ltx_ui.errors import InvalidRecipe

FORMATS = ("PNG", "JPEG", "WEBP")
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp"}
"""File name endings by Pillow's format name; phones save several JPEGs in one file as MPO."""
MIN_SIDE = 64
MAX_RATIO = 8
MAX_PIXELS = 64_000_000
"""Checked before decoding: 192 MB as RGB, more than any phone takes."""

_log = logging.getLogger(__name__)


def read_reference(data: bytes, max_bytes: int, field: str = "image_start") -> Image.Image:
    """A picture as it is meant to be seen: RGB in sRGB, upright, transparency over white.

    Of an animation it is the first frame.

    Args:
        data: a PNG, JPEG or WebP file.
        max_bytes: the largest file allowed.
        field: the recipe's field it came in, for the error.

    Raises:
        InvalidRecipe: too large a file, not one of the three formats, damaged, or of a size that
            no clip can start from.
    """
    if len(data) > max_bytes:
        _refuse(
            field,
            f"is {len(data) / 1e6:.1f} MB; at most {max_bytes / 1e6:g} MB are allowed. "
            "Save the picture smaller.",
        )
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        _refuse(field, f"has too many pixels; at most {MAX_PIXELS:,} pixels are allowed.")
    except Exception:  # Pillow lets almost anything out of a damaged header.
        _refuse(field, "is not a PNG, JPEG or WebP image. Save the picture as one of these.")
    _check_size(image, field)
    try:
        return _as_seen(image)
    except Exception as error:  # The same holds for damaged pixels.
        _log.info("A reference image could not be decoded: %s", error)
        _refuse(field, "is damaged: its pixels can't be read. Save the picture again.")


def fit(image: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    """The picture made just large enough to cover the size, its centre cut out.

    Returns:
        uint8, height×width×3.
    """
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    return np.array(fitted, dtype=np.uint8)


def thumbnail(data: bytes, side: int = 512) -> bytes:
    """A WebP of a picture that :func:`read_reference` has taken, its long side at most ``side``
    pixels."""
    small = read_reference(data, len(data))
    small.thumbnail((side, side))
    target = io.BytesIO()
    small.save(target, "WEBP", quality=80)
    return target.getvalue()


def file_suffix(data: bytes) -> str:
    """The file name ending for a picture that :func:`read_reference` has taken."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return SUFFIXES[str(image.format)]


def _check_size(image: Image.Image, field: str) -> None:
    width, height = image.size
    size = f"is {width}x{height} pixels"
    if width * height > MAX_PIXELS:
        _refuse(field, f"{size}; at most {MAX_PIXELS:,} pixels are allowed. Make it smaller.")
    if min(width, height) < MIN_SIDE:
        _refuse(field, f"{size}; each side needs at least {MIN_SIDE}. Use a larger picture.")
    if max(width, height) > MAX_RATIO * min(width, height):
        _refuse(
            field,
            f"{size}; the long side may be at most {MAX_RATIO} times the short one. "
            "Crop the picture.",
        )


def _as_seen(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    upright = _eight_bits(ImageOps.exif_transpose(image))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        upright = Image.alpha_composite(white, layer).convert("RGB")
    return _in_srgb(upright, profile).convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit; Pillow's own conversion would clip it to white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours in sRGB; phones save in Display P3, which looks pale when read as sRGB."""
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        _log.info("A reference image's colour profile was left out: %s", error)
        return image
    return converted or image


def _refuse(field: str, sentence: str) -> NoReturn:
    raise InvalidRecipe.because(field, f"{field}: {sentence}") from None
