"""The benchmarks measure what they say."""

from benchmarks import random_weights
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.speed import TEXT_LENGTH
from ltx_ui.engine.text import text_length


def test_the_real_size_has_its_own_places_for_text_and_not_the_demos() -> None:
    pipe = random_weights.ltx_2("meta", DEMO_FOLDER / "tokenizer", blocks=1, layers=1)
    assert text_length(pipe) == TEXT_LENGTH
