"""What takes took is remembered without words, within bounds, and from the first version on."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from studios import put_back_to

from ltx_ui.engine.models import CARDS
from ltx_ui.recipe import Recipe
from ltx_ui.studio import timing
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.database import Database
from ltx_ui.studio.library import Library
from ltx_ui.studio.timing import MEMORY, Measurement, TimingModel, TimingStore

SECONDS = {"text": 1.0, "sampling": 20.0, "decoding": 2.0, "saving": 1.0}


def recipe(**fields: Any) -> Recipe:
    return Recipe.model_validate({"prompt": "a secret fox", "seed": 1, **fields})


def database(folder: Path) -> Database:
    return Database(folder / "library.sqlite3")


@pytest.fixture
def store(tmp_path: Path) -> TimingStore:
    return TimingStore(database(tmp_path))


def sampling(found: list[Measurement]) -> list[float]:
    return [one.timings["sampling"] for one in found]


def test_pictures_in_between_cost_time_and_are_kept_as_a_number(
    store: TimingStore, tmp_path: Path
) -> None:
    digest = f"sha256:{'7' * 64}"
    images = [{"digest": digest, "at": place} for place in (0, 20, 40)]
    model, after = TimingModel(CARDS["demo"]), TimingModel(CARDS["demo"])
    pictured = recipe(inputs={"images": images})
    store.add("demo", "cpu", model.learn(pictured, SECONDS))
    after.recall(store.of("demo", "cpu"))
    assert after.expect(pictured)["sampling"] == SECONDS["sampling"]
    # Two of nine latent frames are theirs.
    assert after.expect(recipe())["sampling"] == pytest.approx(SECONDS["sampling"] * 7 / 9)
    assert digest.encode() not in (tmp_path / "library.sqlite3").read_bytes()


def test_the_next_start_expects_what_this_one_measured(store: TimingStore) -> None:
    before, after = TimingModel(CARDS["demo"]), TimingModel(CARDS["demo"])
    for made in (recipe(), recipe(num_frames=9, mode="high", two_stage=True, guidance_scale=1.0)):
        store.add("demo", "cpu", before.learn(made, SECONDS))
    after.recall(store.of("demo", "cpu"))
    for asked in (recipe(prompt="an owl"), recipe(prompt="an owl", width=512, mode="high")):
        assert after.expect(asked)["sampling"] == before.expect(asked)["sampling"]
        assert after.expect(asked)["decoding"] == before.expect(asked)["decoding"]
    assert after.expect(recipe())["text"] == pytest.approx(1.0)


def test_each_model_and_device_has_its_own(store: TimingStore) -> None:
    store.add("demo", "cpu", Measurement(recipe(), 0, SECONDS))
    assert len(store.of("demo", "cpu")) == 1
    assert store.of("ltx-2", "cpu") == store.of("demo", "cuda:0") == []


def test_nothing_of_what_was_said_or_shown_is_kept(store: TimingStore, tmp_path: Path) -> None:
    store.add("demo", "cpu", Measurement(recipe(negative_prompt="a hidden owl"), 2, SECONDS))
    with sqlite3.connect(tmp_path / "library.sqlite3") as connection:
        (row,) = connection.execute("SELECT * FROM paces").fetchall()
    assert "fox" not in str(row)
    assert "owl" not in str(row)


def test_of_each_kind_the_latest_few_are_kept(store: TimingStore) -> None:
    store.add("demo", "cpu", Measurement(recipe(num_frames=9), 0, {"sampling": 99.0}))
    for second in range(MEMORY + 3):
        store.add("demo", "cpu", Measurement(recipe(), 0, {"sampling": float(second)}))
        store.add("demo", "cpu", Measurement(recipe(), 1, {"sampling": 50.0}))
    found = store.of("demo", "cpu")
    known = [one for one in found if one.texts == 0 and one.recipe.num_frames == 49]
    assert sampling(known) == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert sampling(found).count(50.0) == MEMORY
    assert sampling(found)[0] == 99.0


def test_there_is_an_end_to_the_kinds_too(
    store: TimingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "MAX_ROWS", 3)
    for steps in range(1, 6):
        store.add("demo", "cpu", Measurement(recipe(num_inference_steps=steps), 0, SECONDS))
    assert [one.recipe.num_inference_steps for one in store.of("demo", "cpu")] == [3, 4, 5]


def keep(library: Library, take_id: str, model: str, seconds: float, **fields: Any) -> None:
    library.keep(
        take_id,
        "ada",
        recipe(**fields),
        Files(Path("a.mp4"), Path("a.jpg")),
        timings={**SECONDS, "sampling": seconds},
        versions={},
        model=model,
        device="cpu",
    )


def test_takes_of_an_earlier_version_are_learnt_from(tmp_path: Path) -> None:
    library = Library(database(tmp_path), tmp_path / "takes")
    for number in range(MEMORY + 2):
        keep(library, f"take-{number}", "demo", float(number))
    keep(library, "distilled", "ltx-2-distilled", 7.0)
    keep(library, "other", "demo", 8.0, prompt="an owl", mode="high")
    with sqlite3.connect(tmp_path / "library.sqlite3") as connection:
        # The first version's recipes had fewer fields.
        old = {"prompt": "an old fox", "width": 256, "height": 256, "num_frames": 9}
        connection.execute(
            "UPDATE takes SET recipe = ? WHERE id = 'other'", (json.dumps(old | {"seed": 1}),)
        )
    put_back_to("0002", tmp_path / "library.sqlite3")
    again = TimingStore(database(tmp_path))
    found = again.of("demo", "cpu")
    assert sorted(sampling(found)) == [0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]
    assert [one.texts for one in found if one.timings["sampling"] in (0.0, 8.0)] == [2, 2]
    (distilled,) = again.of("ltx-2-distilled", "cpu")
    assert (distilled.texts, distilled.recipe.num_inference_steps) == (1, 40)
    again.add("demo", "cpu", Measurement(recipe(), 0, {**SECONDS, "sampling": 9.0}))
    same = [one for one in again.of("demo", "cpu") if one.texts == 0]
    assert sampling(same) == [3.0, 4.0, 5.0, 6.0, 9.0]
