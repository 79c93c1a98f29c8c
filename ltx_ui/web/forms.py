"""Forms with files in them, up to a limit, as they come."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.types import Message

from ltx_ui.errors import BodyTooLarge

MULTIPART = "multipart/form-data"
_MOST_FIELDS = 100
_PART = re.compile(r"(?P<field>[^\[\]]{1,60})\[(?P<part>[^\[\]]{0,60})\]")
"""A field's name where its value is a list (``tags[]``) or an object (``reference[file_id]``)."""


def digest_of(fields: Mapping[str, Any], path: str) -> str:
    """SHA-256 of what a request says, in hexadecimal digits. A form's bytes tell less: what parts
    its fields is drawn anew each time that it is sent.

    Args:
        path: to which it was sent.
    """
    said = hashlib.sha256(path.encode())
    for name, value in sorted(fields.items()):
        shown = hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else repr(value)
        said.update(repr((name, type(value).__name__, shown)).encode("utf-8", "surrogatepass"))
    return said.hexdigest()


async def read_form(request: Request, limit: int, *files: str) -> dict[str, Any]:
    """The fields of a multipart form: texts, lists and objects of texts, and files as their bytes.
    Never more than ``limit`` bytes are taken.

    Args:
        files: the fields that may be a file.

    Raises:
        BodyTooLarge: the body is larger; it isn't read any further.
        HTTPException: 400, it is no such form, or has a file where none belongs.
    """
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise BodyTooLarge(f"The request is larger than {limit / 1e6:.1f} MB. Send less.")
        return message

    counted = Request(request.scope, receive)
    opened = counted.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=limit)
    async with opened as form:
        return await _fields(form, files)


async def _fields(form: FormData, files: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    lists: defaultdict[str, list[str]] = defaultdict(list)
    objects: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name not in files:
                raise HTTPException(400, f"{name[:60]} is a file; a file may be {files[0]} alone.")
            fields[name] = await value.read()
        elif (found := _PART.fullmatch(name)) is None:
            fields[name] = value
        elif found["part"]:
            objects[found["field"]][found["part"]] = value
        else:
            lists[found["field"]].append(value)
    return {**lists, **objects, **fields}
