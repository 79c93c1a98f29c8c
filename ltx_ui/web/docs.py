"""The page at /docs: the API's schema as plain HTML, with no script and nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ltx_ui.web.templating import render


def docs_page(schema: dict[str, Any]) -> str:
    """HTML for an OpenAPI schema: its routes, and the recipe's fields."""
    sent = schema["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]
    return render(
        "docs.html",
        title=schema["info"]["title"],
        version=schema["info"]["version"],
        routes=_routes(schema["paths"]),
        fields=_fields(sent["schema"]),
    )


def _routes(paths: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            answers = operation["responses"].items()
            yield {
                "method": method.upper(),
                "path": path,
                "description": operation.get("description", ""),
                "answers": {status: answer["description"] for status, answer in answers},
            }


def _fields(recipe: dict[str, Any]) -> Iterator[dict[str, str]]:
    required = recipe.get("required", [])
    for name, field in recipe["properties"].items():
        yield {
            "name": name,
            "type": _type(field),
            "default": "required" if name in required else _default(field),
            "description": field.get("description", ""),
        }


def _default(field: dict[str, Any]) -> str:
    # The one field without a fixed default is the seed: each clip draws its own.
    return json.dumps(field["default"], ensure_ascii=False) if "default" in field else "drawn"


def _type(field: dict[str, Any]) -> str:
    """Type and bounds in a few words: ``integer, 1 to 100``."""
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    options = [option["type"] for option in field.get("anyOf", [field])]
    bounds = [field[key] for key in ("minimum", "maximum") if key in field]
    return " | ".join(options) + (f", {bounds[0]} to {bounds[1]}" if len(bounds) == 2 else "")
