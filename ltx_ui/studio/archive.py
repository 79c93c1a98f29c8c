"""The form of a zip with takes: what :data:`LIST` in it tells, and the names of its files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from ltx_ui import __version__
from ltx_ui.inputs import Digest
from ltx_ui.recipe import MAX_PROMPT, MAX_SEED, Recipe
from ltx_ui.storyboards import MOST_SHOTS, Join
from ltx_ui.studio.kept_shots import read_board
from ltx_ui.studio.tables import CharacterRow, StoryboardRow, TakeRow

LIST = "library.json"
"""The zip's file that tells of the others."""
SCHEMA = 1
"""The version of that file's form."""
MOST_TAKES = 20_000
MOST_NOTE = 4000

_LONGEST_WORDS = 48
_END = datetime(2200, 1, 1, tzinfo=UTC)
_LETTERS = re.compile(r"[\w-]+")

Short = Annotated[str, Field(max_length=200)]
Shorts = Annotated[dict[Short, Short], Field(max_length=100)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
When = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=_END)]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,32}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Told(BaseModel):
    """What a later version tells besides is left out."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class FileTold(_Told):
    """A file in the zip; its name begins at the folder that holds :data:`LIST`."""

    file: Annotated[str, Field(max_length=500)]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256


class TakeTold(_Told):
    """A take, as its row has it. Of one whose mp4 is gone the recipe alone is told."""

    id: Id
    recipe: Annotated[Recipe, AfterValidator(lambda recipe: recipe.with_typed(recipe.typed))]
    created_at: When
    seconds: Seconds
    timings: Annotated[dict[Short, Seconds], Field(max_length=100)] = {}
    versions: Shorts = {}
    model: Short
    device: Short
    notes: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=100)] = []
    findings: Annotated[list[Short], Field(max_length=100)] = []
    name: Annotated[str, Field(max_length=80)] = ""
    note: Annotated[str, Field(max_length=MOST_NOTE)] = ""
    tags: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=100)] = []
    favourite: bool = False
    draft: bool = False
    made_from: Id | None = None
    relation: Annotated[str, Field(max_length=16)] | None = None
    video: FileTold | None = None
    poster: FileTold | None = None


class CharacterTold(_Told):
    """Somebody whom clips show, as their row has them."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=40)]
    words: Annotated[str, Field(max_length=MOST_NOTE)] = ""
    images: Annotated[list[Digest], Field(max_length=20)] = []
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    note: Annotated[str, Field(max_length=MOST_NOTE)] = ""
    created_at: When


class ShotTold(_Told):
    """A shot of a storyboard, with the ids of its takes as the zip has them."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$")]
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)]
    num_frames: int
    seed: int | None = None
    join: Join = "cut"
    takes: Annotated[list[Id], Field(max_length=200)] = []
    chosen: Id | None = None
    edited: bool = False


class StoryboardTold(_Told):
    """A storyboard, without what of it was being made."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    name: Annotated[str, Field(max_length=80)] = ""
    settings: Annotated[dict[str, Any], Field(max_length=100)]
    shots: Annotated[list[ShotTold], Field(min_length=1, max_length=MOST_SHOTS)]
    created_at: When
    changed_at: When


class PictureTold(_Told):
    """A picture that recipes or characters name by its digest."""

    digest: Digest
    file: Annotated[str, Field(max_length=500)]


def take_told(row: TakeRow) -> TakeTold:
    """A take's row without its files, which are not read yet."""
    known = {name: getattr(row, name) for name in TakeTold.model_fields if hasattr(row, name)}
    known |= {"tags": [tag.tag for tag in row.tags], "video": None, "poster": None}
    # As it is kept: what was valid when it was made stays in the library whatever the bounds are.
    return TakeTold.model_construct(**(known | {"recipe": Recipe.model_validate(row.recipe)}))


def character_told(row: CharacterRow) -> CharacterTold:
    """A character's row."""
    fields = CharacterTold.model_fields
    return CharacterTold.model_construct(**{name: getattr(row, name) for name in fields})


def storyboard_told(row: StoryboardRow) -> StoryboardTold:
    """A storyboard's row."""
    board = read_board(row).ended("")
    told = board.model_dump(mode="json", include={"name", "settings", "shots"})
    times = {"created_at": row.created_at, "changed_at": row.changed_at}
    return StoryboardTold.model_validate({"id": row.id, **told, **times})


def head() -> dict[str, Any]:
    """What :data:`LIST` begins with."""
    exported_at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"schema": SCHEMA, "program": f"LTX-2 Studio {__version__}", "exported_at": exported_at}


class Names:
    """Names for takes' files: date, seed and words. Each is given once, whatever the case, and is
    one that Windows takes."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, take: TakeTold) -> str:
        """A name without its ending."""
        made = take.created_at.astimezone(UTC)
        words = "-".join(_words(take.name or take.recipe.prompt))
        name = f"{made:%Y-%m-%d_%H-%M-%S}_seed-{take.recipe.seed}_{words}".rstrip("_-")
        unique, count = name, 1
        while unique.casefold() in self._given:
            count += 1
            unique = f"{name}_{count}"
        self._given.add(unique.casefold())
        return unique


def _words(text: str) -> Iterator[str]:
    """The first words of a text: letters and digits of any script."""
    room = _LONGEST_WORDS
    for found in _LETTERS.finditer(unicodedata.normalize("NFC", text[:500])):
        word = found[0].strip("-_")[:room]
        room -= len(word) + 1
        if word:
            yield word
        if room <= 0:
            return
