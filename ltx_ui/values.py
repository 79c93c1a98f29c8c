"""Values as clients write them in JSON: 9, 9.0 and "9" are the same whole number.

One rule for every field: a value may also stand in quotes, as forms, spreadsheets and shell scripts
send it. Anything else is refused, and shown shortened whatever its size.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LONGEST = 60
"""Characters of a number in quotes, and of a value that is shown."""
_LARGEST = 10**300
"""No field comes near it; beyond, an int does not become a float."""
_TRUTHS = {"true": True, "false": False}


def whole(value: Any) -> int:
    """A whole number, however it is written.

    Raises:
        PydanticCustomError: it is none.
    """
    try:
        number = real(value)
    except PydanticCustomError:
        number = 0.5
    if number != int(number):
        raise PydanticCustomError("whole", "is not a whole number")
    return int(number)


def real(value: Any) -> int | float:
    """A finite number, however it is written.

    Raises:
        PydanticCustomError: it is none.
    """
    if isinstance(value, str):
        text = value.strip()
        if len(text) <= _LONGEST and (found := _NUMBER.fullmatch(text)):
            value = float(text) if found[1] or found[2] else int(text)
    if type(value) in (int, float) and -_LARGEST < value < _LARGEST:
        number: int | float = value
        return number
    raise PydanticCustomError("real", "is not a number")


def truth(value: Any) -> bool:
    """True or false, also in quotes; not 0 or 1, which are numbers.

    Raises:
        PydanticCustomError: it is neither.
    """
    if isinstance(value, str):
        value = _TRUTHS.get(value.strip().lower())
    if isinstance(value, bool):
        return value
    raise PydanticCustomError("truth", "is neither true nor false")


def is_blank(value: Any) -> bool:
    """Whether a value names no file, take or model: None, and a text with nothing but space."""
    return value is None or (isinstance(value, str) and not value.strip())


Whole = Annotated[int, BeforeValidator(whole)]
Real = Annotated[float, BeforeValidator(real)]
Truth = Annotated[bool, BeforeValidator(truth)]


_IN_QUOTES = {
    "integer": r"^\s*[+-]?\d+(\.0*)?\s*$",
    "number": r"^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*$",
    "boolean": r"^\s*(true|false)\s*$",
    "object": r"^\s*$",
}
"""How a value of a JSON type looks as a text; whole numbers are also taken as 9e0, and an object is
not given with an empty one."""


def taken_in_quotes(schema: dict[str, Any]) -> None:
    """Add to a model's JSON schema the other forms that its fields' values may come in."""
    for name, field in schema["properties"].items():
        if name in schema["required"]:
            continue
        for item in field.get("prefixItems", ()):
            _also_in_quotes(item)
        forms = _also_in_quotes(field)
        if {"type": "null"} not in forms:
            forms.append({"type": "null"})


def _also_in_quotes(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The forms that a value may come in: what its JSON schema says, and a text."""
    plain = {key: schema.pop(key) for key in ("type", "enum") if key in schema}
    forms: list[dict[str, Any]] = schema.setdefault("anyOf", [plain])
    if pattern := _IN_QUOTES.get(forms[0]["type"]):
        forms.append({"type": "string", "pattern": pattern})
    return forms


_MISTAKES = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "value_error": "{error}",
    "json_invalid": "is not JSON: {error}",
    "too_short": "has too few entries (at least {min_length})",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_long": "has too many entries (at most {max_length})",
    "string_too_long": "is too long (at most {max_length} characters)",
    "real": "must be a number",
    "whole": "must be a whole number",
    "truth": "must be true or false",
    "string_too_short": "is too short (at least {min_length} characters)",
}
"""What is wrong, by pydantic's type of error, with the values of its context."""
_FORMS = {
    "^[0-9a-f]{32}$": "must be an id, as answers have it: 32 digits 0 to 9 and a to f",
    "^sha256:[0-9a-f]{64}$": "must be sha256: and 64 digits 0 to 9 and a to f",
    "^(sha256:[0-9a-f]{64}|[0-9a-f]{32})$": "must be a picture's digest, sha256: and 64 digits 0 "
    "to 9 and a to f, or a clip's id, 32 of them",
    r"^([0-9]{1,5}x[0-9]{1,5})?$": "must be a width and a height, as in 288x512",
    r"^(auto|[1-9]\d{0,3})$": "must be auto or a number from 1 to 9999",
    r"^(auto|[^\s/:]+:\d+)$": "must be auto or HOST:PORT",
    r"^[a-z0-9-]{1,20}$": "must be 1 to 20 of the letters a to z, digits and -",
}
"""What must stand in a text of a form, by its pattern."""
_KINDS = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list, [ … ]",
    "tuple": "a list, [ … ]",
    "model": "an object, { … }",
    "dict": "an object, { … }",
}
"""What a value must be, by the kind of value that pydantic expects."""


def mistake(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, as the end of a sentence that begins with its name.

    Args:
        error: one of those that a pydantic ``ValidationError`` lists.
    """
    kind = str(error["type"])
    if known := _MISTAKES.get(kind):
        return known.format_map(error.get("ctx", {}))
    if kind == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return _FORMS.get(pattern, f"must have the form {pattern}")
    expected = _KINDS.get(kind.partition("_")[0])
    return f"must be {expected}" if expected else str(error["msg"])


def shown(value: Any) -> str:
    """A value in at most 60 characters, however large it is."""
    match value:
        case dict():
            return f"an object with {len(value)} fields"
        case list():
            return f"a list of {len(value)} values"
        case int() if abs(value) >= _LARGEST:
            return "a number of more than 300 digits"
    return _BRIEF.repr(value)


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = _LONGEST
