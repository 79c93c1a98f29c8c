"""What a clip can't be made from together is refused with a reason before it is queued."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import pytest
from films import film
from PIL import Image
from sounds import beats, sound_file
from studios import idle

from ltx_ui.errors import InvalidRecipe
from ltx_ui.given_films import ALONE
from ltx_ui.inputs import CONTROL, FILMS
from ltx_ui.request import parse_request
from ltx_ui.studio.studio import Studio


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def picture(left: str) -> str:
    """A picture with such a left half."""
    whole, target = Image.new("RGB", (128, 128)), io.BytesIO()
    whole.paste(left, (0, 0, 64, 128))
    whole.save(target, "PNG")
    return text(target.getvalue())


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with idle(tmp_path_factory.mktemp("together")) as studio:
        yield studio


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return film(tmp_path_factory.mktemp("sent") / "sent.mp4", 17)


MASK, AUDIO = picture("white"), text(sound_file(beats(1.0)))
PART = {"start_frame": 1, "end_frame": 9}
MORE: dict[str, dict[str, Any]] = {"retake": PART | {"mask": MASK}, "extend": {"overlap": 9}}
"""What is said of a film besides its name."""
BESIDE: dict[str, dict[str, Any]] = {
    "loop": {"loop": True},
    "fit_audio": {"audio": AUDIO, "fit_audio": True},
    "audio": {"audio": AUDIO},
    "first picture": {"image_start": MASK},
    "last picture": {"image_end": MASK},
    "picture in the film": {"keyframes": [{"image": MASK, "frame": 12}]},
    "HD": {"two_stage": True},
    "one stage": {"two_stage": False},
    "silent": {"audio": AUDIO, "include_audio": False},
}
OWN_FILM = "an't stand beside {}"
REFUSED: list[tuple[tuple[str, ...], str]] = [
    *((pair, OWN_FILM.format(pair[0])) for pair in combinations(ALONE, 2)),
    *(
        ((CONTROL, name), OWN_FILM.format(name))
        for name in FILMS
        if name not in (CONTROL, "extend")
    ),
    *((("loop", name), f"Leave loop or {name} out") for name in FILMS),
    *((("fit_audio", name), f"fit_audio: c{OWN_FILM.format(name)}") for name in FILMS),
    (("audio", "retake"), "has new sound, or the film's"),
    (("first picture", "retake"), "image_start: is at frame 0, which stays as it is"),
    (("last picture", "retake"), "image_end: is at frame 16, which stays as it is"),
    (("picture in the film", "retake"), r"keyframes\[frame=12\]: is at frame 12, which stays"),
    (("first picture", "extend"), "image_start: there are the film's own frames"),
    *(
        ((place, name), said)
        for place, (name, said) in product(
            ("first picture", "last picture", "picture in the film"),
            (("picture_of", "the picture is the film's"), ("upscale", "takes no pictures")),
        )
    ),
    (("HD", "picture_of"), "two_stage: is True, and False for this film"),
    (("one stage", "upscale"), "two_stage: is False, and True for this film"),
    (("silent", "picture_of"), "audio: a film without sound is asked for"),
]


def of_film(name: str, sent: bytes) -> dict[str, Any]:
    return {name: {"video": text(sent)} | MORE.get(name, {})}


@pytest.mark.parametrize(("names", "said"), REFUSED, ids=lambda each: "+".join(each)[:60])
def test_what_does_not_go_together_is_refused(
    studio: Studio, sent: bytes, names: tuple[str, ...], said: str
) -> None:
    fields: dict[str, Any] = {"prompt": "a ball", "loras": ["edges"] if CONTROL in names else None}
    for name in names:
        fields |= BESIDE.get(name) or of_film(name, sent)
    if "extend" in names:
        fields["num_frames"] = 25
    with pytest.raises(InvalidRecipe, match=said):
        studio.recipe_of(parse_request(fields), "ada")


@pytest.mark.parametrize("name", FILMS)
def test_each_of_them_goes_by_itself(studio: Studio, sent: bytes, name: str) -> None:
    """Or it would be refused beside anything."""
    recipe = studio.recipe_of(
        parse_request({"prompt": "a ball", "num_frames": 17} | of_film(name, sent)), "ada"
    )
    assert dict(recipe.inputs.films())[name].digest


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("spoilt", [slice(None, 900), slice(0, 40)], ids=["half", "a start"])
def test_a_broken_film_is_refused_whatever_it_is_for(
    studio: Studio, sent: bytes, name: str, spoilt: slice
) -> None:
    fields = {"prompt": "a ball"} | of_film(name, sent[spoilt])
    with pytest.raises(InvalidRecipe, match=f"^{name}: the film .*damaged"):
        studio.recipe_of(parse_request(fields), "ada")
