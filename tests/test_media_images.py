"""Pictures: what is taken, what is refused, and how it is laid on the frame."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from ltx_ui.errors import InvalidRecipe
from ltx_ui.media.images import cover_crop, fit, read_reference, take_in, thumbnail

LIMIT = 10_000_000


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def is_near(
    image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int], atol: int
) -> bool:
    """Whether a pixel, by column and row, has about this colour."""
    column, row = at
    return np.allclose(np.asarray(image)[row, column], colour, atol=atol)


def refusal(data: bytes, max_bytes: int = LIMIT) -> str:
    with pytest.raises(InvalidRecipe) as caught:
        read_reference(data, max_bytes, "image_end")
    [problem] = caught.value.problems
    assert problem.field == "image_end"
    assert problem.message.startswith("image_end: ")
    return problem.message


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp")])
def test_png_jpeg_and_webp_come_in_as_rgb(kind: str, suffix: str) -> None:
    data = encoded(Image.new("RGB", (100, 80), (200, 30, 60)), kind)
    image = read_reference(data, LIMIT)
    assert (image.mode, image.size) == ("RGB", (100, 80))
    assert is_near(image, (50, 40), (200, 30, 60), 4)
    taken = take_in(data, LIMIT)
    assert (taken.data, taken.suffix, taken.note) == (data, suffix, "")
    assert (taken.width, taken.height) == (100, 80)


def test_a_photo_taken_sideways_stands_upright() -> None:
    photo = Image.new("RGB", (200, 100), "blue")
    photo.paste("red", (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = read_reference(encoded(photo, "JPEG", exif=exif), LIMIT)
    assert upright.size == (100, 200)
    assert is_near(upright, (50, 20), (255, 0, 0), 6)
    assert is_near(upright, (50, 180), (0, 0, 255), 6)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (80, 80), (10, 20, 30, 0)).convert(mode)
    options: dict[str, Any] = {"transparency": 0} if mode == "P" else {}
    image = read_reference(encoded(clear, **options), LIMIT)
    assert image.getpixel((40, 40)) == (255, 255, 255)


def test_of_an_animation_the_first_frame_is_taken() -> None:
    first, second = Image.new("RGB", (80, 80), "lime"), Image.new("RGB", (80, 80), "red")
    data = encoded(first, "WEBP", save_all=True, append_images=[second], lossless=True)
    assert read_reference(data, LIMIT).getpixel((40, 40)) == (0, 255, 0)


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    grey = Image.fromarray(np.full((80, 80), 0x8000, np.uint16))
    assert read_reference(encoded(grey), LIMIT).getpixel((40, 40)) == (128, 128, 128)


def test_a_damaged_colour_profile_is_left_out() -> None:
    data = encoded(Image.new("RGB", (80, 80), (1, 2, 3)), icc_profile=b"not a profile")
    assert read_reference(data, LIMIT).getpixel((40, 40)) == (1, 2, 3)


def test_an_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(Image.new("RGB", (80, 80), (90, 140, 200)), icc_profile=profile)
    assert is_near(read_reference(data, LIMIT), (40, 40), (90, 140, 200), 1)


def test_a_file_over_the_limit_is_refused_with_both_sizes() -> None:
    message = refusal(b"\x89PNG" + bytes(20_000_000))
    assert "20.0 MB" in message
    assert "10 MB" in message


@pytest.mark.parametrize(
    "data",
    [
        b"just some text in a file named .png",
        b"",
        b"\x89PNG\r\n\x1a\nand then nonsense",
        encoded(Image.new("RGB", (80, 80)), "GIF"),
        encoded(Image.new("RGB", (80, 80)), "TIFF"),
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    assert "PNG, JPEG, WebP, HEIC or AVIF" in refusal(data)


def test_a_cut_off_file_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise))
    assert "damaged" in refusal(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_more_exif_than_a_camera_writes_is_refused_before_it_is_read(kind: str) -> None:
    picture = encoded(Image.new("RGB", (128, 128)), kind)
    entries = b"".join(
        struct.pack("<HHLL", 0x9000 + n, 7, 400_000, 8) for n in range(3000)
    )  # Each of them is said to be the whole block.
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 3000) + entries + bytes(400_000)
    if kind == "JPEG":
        pieces = [block[at : at + 60_000] for at in range(0, len(block), 60_000)]
        parts = [piece if n == 0 else b"Exif\0\0" + piece for n, piece in enumerate(pieces)]
        segments = (b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts)
        data = picture[:2] + b"".join(segments) + picture[2:]
    else:
        data = encoded(Image.new("RGB", (128, 128)), kind, exif=block[6:])
    tracemalloc.start()
    assert "far more EXIF data" in refusal(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50_000_000


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((1, 10000), "at least 64"),
        ((70, 1000), "8 times"),
        ((12000, 12000), "pixels are allowed"),
        ((20000, 20000), "pixels are allowed"),
    ],
)
def test_sizes_no_clip_can_start_from_are_refused(size: tuple[int, int], words: str) -> None:
    assert words in refusal(encoded(Image.new("1", size)))


def test_a_few_bytes_that_claim_to_be_sixty_thousand_pixels_wide_are_not_decoded() -> None:
    data = bytearray(encoded(Image.new("RGB", (64, 64))))
    data[16:24] = struct.pack(">LL", 60_000, 60_000)
    data[29:33] = struct.pack(">L", zlib.crc32(data[12:29]))
    tracemalloc.start()
    assert "too many pixels" in refusal(bytes(data))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000


@pytest.mark.parametrize(("kind", "name"), [("HEIF", "HEIC"), ("AVIF", "AVIF")])
def test_a_phones_own_format_is_converted_with_a_word(kind: str, name: str) -> None:
    photo = Image.new("RGB", (100, 200), "blue")
    photo.paste("red", (0, 0, 100, 100))
    data = encoded(photo, kind, quality=95)
    taken = take_in(data, LIMIT)
    assert (taken.suffix, taken.width, taken.height) == (".jpg", 100, 200)
    assert taken.note == f"The picture was converted from {name} to JPEG."
    stored = read_reference(taken.data, LIMIT)
    assert is_near(stored, (50, 20), (255, 0, 0), 8)
    assert is_near(stored, (50, 180), (0, 0, 255), 8)
    assert take_in(data, LIMIT).data == taken.data


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_cut_off_photo_of_a_phone_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    assert refusal(data[: len(data) // 2])


def gradient(width: int, height: int) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height))


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "L"), ("PNG", "P")]
)
def test_a_picture_of_too_many_pixels_is_shrunk_with_a_word(kind: str, mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(gradient(10_000, 7_000).convert(mode), kind, exif=exif)
    taken = take_in(data, LIMIT)
    assert taken.note.startswith("The picture is large (10000x7000); it is used at ")
    assert taken.width < taken.height
    assert 15_900_000 < taken.width * taken.height <= 16_000_000
    stored = read_reference(taken.data, LIMIT)
    assert stored.size == (taken.width, taken.height)
    for share in (0.1, 0.5, 0.9):
        level = np.asarray(stored)[1000, round(stored.width * (1 - share)), 0]
        assert level == pytest.approx(256 * share, abs=3)


def test_a_transparent_picture_of_too_many_pixels_lies_on_white() -> None:
    taken = take_in(encoded(Image.new("RGBA", (9000, 8000), (10, 20, 30, 0))), LIMIT)
    assert read_reference(taken.data, LIMIT).getpixel((40, 40)) == (255, 255, 255)


def test_a_file_over_ten_megabytes_is_saved_smaller_with_a_word() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1900, 1900, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), compress_level=0)
    assert len(data) > LIMIT
    taken = take_in(data, 50_000_000)
    assert len(taken.data) <= LIMIT
    assert (taken.width, taken.height) == (1900, 1900)
    assert taken.note.startswith("The picture was saved smaller: 10.8 MB became ")
    assert take_in(taken.data, 50_000_000).data == taken.data


def test_a_thumbnail_is_a_small_upright_webp() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    small = Image.open(io.BytesIO(thumbnail(encoded(gradient(1600, 800), "JPEG", exif=exif))))
    assert (small.format, small.size) == ("WEBP", (256, 512))
    assert Image.open(io.BytesIO(thumbnail(encoded(gradient(80, 70))))).size == (80, 70)


@pytest.mark.parametrize("size", [(400, 100), (100, 400), (301, 77), (64, 64)])
@pytest.mark.parametrize("target", [(64, 64), (96, 54), (54, 97)])
@pytest.mark.parametrize("focus", [(0.5, 0.5), (0.0, 0.0), (1.0, 1.0), (0.2, 0.9)])
def test_the_crop_is_the_one_that_pillow_makes(
    size: tuple[int, int], target: tuple[int, int], focus: tuple[float, float]
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    theirs = ImageOps.fit(picture, target, Image.Resampling.LANCZOS, centering=focus)
    assert np.array_equal(fit(picture, *target, focus), np.asarray(theirs))
    if focus == (0.5, 0.5):
        assert np.array_equal(fit(picture, *target), np.asarray(theirs))


def test_of_a_tall_portrait_the_middle_is_kept_for_a_landscape_clip() -> None:
    assert cover_crop(1000, 3000, 768, 432) == pytest.approx((0, 1218.75, 1000, 1781.25))


def test_fit_covers_the_frame_and_cuts_out_the_centre() -> None:
    wide = Image.new("RGB", (400, 100), "red")
    wide.paste("lime", (150, 0, 250, 100))
    pixels = fit(wide, 64, 64)
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[:, 4:60].astype(int) - (0, 255, 0)).max() < 8


def test_fit_leaves_a_picture_of_the_right_size_as_it_is() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (96, 64, 3), dtype=np.uint8)
    assert np.array_equal(fit(Image.fromarray(noise), 64, 96), noise)
