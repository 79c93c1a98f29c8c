"""What is painted in a picture is made again, and the rest of it stays the film's."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import encoded, moving, psnr, seen
from PIL import Image, ImageDraw
from studios import take_of, working

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.remade import staying_tokens
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import InputData, Inputs, RetakeInput, Sound
from ltx_ui.media.masks import SOFT, read_mask, softened
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_request, request_data
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take

OWNER = "ada"
FIELDS = {"prompt": "A blue star spins around at night. Beeps.", "num_inference_steps": 4}
WIDTH, HEIGHT, FRAMES = 196, 128, 17
START, END = 1, 17


@pytest.fixture(scope="module")
def studio(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with working(tmp_path_factory.mktemp("painted"), cache) as studio:
        yield studio


@pytest.fixture(scope="module")
def sent() -> bytes:
    return encoded(moving(FRAMES, WIDTH, HEIGHT))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def disc(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """White in the left half, black around it."""
    picture = Image.new("L", (width, height))
    box = (width * 0.08, height * 0.15, width * 0.42, height * 0.85)
    ImageDraw.Draw(picture).ellipse(box, fill="white")
    return picture


def recipe_of(studio: Studio, sent: bytes, mask: str, owner: str = OWNER, **part: Any) -> Recipe:
    named = {"video": text(sent), "start_frame": START, "mask": mask} | part
    return studio.recipe_of(parse_request(FIELDS | {"retake": named, "seed": 9}), owner)


@pytest.fixture(scope="module")
def painted(studio: Studio, sent: bytes) -> Take:
    """Made again where a mask of another size says."""
    recipe = recipe_of(studio, sent, text(png(disc(2 * WIDTH, 2 * HEIGHT))))
    return take_of(studio, recipe, OWNER)


@pytest.fixture(scope="module")
def hd(studio: Studio, sent: bytes) -> Take:
    """The same in two stages."""
    recipe = recipe_of(studio, sent, text(png(disc())))
    return take_of(studio, recipe.model_copy(update={"two_stage": True}), OWNER)


@pytest.mark.parametrize("which", ["painted", "hd"])
def test_what_is_painted_is_new_and_the_rest_is_the_film(
    which: str, sent: bytes, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "sent.mp4").write_bytes(sent)
    take: Take = request.getfixturevalue(which)
    source, whole = seen(tmp_path / "sent.mp4"), seen(take.video)
    assert whole.shape == source.shape
    share = softened(np.asarray(disc()) >= 128)
    kept = psnr(whole[:, share == 0], source[:, share == 0])
    assert kept > 44
    new = whole[START + 4 :, share == 1], source[START + 4 :, share == 1]
    assert psnr(*new) < 20
    # In between one passes over into the other.
    passing = (share > 0.2) & (share < 0.5)
    between = psnr(whole[START + 4 :, passing], source[START + 4 :, passing])
    assert psnr(*new) + 3 < between < kept - 3


@pytest.mark.parametrize("two_stage", [False, True])
def test_the_model_sees_what_is_not_painted(engine: Engine, two_stage: bool) -> None:
    """What it makes there is the film as it knows it, and not hidden by the film alone."""
    film, mask = moving(FRAMES, 128, 128), np.zeros((128, 128), bool)
    mask[:, :32] = True
    named = RetakeInput(digest="sha256:" + "1" * 64, frames=FRAMES, start=START, end=END)
    recipe = Recipe.model_validate(
        {**FIELDS, "seed": 1, "width": 128, "height": 128, "num_frames": FRAMES}
        | {"inputs": Inputs(retake=named), "two_stage": two_stage}
    )
    quiet = Sound(np.zeros((2, 0), np.float32))
    whole, painted = (
        engine.generate(recipe, Silent(), InputData(film=film, sound=quiet, mask=each)).frames
        for each in (None, mask)
    )
    given, again, seen_of_it = (
        each[START:, :, 64:].astype(np.float32) for each in (film, whole, painted)
    )
    assert psnr(seen_of_it, given) > psnr(again, given) + 3


@pytest.mark.parametrize("two_stage", [False, True])
@pytest.mark.parametrize(
    "box", [(0, 0, 98, 128), (40, 30, 60, 98), (190, 120, 196, 128), (0, 127, 1, 128)]
)
def test_a_painted_rectangle_has_the_cells_of_a_region(
    box: tuple[int, int, int, int], two_stage: bool
) -> None:
    left, top, right, bottom = box
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    region = left / WIDTH, top / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT
    film = RetakeInput(digest="sha256:" + "1" * 64, frames=FRAMES, start=START, end=END)
    recipe = Recipe(prompt="a ball", width=WIDTH, height=HEIGHT, num_frames=FRAMES)
    cells = (4 // 2, 8 // 2) if two_stage else (4, 7)
    painted = staying_tokens(recipe, film, *cells, mask)
    of_region = staying_tokens(recipe, film.model_copy(update={"region": region}), *cells)
    assert painted.equal(of_region)
    assert not painted.all() and painted.any()


def test_a_mask_may_have_another_size_colours_and_cut_out_parts() -> None:
    whole = np.asarray(disc()) >= 128
    for times in (1, 2, 3):
        found = read_mask(png(disc(times * WIDTH, times * HEIGHT)), WIDTH, HEIGHT)
        assert (found != whole).mean() < 0.01
    cut = Image.new("RGB", (WIDTH, HEIGHT), "darkgreen")
    cut.putalpha(Image.eval(disc(), lambda value: 255 - value))
    assert np.array_equal(read_mask(png(cut), WIDTH, HEIGHT), whole)


def test_it_passes_over_within_a_few_pixels_of_what_is_painted() -> None:
    mask = np.zeros((64, 64), bool)
    mask[:, :20] = True
    line = softened(mask)[30]
    assert (line[:20] == 1).all() and (line[20 + SOFT :] == 0).all()
    assert np.diff(line[19 : 20 + SOFT]) == pytest.approx(-1 / SOFT)


def test_a_take_tells_its_mask_and_takes_it_along(
    studio: Studio, painted: Take, tmp_path: Path
) -> None:
    named = painted.recipe.inputs.retake
    assert named is not None and named.mask is not None
    assert request_data(painted.recipe)["retake"]["mask"] == named.mask
    again = parse_request(request_data(painted.recipe))
    assert studio.recipe_of(again, OWNER) == painted.recipe
    zipped = tmp_path / "takes.zip"
    zipped.write_bytes(b"".join(studio.exporting.stream(OWNER, [painted.id])))
    other = Studio(Settings.model_validate({"model": "demo", "data_dir": tmp_path / "other"}))
    other.importing.bring(zipped, OWNER)
    assert other.reference(named.mask, OWNER).is_file()
    other.close()


def test_a_part_without_a_mask_is_written_as_before() -> None:
    film = RetakeInput(digest="sha256:" + "1" * 64)
    assert set(film.model_dump()) == {
        *("digest", "frames", "start", "end", "first", "sound", "region")
    }


def test_all_frames_may_be_made_again_where_something_stays(studio: Studio, sent: bytes) -> None:
    recipe = recipe_of(studio, sent, text(png(disc())), start_frame=0)
    assert recipe.inputs.retake is not None and recipe.inputs.retake.end == FRAMES


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (png(Image.new("L", (WIDTH, HEIGHT))), "is white nowhere. Paint white"),
        (png(Image.new("L", (WIDTH, HEIGHT), "white")), "is white everywhere. Paint white"),
        (png(Image.new("L", (WIDTH, HEIGHT), 120)), "is white nowhere"),
        (png(disc(20_000, 10_000)), "is 20000x10000 pixels; at most"),
        (png(disc(8, 8)), "is 8x8 pixels; each side needs at least"),
        (png(disc())[:200], "is damaged"),
    ],
)
def test_what_is_no_mask_is_refused(studio: Studio, sent: bytes, mask: bytes, said: str) -> None:
    with pytest.raises(InvalidRecipe, match=f"^retake.mask: {said}"):
        studio.submit(recipe_of(studio, sent, text(mask)), OWNER)


@pytest.mark.parametrize(
    ("mask", "part", "said"),
    [
        ("AAAA", {}, "has a mask that is not a PNG"),
        (5, {}, "has the mask 5; allowed is a PNG"),
        ("not base64!", {}, "has a mask that is not valid base64"),
        (text(png(disc())), {"region": [0, 0, 1, 0.5]}, "has both a region and a mask"),
    ],
)
def test_what_is_sent_wrongly_is_refused(
    studio: Studio, mask: Any, part: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRecipe, match=f"^retake: {said}"):
        recipe_of(studio, b"\0\0\0\0ftyp", mask, **part)


def test_a_mask_has_to_be_a_picture_of_the_visitors_own(
    studio: Studio, sent: bytes, painted: Take
) -> None:
    named = painted.recipe.inputs.retake
    assert named is not None and named.mask is not None
    recipe = recipe_of(studio, sent, named.mask, "bob")
    with pytest.raises(InvalidRecipe, match=r"^retake.mask: "):
        studio.submit(recipe, "bob")
    with pytest.raises(InvalidRecipe, match=r"^retake.mask: is the digest of a sound or a film"):
        studio.submit(recipe_of(studio, sent, named.digest), OWNER)
