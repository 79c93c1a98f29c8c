"""The Guide tab: ways of working, advice, troubleshooting, and the terms that come with LTX-2."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from ltx_ui.presets import Presets
from ltx_ui.web.fragments import escape

# The licence binds; a paraphrase of its restrictions would not, so none is given.
_TERMS = """<section><h2>What the model may be used for</h2>
<p>LTX-2 is made by Lightricks and comes under the <a href="https://huggingface.co/Lightricks/LTX-2"
 rel="noreferrer" target="_blank">LTX-2 Community License</a>. Whoever uses it, here or through a
 shared link, is bound by the use restrictions in it. Read them there before you make or publish
 clips, and say that a clip was made by a model.</p></section>"""

_API = """<section><h2>From a program</h2><p>The same studio answers <code>POST /generate</code>.
 <a href="docs">All routes and fields</a></p></section>"""


def build_guide(presets: Presets) -> None:
    """Lay the tab out."""
    gr.HTML(guide_html(presets), elem_id="guide")


def guide_html(presets: Presets) -> str:
    """The whole tab, from presets.json."""
    workflows = "".join(
        f"<article><h3>{escape(w.name)}</h3><p class='small'>Start from the preset "
        f"{escape(presets.preset(w.preset).name)}</p>{_list('ol', w.steps)}</article>"
        for w in presets.workflows
    )
    troubles = "".join(
        f"<details><summary>{escape(t.problem)}</summary>{_list('ul', t.cures)}</details>"
        for t in presets.troubleshooting
    )
    return (
        f"<section><h2>Key takeaways</h2>{_list('ul', presets.takeaways)}</section>"
        f"<section><h2>Workflows</h2><div class='columns'>{workflows}</div></section>"
        f"<section class='columns'><article><h2>First and last frames</h2>"
        f"{_list('ul', presets.reference_tips)}</article><article><h2>Seeds</h2>"
        f"{_list('ul', presets.seed_tips)}</article></section>"
        f"<section><h2>Troubleshooting</h2>{troubles}</section>{_API}{_TERMS}"
    )


def _list(tag: str, lines: Sequence[str]) -> str:
    return f"<{tag}>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + f"</{tag}>"
