"""The page at /docs: the API's schema as plain HTML, with no script and nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from ltx_ui.web.plain import plain_page

_EXAMPLE = """curl -s http://HOST:PORT/generate -H 'Content-Type: application/json' \\
  -d '{"prompt": "Ocean waves on a rocky shore", "num_frames": 9, "num_inference_steps": 5}'"""


def docs_page(schema: dict[str, Any]) -> str:
    """HTML for an OpenAPI schema: its routes, and the recipe's fields."""
    routes = "".join(
        _route(method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    )
    sent = schema["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]
    recipe = sent["schema"]
    fields = "".join(
        _field(name, field, name in recipe.get("required", []))
        for name, field in recipe["properties"].items()
    )
    name = f"{schema['info']['title']} API"
    title = escape(name)
    body = f"""<h1>{title}</h1><p>Version {escape(schema["info"]["version"])}.
The same as <a href="openapi.json">OpenAPI JSON</a>. <a href="./">Back to the studio</a></p>
<h2>Example</h2><pre>{escape(_EXAMPLE)}</pre>
<h2>Routes</h2>{routes}
<h2>Fields of a recipe</h2><div class="scroll"><table><thead><tr><th>Field</th><th>Type</th>
<th>Default</th><th>Meaning</th></tr></thead><tbody>{fields}</tbody></table></div>"""
    return plain_page(name, body)


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<h3><code>{escape(method.upper())} {escape(path)}</code></h3>"
        f"<p>{escape(operation.get('description', ''))}</p><table>{answers}</table>"
    )


def _field(name: str, field: dict[str, Any], required: bool) -> str:
    # The one field without a fixed default is the seed: each clip draws its own.
    default = json.dumps(field["default"], ensure_ascii=False) if "default" in field else "drawn"
    default = "required" if required else default
    cells = (f"<code>{escape(name)}</code>", _type(field), escape(default))
    described = escape(field.get("description", ""))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in (*cells, described)) + "</tr>"


def _type(field: dict[str, Any]) -> str:
    """Type and bounds in a few words: ``integer, 1 to 100``."""
    if "enum" in field:
        return escape(" | ".join(map(str, field["enum"])))
    options = [option["type"] for option in field.get("anyOf", [field])]
    bounds = [field[key] for key in ("minimum", "maximum") if key in field]
    return escape(
        " | ".join(options) + (f", {bounds[0]} to {bounds[1]}" if len(bounds) == 2 else "")
    )
