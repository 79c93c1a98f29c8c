"""Small HTML pages without script: the docs, the login, and what a browser is told in words."""

from __future__ import annotations

from html import escape

from ltx_ui.web.front import ICON

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
main { max-width: 24rem; margin: 12vh auto 0 }
label { display: block; margin: 1rem 0 .25rem }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .6rem .8rem }
input { border: 1px solid color-mix(in srgb, currentColor 45%, transparent) }
input, button { border-radius: 8px }
button { margin-top: 1.5rem; border: 0; background: #b8441a; color: white; cursor: pointer }
:focus-visible { outline: 2px solid #e5622f; outline-offset: 2px }
"""


def plain_page(title: str, body: str) -> str:
    """A whole HTML page. ``title`` is escaped here; ``body`` is HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{ICON}<title>{escape(title)}</title>"
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
