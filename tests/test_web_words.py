"""The page's templates have no words of their own: what they say stands in the catalogues."""

from __future__ import annotations

import re
from html import unescape

import pytest

from ltx_ui.web.templating import TEMPLATES

_TAGS = re.compile(r"<!--.*?-->|<(?:pre|code|style).*?</(?:pre|code|style)>|<[^>]*>", re.DOTALL)
_READ_OUT = re.compile(r'(?:aria-label|title|placeholder|alt)="([^"]*)"')
_SIGNS_OF_TEMPLATES = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
NAMES = {"A", "B", "UTC", "LTX", "LUFS", "Community", "License"}
"""Words that are the same in every language."""
ENGLISH = {"docs.html"}
"""Templates of the API, which is in English."""


def words_of(template: str) -> set[str]:
    """The words that a template itself says, in its text and in what is read out of it."""
    source = _SIGNS_OF_TEMPLATES.sub(" ", template)
    said = [*_READ_OUT.findall(source), unescape(_TAGS.sub(" ", source))]
    return set(re.findall(r"[^\W\d_]{2,}|[A-Z]", " ".join(said)))


@pytest.mark.parametrize("template", sorted(file.name for file in TEMPLATES.glob("*.html")))
def test_every_word_of_a_template_comes_from_the_catalogue(template: str) -> None:
    source = (TEMPLATES / template).read_text("utf-8")
    source = re.sub(r"<script>.*</script>", "", source, flags=re.DOTALL)
    assert template in ENGLISH or words_of(source) <= NAMES


def test_a_word_in_a_template_would_be_seen() -> None:
    assert words_of('<p title="More {{ x }}">Delete <b>{{ "take.size"|t }}</b></p>') == {
        "More",
        "Delete",
    }
