"""Pictures in: from the bytes a visitor sends to the pixels of a first or last frame."""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import CENTRE
from ltx_ui.inputs import FORMATS as TAKEN

MAX_PIXELS = {"JPEG": 250_000_000, "PNG": 128_000_000, "HEIF": 80_000_000, "AVIF": 80_000_000}
"""By Pillow's format name, checked before decoding. Within them a picture takes about 1 GB
of memory at most while it is read. Measured, in bytes a pixel: JPEG 1.1 (it is decoded at half its
size or less), PNG 6, HEIF 12, AVIF 9.4. Phones make JPEGs of 200 megapixels."""
PROGRESSIVE_PIXELS = 108_000_000
"""The most pixels of a progressive JPEG, whose coefficients are held as a whole while it is read:
7.1 bytes a pixel."""
KEPT_PIXELS, KEPT_BYTES = 64_000_000, 10_000_000
"""A picture within both limits is stored as it was sent. A WebP may have no more pixels than this:
reading it takes 16 bytes a pixel."""
SHRUNK_PIXELS = 16_000_000
"""What a larger picture is brought to: four times the largest clip."""
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp"}
"""File name endings of what is stored by Pillow's format name; phones save several JPEGs in one
file as MPO. Everything else is converted to JPEG."""
FORMATS = ("PNG", "JPEG", "WEBP", "HEIF", "AVIF")
MIN_SIDE = 64
MAX_RATIO = 8
QUALITIES = (95, 88, 80)
"""JPEG qualities to store in, the first that fits into :data:`KEPT_BYTES`."""

MOST_EXIF = 140_000
"""Bytes of EXIF in a picture. A JPEG's block has at most 64 kB, and a phone's file may hold a
second picture with its own. Pillow reads every entry of a block, and each may name all of it: with
500 kB that took 1.5 GB and 17 s."""

_TOO_MUCH_EXIF = "has far more EXIF data than a camera writes. Save the picture again without it."
_EXIF_SEGMENT = re.compile(rb"\xff\xe1(..)Exif\0\0", re.DOTALL)
_log = logging.getLogger(__name__)

pillow_heif.register_heif_opener(thumbnails=False)
# Pillow's own bound is one for all formats; up to twice of it it only warns, and we refuse.
Image.MAX_IMAGE_PIXELS = max(MAX_PIXELS.values())
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Incoming:
    """A picture as it is to be stored.

    Attributes:
        data: a PNG, JPEG or WebP file.
        suffix: its file name ending, such as ``.jpg``.
        width, height: pixels, as the picture is meant to be seen.
        note: what was done to it, in a sentence; empty where it is stored as it was sent.
    """

    data: bytes
    suffix: str
    width: int
    height: int
    note: str


class Crop(NamedTuple):
    """A part of a picture, in its pixels; edges may lie within one."""

    left: float
    top: float
    right: float
    bottom: float


def take_in(data: bytes, max_bytes: int, field: str = "image_start") -> Incoming:
    """A picture that a visitor sent, ready to be stored.

    PNG, JPEG and WebP of up to 64 megapixels and 10 MB stay as they are, byte for byte. Others are
    converted to JPEG, upright and in sRGB, and brought to 16 megapixels where they are larger. The
    same file gives the same bytes on the same version of Pillow.

    Args, errors: as :func:`read_reference`.
    """
    kind = _open(data, max_bytes, field)
    picture = read_reference(data, max_bytes, field)
    if kind.format in SUFFIXES and not _is_large(kind, data):
        return Incoming(data, SUFFIXES[kind.format], *picture.size, note="")
    small = _shrunk(picture)
    stored = _as_jpeg(small)
    return Incoming(stored, ".jpg", *small.size, _note(kind, data, small, stored))


def thumbnail(data: bytes, side: int = 512) -> bytes:
    """A small WebP of a picture that :func:`take_in` has taken: upright, in sRGB.

    Args:
        data: the stored file.
        side: the longest side in pixels; a smaller picture keeps its size.

    Raises:
        InvalidRecipe: the file was damaged since.
    """
    picture = read_reference(data, len(data))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    target = io.BytesIO()
    picture.save(target, "WEBP", quality=85, method=2)
    return target.getvalue()


def read_reference(data: bytes, max_bytes: int, field: str = "image_start") -> Image.Image:
    """A picture as it is meant to be seen: RGB in sRGB, upright, transparency over white.

    Of an animation it is the first frame. One of more pixels than are stored is made smaller while
    it is read.

    Args:
        data: a PNG, JPEG, WebP, HEIC or AVIF file.
        max_bytes: the largest file allowed.
        field: the recipe's field it came in, for the error.

    Raises:
        InvalidRecipe: too large a file, not one of these formats, damaged, of a size that no clip
            can start from, or of more pixels than there should be memory for.
    """
    image = _open(data, max_bytes, field)
    try:
        return _as_seen(image)
    except Exception as error:  # Pillow lets almost anything out of damaged pixels.
        _log.info("A picture could not be decoded: %s", error)
        _refuse(field, "is damaged: its pixels can't be read. Save the picture again.")


def cover_crop(
    width: int,
    height: int,
    target_width: int,
    target_height: int,
    focus: tuple[float, float] = CENTRE,
) -> Crop:
    """The part of a picture that has the shape of the target: what is seen of it when it just
    covers the target. All sizes in pixels.

    Args:
        focus: how far right and how far down that part lies, 0…1.
    """
    shape = target_width / target_height
    if width / height > shape:
        kept = shape * height
        left = (width - kept) * focus[0]
        return Crop(left, 0.0, left + kept, float(height))
    kept = width / shape
    top = (height - kept) * focus[1]
    return Crop(0.0, top, float(width), top + kept)


def fit(
    image: Image.Image, width: int, height: int, focus: tuple[float, float] = CENTRE
) -> NDArray[np.uint8]:
    """The picture made just large enough to cover the size, and the part at the focus cut out.

    Args:
        focus: as :func:`cover_crop` takes it.

    Returns:
        uint8, height×width×3.
    """
    crop = cover_crop(*image.size, width, height, focus)
    fitted = image.resize((width, height), Image.Resampling.LANCZOS, box=crop)
    return np.array(fitted, dtype=np.uint8)


def _open(data: bytes, max_bytes: int, field: str) -> Image.Image:
    """The picture with its header read and held to the limits, its pixels not decoded yet."""
    if len(data) > max_bytes:
        _refuse(
            field,
            f"is {len(data) / 1e6:.1f} MB; at most {max_bytes / 1e6:g} MB are allowed. "
            "Save the picture smaller.",
        )
    if sum(int.from_bytes(size) for size in _EXIF_SEGMENT.findall(data)) > MOST_EXIF:
        _refuse(field, _TOO_MUCH_EXIF)  # Pillow reads a JPEG's when it is opened.
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        most = max(MAX_PIXELS.values())
        _refuse(field, f"has too many pixels; at most {most:,} are allowed. Make it smaller.")
    except Exception:  # Pillow lets almost anything out of a damaged header.
        _refuse(field, f"is not a {TAKEN} picture. Save the picture as one of these.")
    if len(image.info.get("exif") or b"") > MOST_EXIF:
        _refuse(field, _TOO_MUCH_EXIF)
    _check_size(image, field)
    return image


def _check_size(image: Image.Image, field: str) -> None:
    width, height = image.size
    size = f"is {width}x{height} pixels"
    if width * height > (most := _most_pixels(image)):
        _refuse(field, f"{size}; at most {most:,} pixels are allowed. Make it smaller.")
    if min(width, height) < MIN_SIDE:
        _refuse(field, f"{size}; each side needs at least {MIN_SIDE}. Use a larger picture.")
    if max(width, height) > MAX_RATIO * min(width, height):
        _refuse(
            field,
            f"{size}; the long side may be at most {MAX_RATIO} times the short one. "
            "Crop the picture.",
        )


def _most_pixels(image: Image.Image) -> int:
    if image.info.get("progressive"):
        return PROGRESSIVE_PIXELS
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    return MAX_PIXELS.get(kind, KEPT_PIXELS)


def _is_large(image: Image.Image, data: bytes) -> bool:
    return len(data) > KEPT_BYTES or math.prod(image.size) > KEPT_PIXELS


def _as_seen(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    most = KEPT_PIXELS if image.format in SUFFIXES else SHRUNK_PIXELS
    large = math.prod(image.size) > most
    upright = ImageOps.exif_transpose(_reduced(image) if large else image)
    return _in_srgb(_flat(upright), profile).convert("RGB")


def _flat(image: Image.Image) -> Image.Image:
    """Eight bits a channel, transparency over white."""
    image = _eight_bits(image)
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _reduced(image: Image.Image) -> Image.Image:
    """A large picture brought to some :data:`SHRUNK_PIXELS`, with little more memory than the
    decoder takes: a JPEG while it is decoded, others band by band."""
    times = math.sqrt(math.prod(image.size) / SHRUNK_PIXELS)
    if image.format in ("JPEG", "MPO"):
        image.draft(None, _sized(image, 1 / times))
        return _shrunk(image)
    factor, (width, height) = int(times), image.size
    rows = factor * max(1, 1024 // factor)
    whole: Image.Image | None = None
    for top in range(0, height, rows):
        band = _flat(image.crop((0, top, width, min(top + rows, height))))
        band = (band.convert("RGB") if band.mode in ("P", "1") else band).reduce(factor)
        whole = whole or Image.new(band.mode, (band.width, math.ceil(height / factor)))
        whole.paste(band, (0, top // factor))
    assert whole is not None
    whole.info = image.info.copy()
    return _shrunk(whole)


def _shrunk(image: Image.Image) -> Image.Image:
    """At most :data:`SHRUNK_PIXELS`."""
    share = math.sqrt(SHRUNK_PIXELS / math.prod(image.size))
    if share >= 1:
        return image
    return image.resize(_sized(image, share), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _sized(image: Image.Image, share: float) -> tuple[int, int]:
    return max(1, int(image.width * share)), max(1, int(image.height * share))


def _as_jpeg(image: Image.Image) -> bytes:
    """In the best quality that fits; noise of 16 megapixels fits in none and gets the last."""
    for quality in QUALITIES:
        target = io.BytesIO()
        image.save(target, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
        if target.tell() <= KEPT_BYTES:
            break
    return target.getvalue()


def _note(sent: Image.Image, data: bytes, stored: Image.Image, jpeg: bytes) -> str:
    """What was done to a picture that was not stored as it came."""
    if math.prod(sent.size) > SHRUNK_PIXELS:
        small = f"{stored.width}x{stored.height}"
        return f"The picture is large ({sent.width}x{sent.height}); it is used at {small}."
    if sent.format in SUFFIXES:
        sizes = f"{len(data) / 1e6:.1f} MB became {len(jpeg) / 1e6:.1f} MB"
        return f"The picture was saved smaller: {sizes}."
    kind = {"HEIF": "HEIC"}.get(str(sent.format), sent.format)
    return f"The picture was converted from {kind} to JPEG."


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit; Pillow's own conversion would clip it to white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours in sRGB; phones save in Display P3, which looks pale when read as sRGB."""
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        _log.info("A picture's colour profile was left out: %s", error)
        return image
    return converted or image


def _refuse(field: str, sentence: str) -> NoReturn:
    raise InvalidRecipe.because(field, f"{field}: {sentence}") from None
