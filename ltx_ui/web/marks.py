"""PATCH ``/takes/{take_id}``: what an owner writes on a take."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import gradio as gr
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.studio.shelves import MAX_NAME, MAX_NOTE, MAX_TAG, MOST_TAGS, Marks
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.routing import error_answers, json_body
from ltx_ui.web.wiring import sent, texts

MOST_BYTES = 50_000
"""In what is written on a take."""


class Written(BaseModel):
    """What is written on a take."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field("", max_length=MAX_NAME, description="One line; empty for none.")
    note: str = Field("", max_length=MAX_NOTE, description="Empty for none.")
    favourite: bool = Field(False, description="Whether it has a heart. A draft becomes a take.")
    tags: list[Annotated[str, Field(max_length=MAX_TAG)]] = Field(
        [], max_length=MOST_TAGS, description="All of its tags; those it had before are gone."
    )


class TakeMarks(Written):
    """What an owner writes on a take. A field that is left out stays as it is."""

    was: Written | None = Field(
        None,
        description="What you take for written there. Where something else is by now, nothing is "
        "changed, and the answer is 409.",
    )


class MarksAnswer(Written):
    """What is written on a take by now."""

    id: str


def read_marks(data: Mapping[str, Any]) -> Marks:
    """What a client's JSON changes.

    Raises:
        InvalidRecipe: a field is not known, or can't have its value.
    """
    read = validated(TakeMarks, data)
    was = () if read.was is None else (_marks(read.was),)
    return replace(_marks(read), was=was)


def marked(event: gr.EventData, field: Literal["name", "note"]) -> Marks:
    """What was written on the page, and what the page takes for written there before."""
    was = tuple(_mark(field, text) for text in texts(sent(event, "was")))
    return replace(_mark(field, str(sent(event, "text") or "")), was=was)


def _mark(field: Literal["name", "note"], text: str) -> Marks:
    return Marks(name=text) if field == "name" else Marks(note=text)


def _marks(written: Written) -> Marks:
    sent_ones = written.model_fields_set & Written.model_fields.keys()
    return Marks(**written.model_dump(include=sent_ones))


def router(studio: Studio) -> APIRouter:
    """The route, over one studio."""
    made = APIRouter()

    @made.patch(
        "/takes/{take_id}",
        openapi_extra=json_body(TakeMarks),
        responses=error_answers(401, 403, 404, 409, 413, 415, 422),
    )
    async def mark_take(request: Request, take_id: str, owner: Owner) -> MarksAnswer:
        """Change a take's name, note, heart or tags: all that the body has, or nothing."""
        marks = read_marks(await read_json(request, MOST_BYTES))
        return await asyncio.to_thread(_marked, studio, take_id, owner, marks)

    return made


def _marked(studio: Studio, take_id: str, owner: str, marks: Marks) -> MarksAnswer:
    studio.library.mark(take_id, owner, marks)
    take = studio.library.take(take_id, owner)
    return MarksAnswer(
        id=take.id,
        name=take.name,
        note=take.note,
        favourite=take.favourite,
        tags=list(take.tags),
    )
