"""What the routes of the versioned API have in common: descriptions, and ids in addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from ltx_ui.errors import NotFound
from ltx_ui.inputs import is_digest
from ltx_ui.studio.deleting import NOT_HERE
from ltx_ui.studio.storyboards import NOT_HERE as NO_STORYBOARD
from ltx_ui.web.api_v1.problems import problem_answers

LOCATION = {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}
"""The OpenAPI description of a header."""

_ID = re.compile(r"[0-9a-f]{32}")


def add(
    router: APIRouter,
    methods: str,
    path: str,
    answer: Callable[..., Any],
    *statuses: int,
    answers: Mapping[int | str, dict[str, Any]] | None = None,
    **options: Any,
) -> None:
    """Add a route, which is called in the OpenAPI as the function that answers.

    Args:
        methods: separated by blanks; all but the first are left out of the OpenAPI.
        statuses: of the problems that it may answer with.
        answers: further descriptions of answers.
    """
    described = problem_answers(*statuses)
    described.update(answers or {})
    name = getattr(answer, "__name__", "")
    for number, method in enumerate(methods.split()):
        router.add_api_route(
            path,
            answer,
            methods=[method],
            operation_id=name,
            responses=described,
            include_in_schema=not number,
            **options,
        )


def body(schema: str, examples: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The OpenAPI description of a JSON body.

    Args:
        schema: the name of a component.
        examples: by their names.
        more: forms that it may also have, by their types.
    """
    told: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    told |= {"examples": examples} if examples else {}
    return {"requestBody": {"required": True, "content": {"application/json": told} | more}}


def links_to(operations: Iterable[Callable[..., Any]], **parameters: str) -> dict[str, Any]:
    """The OpenAPI description of what can be done with what an answer tells.

    Args:
        operations: the functions that answer.
        parameters: theirs, with the places in the answer's body that have the values.
    """
    taken = {name: f"$response.body#/{place}" for name, place in parameters.items()}
    names = (operation.__name__ for operation in operations)
    return {name: {"operationId": name, "parameters": taken} for name in names}


def _job_id(job_id: Annotated[str, Path(description="A job's id.")]) -> str:
    if not _ID.fullmatch(job_id):
        raise NotFound("There is no job at this address.")
    return job_id


def _take_id(take_id: Annotated[str, Path(description="A take's id.")]) -> str:
    if not _ID.fullmatch(take_id):
        raise NotFound(NOT_HERE)
    return take_id


def _digest(digest: Annotated[str, Path(description="A picture's digest: sha256:…")]) -> str:
    if not is_digest(digest):
        raise NotFound("There is no picture at this address. Digests look like sha256:….")
    return digest


def _storyboard_id(
    storyboard_id: Annotated[str, Path(description="A storyboard's id.")],
) -> str:
    if not _ID.fullmatch(storyboard_id):
        raise NotFound(NO_STORYBOARD)
    return storyboard_id


JobId = Annotated[str, Depends(_job_id)]
TakeId = Annotated[str, Depends(_take_id)]
StoryboardId = Annotated[str, Depends(_storyboard_id)]
Digest = Annotated[str, Depends(_digest)]
