"""How much of a text the model reads is counted as the pipeline counts, and a cut is told."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any

import pytest
from families import pipeline
from studios import PATIENCE, OpenStudio
from transformers import AutoTokenizer, GemmaTokenizer

from ltx_ui.clip import Silent
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.engine.tokens import Tokens
from ltx_ui.recipe import Recipe

if TYPE_CHECKING:
    from ltx_ui.engine.engine import Engine

SMALL = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1, "seed": 1}
LONG = " ".join(["The ball rolls slowly over the sand."] * 50)
TEXTS = [
    "",
    "A red ball on a beach.",
    f"{LONG} A red ball.",
    f"{LONG} A blue star.",
    "  红球在海滩上。" * 60,
    "émotion 🦊👩‍🚀 " * 80,
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(DEMO_FOLDER / "tokenizer")


@pytest.mark.parametrize("limit", [16, 256])
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_read_is_what_the_pipelines_tokenizer_keeps(
    tokenizer: Any, text: str, limit: int
) -> None:
    counted = Tokens(tokenizer, limit).count(text)
    whole = tokenizer(text.strip(), add_special_tokens=True).input_ids
    kept = tokenizer(text.strip(), truncation=True, max_length=limit).input_ids
    assert counted.count == len(whole)
    assert counted.limit == limit
    assert counted.is_cut == (len(whole) > limit)
    assert text.strip().startswith(counted.read)
    read = tokenizer(counted.read).input_ids
    assert read == kept[: len(read)]
    assert len(kept) - len(read) < 4, "of a character that is cut, some bytes are read"
    assert (counted.read == text.strip()) or counted.is_cut


def test_counting_leaves_the_pipelines_tokenizer_as_it_is(tokenizer: Any) -> None:
    counter = Tokens(tokenizer, 16)
    tokenizer(["a ball"], padding="max_length", max_length=32, truncation=True)
    assert counter.count(LONG).count > 300
    assert tokenizer.backend_tokenizer.truncation["max_length"] == 32


MARK = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "<bos>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ],
    "pair": [],
    "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}},
}
"""As a Gemma's ``tokenizer.json`` says that ``<bos>`` comes before each text."""


@pytest.mark.parametrize("marked", [True, False])
def test_whether_a_mark_comes_first_is_what_the_tokenizers_file_says(
    tmp_path: Path, marked: bool
) -> None:
    """Whatever ``tokenizer_config.json`` says, which transformers 5 doesn't look at."""
    copytree(DEMO_FOLDER / "tokenizer", tmp_path, dirs_exist_ok=True)
    file, config = tmp_path / "tokenizer.json", tmp_path / "tokenizer_config.json"
    if marked:
        file.write_text(json.dumps({**json.loads(file.read_text()), "post_processor": MARK}))
    config.write_text(json.dumps({**json.loads(config.read_text()), "add_bos_token": not marked}))
    pipe = pipeline("2.5")
    pipe.tokenizer = GemmaTokenizer.from_pretrained(tmp_path)
    read: list[list[int]] = []
    pipe.text_encoder.register_forward_pre_hook(
        lambda _, args, kwargs: read.append(kwargs["input_ids"][0].tolist()), with_kwargs=True
    )
    pipe.text_encoder.resize_token_embeddings(len(pipe.tokenizer))
    PromptEncoder(pipe).encode("A red ball.")
    [tokens] = [[token for token in padded if token] for padded in read]
    assert (tokens[0] == pipe.tokenizer.bos_token_id) == marked
    assert len(tokens) == Tokens(pipe.tokenizer, len(read[0])).count("A red ball.").count


@pytest.mark.parametrize("ending", ["A red ball.", "A blue star."])
def test_a_prompt_that_is_cut_is_told_in_the_clips_notes(engine: Engine, ending: str) -> None:
    recipe = Recipe.model_validate({"prompt": f"{LONG} {ending}", **SMALL})
    counted = engine.count_tokens(recipe.prompt)
    assert counted.count > counted.limit
    [note] = engine.generate(recipe, Silent()).notes
    assert note.startswith(f"The model read the first {counted.limit} of the prompt's ")
    assert f" {counted.count} tokens: it was cut after “…" in note
    assert ending not in note


def test_a_prompt_that_is_read_whole_and_an_unread_negative_one_get_no_note(
    engine: Engine,
) -> None:
    texts = {"prompt": "A red ball.", "negative_prompt": LONG}
    unguided = Recipe.model_validate({**texts, **SMALL, "guidance_scale": 1.0})
    assert engine.generate(unguided, Silent()).notes == ()
    guided = Recipe.model_validate({**texts, **SMALL, "guidance_scale": 3.0})
    [note] = engine.generate(guided, Silent()).notes
    assert "of the negative prompt's" in note


def test_a_studio_counts_once_its_model_is_loaded(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    assert studio.count_tokens("A red ball.") is None
    studio.start()
    job = studio.submit(Recipe.model_validate({"prompt": LONG, **SMALL}), "ada")
    studio.wait(job.id, "ada", PATIENCE)
    counted = studio.count_tokens(LONG)
    assert counted is not None
    assert counted.is_cut
    [note] = studio.library.take(job.id, "ada").notes
    assert note == counted.note("prompt")
