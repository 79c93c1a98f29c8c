"""LoRAs as recipes name them: files that are not kept with the clips, for they are large.

A recipe names a file by its stem, and says by the SHA-256 of its bytes which file that was. That is
written without ``sha256:`` before it, unlike the digests of files that the studio keeps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from ltx_ui.values import real, shown

MOST = 4
"""LoRAs that a recipe may name."""
LEAST_STRENGTH, MOST_STRENGTH = -2.0, 2.0
USUAL_STRENGTH = 1.0
LONGEST_NAME = 120

_NAME = re.compile(rf"(?![.\s])[^/\\@:\x00-\x1f\x7f\ud800-\udfff]{{1,{LONGEST_NAME}}}(?<!\s)")
_SHA256 = re.compile(r"([0-9a-f]{64})?")
_FORM = (
    f"Send up to {MOST} of them, as in "
    '[{"name": "dolly-in", "strength": 0.8}]; GET /api/v1/loras lists the names.'
)


def is_name(text: str) -> bool:
    """Whether a text can be a LoRA's name: never a path."""
    return _NAME.fullmatch(text) is not None


def _check_name(text: str) -> str:
    if not is_name(text):
        raise ValueError("is not the name of a LoRA, which is its file's without the ending")
    return text


def _check_sha256(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise ValueError("is not a SHA-256 of 64 hexadecimal digits")
    return text


class LoraInput(BaseModel):
    """A LoRA that a clip is made with.

    Attributes:
        name: the stem of its file.
        sha256: of the file's bytes, in hexadecimal digits; empty: whichever file has the name.
        strength: how much of it is added, -2…2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, AfterValidator(_check_name)]
    sha256: Annotated[str, AfterValidator(_check_sha256)] = ""
    strength: float = Field(USUAL_STRENGTH, ge=LEAST_STRENGTH, le=MOST_STRENGTH)

    @property
    def asked(self) -> dict[str, Any]:
        """It under the API's names."""
        known = f"{self.name}@{self.sha256}" if self.sha256 else self.name
        return {"name": known, "strength": self.strength}


def read_sent(value: Any) -> tuple[LoraInput, ...]:
    """LoRAs as the API takes them: a list of names, or of objects with a name and a strength. A
    name may have ``@`` and the file's SHA-256 after it.

    Raises:
        ValueError: they can't be used; says what is allowed.
    """
    if not isinstance(value, list | tuple) or len(value) > MOST:
        raise ValueError(f"is {shown(value)}, not a list of up to {MOST} LoRAs. {_FORM}")
    return _once(tuple(each if isinstance(each, LoraInput) else _read(each) for each in value))


def _read(value: Any) -> LoraInput:
    given = {"name": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not given.keys() <= {"name", "strength"}:
        raise ValueError(f"has {shown(value)} in it, which is no LoRA. {_FORM}")
    called = given.get("name")
    if not isinstance(called, str):
        raise ValueError(f"has {shown(value)} in it, which has no name. {_FORM}")
    name, _, digest = called.strip().partition("@")
    sha256 = digest.strip().lower().removeprefix("sha256:")
    if not is_name(name) or not _SHA256.fullmatch(sha256):
        raise ValueError(
            f"names {shown(called)}. A name is that of a file in the studio's folder of LoRAs, "
            "without its ending and without a path; @ and the file's SHA-256 may follow. "
            "GET /api/v1/loras lists them."
        )
    strength = given.get("strength")
    try:
        strength = USUAL_STRENGTH if strength is None else real(strength)
    except PydanticCustomError:
        strength = None
    if not isinstance(strength, int | float) or not (LEAST_STRENGTH <= strength <= MOST_STRENGTH):
        raise ValueError(
            f"gives {name!r} the strength {shown(given['strength'])}; allowed is a number from "
            f"{LEAST_STRENGTH:g} to {MOST_STRENGTH:g}. Leave it out for {USUAL_STRENGTH:g}."
        )
    return LoraInput(name=name, sha256=sha256, strength=strength)


def _once(loras: tuple[LoraInput, ...]) -> tuple[LoraInput, ...]:
    names = [lora.name for lora in loras]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"names {twice!r} twice. Name it once, with the strength of both.")
    return loras


Loras = Annotated[tuple[LoraInput, ...], Field(max_length=MOST), AfterValidator(_once)]
"""LoRAs in a recipe."""

_SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": MOST,
    "items": {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "description": "As GET /api/v1/loras has it."},
            "strength": {
                "type": "number",
                "minimum": LEAST_STRENGTH,
                "maximum": MOST_STRENGTH,
                "default": USUAL_STRENGTH,
            },
        },
    },
}

SentLoras = Annotated[tuple[LoraInput, ...], BeforeValidator(read_sent), WithJsonSchema(_SCHEMA)]
"""LoRAs in a request."""
