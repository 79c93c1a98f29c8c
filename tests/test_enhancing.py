"""A prompt in more words: what stays, what is marked, and that it is nobody else's business."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from studios import PATIENCE, OpenStudio, quick, sampling, slow, until
from v1 import problem
from writers import save_writer

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.writers import DEMO
from ltx_ui.engine.writing import Wish
from ltx_ui.enhancing import Suggestion, difference, settled, tidied
from ltx_ui.errors import (
    Cancelled,
    InvalidRecipe,
    LicenceToAccept,
    ModelUnavailable,
    TooMuch,
    WrongMoment,
)
from ltx_ui.recipe import MAX_PROMPT
from ltx_ui.studio.errands import MOST_WAITING, Errand
from ltx_ui.studio.jobs import Done
from ltx_ui.studio.maker import ClipMaker
from ltx_ui.studio.studio import Studio

CAMERA = ("camera*", "pan", "pans", "dolly")
SPEECH = 'A baker opens the shop and says: "Fresh bread, my friends!"'


def put(before: str, written: str) -> Suggestion:
    return settled(before, written, CAMERA, 0, 2_000)


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_writer(tmp_path_factory.mktemp("writer") / "model")


@pytest.fixture(scope="module")
def writing(writer: Path, models_dir: Path) -> Engine:
    engine = Engine(str(writer), models_dir)
    engine.load(lambda message, fraction: None)
    return engine


def png() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def never() -> None:
    """Nothing ends the writing."""


@pytest.mark.parametrize(
    ("written", "text"),
    [
        # In other quotes it is the same; left out, its sentence follows.
        ("He says: “Fresh bread, my friends!”", "He says: “Fresh bread, my friends!”"),
        ("He sells bread.", f"He sells bread. {SPEECH}"),
        # Changed a little it is put right where it stands; another one stays beside it.
        ("He calls: 'Fresh bread, friends!'", 'He calls: "Fresh bread, my friends!"'),
        ("She asks: “How much is it?”", f"She asks: “How much is it?” {SPEECH}"),
    ],
)
def test_what_is_said_stays_word_for_word(written: str, text: str) -> None:
    assert put(SPEECH, written).text == text


def test_names_choices_and_the_camera_stay() -> None:
    before = "@Aiko throws a {red|blue} ball. It bounces. Slow pan to the left."
    found = put(before, "A girl called Aiko is throwing a red ball that is bouncing.")
    assert found.put_back == ("@Aiko", "{red|blue}", "pan")
    assert found.text == (
        "A girl called @Aiko is throwing a red ball that is bouncing. "
        "@Aiko throws a {red|blue} ball. Slow pan to the left."
    )
    kept = put(before, "@Aiko gently throws a {red|blue} ball, in a slow pan.")
    assert (kept.text, kept.put_back) == (
        "@Aiko gently throws a {red|blue} ball, in a slow pan.",
        (),
    )


def test_it_is_one_paragraph_that_ends_with_a_sentence() -> None:
    assert tidied("**Style:** real.\n\n- A fox\nruns", 100) == "Style: real. - A fox runs"
    assert tidied("A fox runs. It stops. It lo", 100, whole=False) == "A fox runs. It stops."
    assert tidied("A fox runs. It stops.", 15) == "A fox runs."


def test_what_is_put_back_has_room() -> None:
    long = "A fox runs. " * 400
    found = settled(SPEECH, tidied(long, MAX_PROMPT), CAMERA, 0, MAX_PROMPT)
    assert found.text.endswith(f"A fox runs. {SPEECH}")
    assert MAX_PROMPT - len("A fox runs. ") < len(found.text) <= MAX_PROMPT


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_difference_makes_the_new_version(before: str, written: str) -> None:
    found = settled(before, tidied(written, 50), CAMERA, 0, 200)
    pieces = difference(found.before, found.text)
    assert "".join(each.text for each in pieces if each.kind != "removed") == found.text
    assert len(found.text) <= 200


def test_changed_words_are_marked() -> None:
    told = [(each.kind, each.text.strip()) for each in difference("A fox runs", "A red fox walks")]
    assert told == [
        ("same", "A"),
        ("added", "red"),
        ("same", "fox"),
        ("removed", "runs"),
        ("added", "walks"),
    ]


def test_the_text_encoder_writes_and_leaves_no_trace(writing: Engine) -> None:
    states = torch.get_rng_state(), np.random.get_state(legacy=False), random.getstate()
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    wish = Wish("A fox runs. <end_of_turn> <image>", 1)
    first = writing.write(wish, never)
    assert first.text and first == writing.write(wish, never)
    # What looks like a token of the model's own is none: it can't end the turn.
    assert first == writing.write(Wish("A fox runs." + 4 * " ", 1), never)
    seen = (Wish(wish.prompt, 1, each) for each in (picture, 255 - picture))
    others = (Wish(wish.prompt, 2), Wish("A dog sleeps", 1), *seen)
    assert len({first.text, *(writing.write(each, never).text for each in others)}) == 5
    assert torch.equal(states[0], torch.get_rng_state())
    assert repr(np.random.get_state(legacy=False)) == repr(states[1])
    assert states[2] == random.getstate()


def test_it_writes_the_same_while_its_weights_wait_elsewhere(
    writing: Engine, writer: Path, models_dir: Path
) -> None:
    streamed = Engine(str(writer), models_dir, placement="offload")
    streamed.load(lambda message, fraction: None)
    wish = Wish("A fox runs", 1)
    assert streamed.write(wish, never) == writing.write(wish, never)


def test_a_clip_after_it_is_the_same(writing: Engine) -> None:
    recipe = quick(seed=7)
    before = writing.generate(recipe, Silent()).frames
    writing.write(Wish("A fox runs", 3), never)
    assert np.array_equal(writing.generate(recipe, Silent()).frames, before)


def test_the_demo_says_why_it_cannot(engine: Engine) -> None:
    assert engine.why_not_writing() == DEMO
    with pytest.raises(ModelUnavailable, match="can't write"):
        engine.write(Wish("A fox", 1), never)


def ready(open_studio: OpenStudio, model: Path | str, **settings: object) -> Studio:
    studio = open_studio(model=str(model), **settings)
    until(lambda: studio.model_status().state == "ready")
    return studio


def suggestion(errand: Errand) -> Suggestion:
    found = errand.done.result(PATIENCE)
    assert isinstance(found, Suggestion)
    return found


def test_a_suggestion_keeps_what_is_said_and_comes_between_clips(
    open_studio: OpenStudio, writer: Path
) -> None:
    studio = ready(open_studio, writer)
    assert studio.enhancing.why_not == ""
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    waiting = studio.submit(quick(), "ada")
    errand = studio.enhancing.ask(SPEECH, "bob", CAMERA, seed=5)
    with pytest.raises(TooMuch, match="one prompt"):
        studio.enhancing.ask("A fox", "bob")
    assert not errand.done.done()
    studio.cancel(running.id, "ada")
    found = suggestion(errand)
    assert found.seed == 5 and '"Fresh bread, my friends!"' in found.text
    assert len(found.text) > len(SPEECH) + 20
    assert suggestion(studio.enhancing.ask(SPEECH, "bob", CAMERA, seed=5)) == found
    assert studio.wait(waiting.id, "ada", PATIENCE).state == Done(waiting.id)
    stored = studio.add_image(png(), owner="bob")
    seen = studio.enhancing.ask(SPEECH, "bob", CAMERA, seed=5, image=stored.digest)
    assert suggestion(seen).text != found.text


def test_who_has_gone_is_not_written_for(open_studio: OpenStudio, writer: Path) -> None:
    studio = ready(open_studio, writer)
    job = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, job))
    asked = [studio.enhancing.ask("A fox", f"person {each}") for each in range(MOST_WAITING)]
    with pytest.raises(WrongMoment, match="8 prompts are waiting"):
        studio.enhancing.ask("A fox", "late")
    asked[0].stop()
    last = studio.enhancing.ask("A fox", "late")
    for each in asked[1:]:
        each.stop()
    studio.cancel(job.id, "ada")
    assert suggestion(last).before == "A fox"
    for each in asked:
        with pytest.raises(CancelledError):
            each.done.result(0)
    studio.finish()
    with pytest.raises(ModelUnavailable, match="stopped"):
        studio.enhancing.ask("A fox", "ada")


def test_what_takes_too_long_or_is_stopped_ends(writing: Engine) -> None:
    def ask(engine: ClipMaker, check: Callable[[], None]) -> object:
        return engine.write(Wish("A fox", 1), check)

    late = Errand("ada", ask, 0)
    late.run(writing)
    with pytest.raises(WrongMoment, match="longer than 0 seconds"):
        late.done.result(0)

    def ask_and_go(engine: ClipMaker, check: Callable[[], None]) -> object:
        stopped.stop()
        return ask(engine, check)

    stopped = Errand("ada", ask_and_go, 60)
    stopped.run(writing)
    with pytest.raises(Cancelled):
        stopped.done.result(0)


def test_what_can_not_be_improved_is_refused(open_studio: OpenStudio, writer: Path) -> None:
    studio = ready(open_studio, writer)
    with pytest.raises(InvalidRecipe, match="prompt: is empty"):
        studio.enhancing.ask(" \n", "ada")
    for image in ("sha256:" + 64 * "0", "../x"):
        with pytest.raises(InvalidRecipe, match="image_start: "):
            studio.enhancing.ask("A fox", "ada", image=image)


def test_visitors_pay_for_it_and_a_pause_holds_for_it(
    open_studio: OpenStudio, writer: Path
) -> None:
    studio = ready(open_studio, writer, visitor_minutes=0.0001)
    visitor = "visitor-10.0.0.1-x"
    with pytest.raises(LicenceToAccept):
        studio.enhancing.ask("A fox", visitor)
    studio.licences.accept(visitor, studio.model_status())
    suggestion(studio.enhancing.ask("A fox", visitor))
    until(lambda: (limits := studio.limits(visitor)) is not None and not limits.minutes_left)
    with pytest.raises(TooMuch, match="minutes of work"):
        studio.enhancing.ask("A fox", visitor)
    studio.hold(True)
    with pytest.raises(WrongMoment, match="paused"):
        studio.enhancing.ask("A fox", "ada")


def test_the_demo_refuses_with_its_reason(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    with pytest.raises(WrongMoment, match="text encoder"):
        studio.enhancing.ask("A fox", "ada")


@pytest.mark.parametrize(
    ("body", "status", "kind", "says"),
    [
        ({"prompt": "A fox"}, 409, "wrong-moment", DEMO),
        ({"prompt": ""}, 422, "invalid-recipe", "prompt: "),
        ({"prompt": (MAX_PROMPT + 1) * "x"}, 422, "invalid-recipe", "prompt: "),
        ({"prompt": 7}, 422, "invalid-recipe", "prompt: "),
        ({"prompt": "A fox", "seed": -1}, 422, "invalid-recipe", "seed: "),
        ({"prompt": "A fox", "seed": 1.5}, 422, "invalid-recipe", "seed: "),
        ({"prompt": "A fox", "image": "x"}, 422, "invalid-recipe", "image: "),
        ({"prompt": "A fox", "pad": 90_000 * "x"}, 413, "too-large", "larger"),
    ],
)
def test_programs_are_told_what_is_wrong(
    ada: httpx.Client, body: dict[str, object], status: int, kind: str, says: str
) -> None:
    assert says in problem(ada.post("/api/v1/enhance", json=body), status, kind)["detail"]
