"""The page at /docs: the API's schema as plain HTML, with no script and nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0 }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
pre, code { font: .9em ui-monospace, monospace }
pre { padding: 1rem; overflow: auto; border-radius: 8px }
pre { background: color-mix(in srgb, currentColor 8%, transparent) }
.scroll { overflow-x: auto }
"""

_EXAMPLE = """curl -s http://HOST:PORT/generate -H 'Content-Type: application/json' \\
  -d '{"prompt": "Ocean waves on a rocky shore", "num_frames": 9, "num_inference_steps": 5}'"""


def docs_page(schema: dict[str, Any]) -> str:
    """HTML for an OpenAPI schema: its routes, and the recipe's fields."""
    routes = "".join(
        _route(method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    )
    body = schema["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]
    recipe = body["schema"]
    fields = "".join(
        _field(name, field, name in recipe.get("required", []))
        for name, field in recipe["properties"].items()
    )
    title = escape(f"{schema['info']['title']} API")
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{_STYLE}</style></head><body><h1>{title}</h1><p>Version {escape(schema["info"]["version"])}.
The same as <a href="openapi.json">OpenAPI JSON</a>. <a href="./">Back to the studio</a></p>
<h2>Example</h2><pre>{escape(_EXAMPLE)}</pre>
<h2>Routes</h2>{routes}
<h2>Fields of a recipe</h2><div class="scroll"><table><thead><tr><th>Field</th><th>Type</th>
<th>Default</th><th>Meaning</th></tr></thead><tbody>{fields}</tbody></table></div></body></html>"""


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
