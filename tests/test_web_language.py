"""A request is answered in the language that it asks for."""

from __future__ import annotations

import pytest

from ltx_ui.texts import LANGUAGES
from ltx_ui.web.language import duration, in_language, percent, preferred, size, within


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("de", "de"),
        ("de-CH, fr;q=0.9", "de"),
        ("fr-FR, fr;q=0.9, de;q=0.8, en;q=0.7", "de"),
        ("en-GB, de;q=0.9", "en"),
        ("en;q=0.5, zh-Hans-CN;q=0.8", "zh"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh"),
        ("de;q=0, en", "en"),
        ("de;q=much, zh", "zh"),
        ("de;q=nan", "en"),
        ("\u00fc\x00;;q=,,;q=1,de", "de"),
    ],
)
def test_a_reader_gets_the_language_they_prefer_of_those_that_are_known(
    accepted: str, language: str
) -> None:
    assert preferred(accepted) == language


@pytest.mark.parametrize(
    ("language", "short", "long", "part"),
    [
        ("en", "0.8 s", "3 min 5 s", "12 %"),
        ("de", "0,8 s", "3 min 5 s", "12 %"),
        ("zh", "0.8 秒", "3 分 5 秒", "12%"),
    ],
)
def test_times_and_shares_are_written_as_the_language_does(
    language: str, short: str, long: str, part: str
) -> None:
    with in_language(language):
        assert (duration(0.84), duration(185.2), percent(12.3)) == (short, long, part)


def test_a_german_noun_keeps_its_capital_within_a_sentence() -> None:
    told = {}
    for language in LANGUAGES:
        with in_language(language):
            told[language] = within("Ton")
    assert told == {"en": "ton", "de": "Ton", "zh": "ton"}


def test_sizes_are_in_a_unit_that_tells_something() -> None:
    told = [size(value) for value in (12_345, 99_999, 100_000, 12_000_000, 1_500_000_000)]
    assert told == ["12 kB", "100 kB", "0.1 MB", "12 MB", "1.5 GB"]
