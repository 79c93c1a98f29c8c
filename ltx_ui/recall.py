"""A recipe from a file: one of our mp4s or posters, or JSON. Nothing in the file is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ltx_ui.inputs import AUDIO, FOCUSES, digest_of
from ltx_ui.link import BadLink, read_fragment
from ltx_ui.media.metadata import NoRecipe, creation_time, name_of, opened, read_metadata
from ltx_ui.recipe import Recipe, Typed
from ltx_ui.request import parse_request, request_data
from ltx_ui.untrusted_json import json_object
from ltx_ui.values import mistake

MOST_BYTES = 150_000_000
"""Bytes of JSON that are read: two pictures of 50 MB in base64, and their recipe."""
_STORED = frozenset({"inputs", "typed"})
"""Fields that a recipe has as it is stored, and not as it is asked for."""
_ASKED = frozenset(FOCUSES.values())
"""Fields that the API's answers have in a recipe, and what is stored has not."""

Name = Annotated[str, Field(max_length=200)]


class Making(BaseModel):
    """How a clip was made, as far as its file tells.

    Attributes:
        model, device: what it was made with and on.
        versions: of the libraries, and of this program as ``ltx_ui``.
        timings: seconds by stage, before it was saved.
        typed: what was typed for the recipe, where that stands beside it.
        made_from, relation: the id that the take it came from had where it was made, and how it
            came from that one.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    model: Name | None = None
    device: Name | None = None
    versions: dict[Name, Name] = {}
    timings: dict[Name, float] = {}
    made_at: datetime | None = None
    made_from: Name | None = None
    relation: Name | None = None
    typed: Typed | None = None


@dataclass(frozen=True)
class Recalled:
    """What a file tells of a clip.

    Attributes:
        pictures: files that came along in JSON, by the request's field. The recipe names them by
            the digests of these bytes.
    """

    recipe: Recipe
    making: Making = field(default_factory=Making)
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        """All but the pictures' files as JSON, which :func:`recalled` reads again: the recipe by
        the API's names, the rest beside it."""
        beside = self.making.model_copy(update={"typed": self.recipe.typed})
        told = beside.model_dump(mode="json", exclude_defaults=True)
        return {"recipe": request_data(self.recipe), **told}

    def with_pictures(self, stored: Mapping[str, str]) -> Recalled:
        """The same with these digests in the recipe, by the request's field."""
        now = {digest_of(data): stored[name] for name, data in self.pictures.items()}
        images = tuple(
            each.model_copy(update={"digest": now.get(each.digest, each.digest)})
            for each in self.recipe.inputs.images
        )
        sound = self.recipe.inputs.audio
        if sound is not None:
            sound = sound.model_copy(update={"digest": stored.get(AUDIO, sound.digest)})
        inputs = self.recipe.inputs.model_copy(update={"images": images, "audio": sound})
        return replace(self, recipe=self.recipe.model_copy(update={"inputs": inputs}))


def recall(source: Path | BinaryIO) -> Recalled:
    """What a file tells: an mp4 or a poster that any version of this program made, or JSON, which
    may be the body of a request, the API's answer about a job, what an mp4 holds, or
    :meth:`Recalled.answer`.

    Of a film or a picture only the tags are read, whatever its size.

    Raises:
        NoRecipe: there is no recipe that can be read; says what can be.
        InvalidRecipe: the JSON asks for a clip that can't be made; names the fields.
    """
    name = name_of(source)
    if (data := _json(source)) is None:
        told = read_metadata(source)
        if not isinstance(told.get("recipe"), Mapping):
            raise NoRecipe(f"{name} holds no recipe: what it tells is another program's.")
        found = recalled(told, name)
        made_at = found.making.made_at or creation_time(source)
        return replace(found, making=found.making.model_copy(update={"made_at": made_at}))
    try:
        return recalled(json_object(data), name)
    except ValueError as error:
        raise NoRecipe(f"{name} {error}") from None


def recall_link(text: str) -> Recalled:
    """What the part of a link behind ``#`` tells, which :func:`~ltx_ui.link.as_fragment` made.

    Raises:
        NoRecipe: it tells nothing that can be used; says why.
    """
    try:
        told = read_fragment(text)
    except BadLink as error:
        raise NoRecipe(f"This link {error}") from None
    kept = told.get("recipe")
    recipe = dict(kept) if isinstance(kept, Mapping) else {}
    inputs = recipe.get("inputs")
    loras = inputs.get("loras", ()) if isinstance(inputs, Mapping) else ()
    sent = {**recipe, "inputs": {"loras": loras}, "model": None}
    return recalled({**told, "recipe": sent}, "This link")


def recalled(told: Mapping[str, Any], name: str = "This file") -> Recalled:
    """What a JSON object tells, as :func:`recall` reads it.

    Args:
        name: what it is called in errors.
    """
    kept = told.get("recipe")
    if not isinstance(kept, Mapping):
        if "prompt" not in told:
            raise NoRecipe(f"{name} is JSON, but no recipe: it has no prompt.")
        if _STORED.isdisjoint(told):
            return _asked(told)
        recipe = _stored(told, name)
        return Recalled(recipe.with_typed(recipe.typed))
    found = Recalled(_stored(kept, name)) if _ASKED.isdisjoint(kept) else _asked(kept)
    making = _making(told)
    recipe = found.recipe.with_typed(found.recipe.typed or making.typed)
    return replace(found, recipe=recipe, making=making.model_copy(update={"typed": None}))


def _json(source: Path | BinaryIO) -> bytes | None:
    """The file's bytes; None where they are no JSON object."""
    with opened(source) as file:
        head = file.read(64)
        if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
            return None
        data = head + file.read(MOST_BYTES)
    if len(data) > MOST_BYTES:
        raise NoRecipe(
            f"{name_of(source)} is larger than {MOST_BYTES / 1e6:g} MB, which no recipe is."
        )
    return data


def _asked(told: Mapping[str, Any]) -> Recalled:
    request = parse_request(told)
    files = request.files
    recipe = request.recipe({name: digest_of(data) for name, data in files.items()})
    return Recalled(recipe, pictures=files)


def _stored(told: Mapping[str, Any], name: str) -> Recipe:
    try:
        return Recipe.model_validate(told)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "it"
        raise NoRecipe(
            f"{name} holds a recipe that can't be used here: {where[:60]!r} {mistake(wrong)}. A "
            "newer version of the studio may have made it."
        ) from None


def _making(told: Mapping[str, Any]) -> Making:
    """What of it can be read; the rest is not known."""
    try:
        return Making.model_validate(told)
    except ValidationError as error:
        wrong = {each["loc"][0] for each in error.errors()}
        return Making.model_validate({k: told[k] for k in told.keys() - wrong})
