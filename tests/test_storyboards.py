"""Storyboards: shots made one after the other and joined into a film, over HTTP and in a studio."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from films import heard, seen, steps
from lora_files import save_lora
from running import RunningApp
from studios import PATIENCE, OpenStudio, leave, until
from v1 import problem, visitor

from ltx_ui.asked_shots import AskedShot, read_settings, read_shots
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import SOUND_RATE
from ltx_ui.presets import load_presets
from ltx_ui.studio.kept_shots import Storyboard
from ltx_ui.studio.studio import Studio

BOARDS = "/api/v1/storyboards"
SMALL = {"width": 128, "height": 128, "num_inference_steps": 4, "seed": 5}
BALL = "A red ball bounces up and down by the sea. A thump at each bounce."
SHOTS: list[dict[str, Any]] = [
    {"prompt": BALL, "num_frames": 17},
    {"prompt": BALL, "num_frames": 17, "join": "go_on"},
    {"prompt": "A blue cube turns slowly. A hum.", "num_frames": 9, "join": "last_frame"},
    {"prompt": "A green ball rolls. A whoosh.", "num_frames": 9, "join": "cut"},
]
STARTS = (17, 33, 41)
"""The frames of the film at which the second, third and fourth shot begin to add something."""


@pytest.fixture(scope="module")
def client(app: RunningApp) -> Iterator[httpx.Client]:
    with visitor(app) as client:
        yield client


def kept(client: httpx.Client, *shots: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = client.post(BOARDS, json={"settings": SMALL, "shots": shots} | more)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == answer.json()["href"]
    board: dict[str, Any] = answer.json()
    return board


def made(client: httpx.Client, href: str, what: str = "make", **asked: Any) -> dict[str, Any]:
    """A storyboard, once what was asked for is made."""
    answer = client.post(f"{href}/{what}", json=asked)
    assert answer.status_code == 200, answer.text
    end = time.monotonic() + PATIENCE
    while (board := client.get(href).json())["making"]:
        assert time.monotonic() < end, board
        time.sleep(0.1)
    found: dict[str, Any] = board
    return found


@pytest.fixture(scope="module")
def board(client: httpx.Client) -> dict[str, Any]:
    """Four shots, joined in each way, that are made."""
    asked = kept(client, *SHOTS, name="The ball")
    assert [shot["state"] for shot in asked["shots"]] == ["missing"] * 4
    assert asked["film"] is None
    board = made(client, asked["href"])
    assert (board["message"], board["name"]) == ("", "The ball")
    return board


@pytest.fixture(scope="module")
def film(
    client: httpx.Client, board: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    problem(client.post(f"{board['href']}/make"), 409, "wrong-moment")
    answer = client.get(board["film"])
    assert answer.status_code == 200, answer.text
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    path.write_bytes(answer.content)
    return path


def test_shots_are_made_in_their_order_and_joined(
    client: httpx.Client, board: dict[str, Any], film: Path
) -> None:
    assert [shot["state"] for shot in board["shots"]] == ["ready"] * 4
    takes = [client.get(shot["take"]["href"]).json() for shot in board["shots"]]
    assert [take["relation"] for take in takes] == [None, "extended", "continued", None]
    assert [take["made_from"] for take in takes[1:3]] == [take["id"] for take in takes[:2]]
    assert {take["recipe"]["seed"] for take in takes} == {5}
    frames = seen(film)
    assert frames.shape == (49 + 1, 128, 128, 3)
    assert board["seconds"] == pytest.approx(50 / 24, abs=0.001)
    assert b"ball bounces" not in film.read_bytes()
    assert b"The ball" in film.read_bytes()


def test_what_goes_on_has_no_seam_and_a_cut_is_hard(film: Path) -> None:
    changes = steps(seen(film))
    going_on, last_frame, cut = (changes[start - 1] for start in STARTS)
    within = np.delete(changes, [start - 1 for start in STARTS])
    assert going_on <= 1.5 * within.max()
    assert last_frame <= 1.5 * within.max()
    assert cut > 2 * max(going_on, last_frame)


def test_the_sound_is_as_long_as_the_picture_and_nothing_clicks(film: Path) -> None:
    sound = heard(film)
    assert sound is not None
    samples = round(50 / 24 * SOUND_RATE)
    assert samples <= sound.shape[1] <= samples + 2048
    changes = np.abs(np.diff(sound[:, :samples])).max(axis=0)
    near = np.zeros(len(changes), bool)
    for start in STARTS[1:]:
        place = round(start / 24 * SOUND_RATE)
        near[place - 400 : place + 400] = True
    assert changes[near].max() <= 1.2 * changes[~near].max()


def test_a_shot_made_again_leaves_the_others_and_marks_what_depends_on_it(
    client: httpx.Client, board: dict[str, Any]
) -> None:
    def videos(told: dict[str, Any]) -> list[bytes]:
        return [client.get(shot["take"]["video"]).content for shot in told["shots"]]

    href, before = board["href"], videos(board)
    second = board["shots"][1]
    again = made(client, href, f"shots/{second['id']}/make", seed=-1)
    assert [shot["state"] for shot in again["shots"]] == ["ready", "ready", "outdated", "ready"]
    after = videos(again)
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        True,
        False,
        True,
        True,
    ]
    old, new = again["shots"][1]["takes"]
    assert (old, new) == (second["take"], again["shots"][1]["take"])
    # The one of before can be chosen again, and then everything is as it was.
    there = f"{href}/shots/{second['id']}/take"
    chosen = client.put(there, json={"take": old["id"]})
    assert chosen.status_code == 200, chosen.text
    assert [shot["state"] for shot in chosen.json()["shots"]] == ["ready"] * 4
    assert videos(chosen.json()) == before
    # A name changes none of them; another size all.
    named = client.patch(href, json={"name": "Ball"}).json()
    assert (named["name"], named["shots"]) == ("Ball", chosen.json()["shots"])
    wide = client.patch(href, json={"settings": SMALL | {"width": 160}}).json()
    assert [shot["state"] for shot in wide["shots"]] == ["outdated"] * 4
    problem(client.put(there, json={"take": board["shots"][0]["take"]["id"]}), 404, "not-found")


def test_shots_are_changed_moved_and_taken_away(client: httpx.Client) -> None:
    asked = kept(client, *[{"prompt": f"Ball {n}", "seconds": 0.4} for n in range(3)])
    first, _, third = asked["shots"]
    assert [shot["num_frames"] for shot in asked["shots"]] == [9] * 3

    def given(shot: dict[str, Any], **changes: Any) -> dict[str, Any]:
        names = ("id", "prompt", "num_frames", "seed", "join")
        return {name: shot[name] for name in names} | changes

    board = made(client, asked["href"], f"shots/{first['id']}/make")
    assert [shot["state"] for shot in board["shots"]] == ["ready", "missing", "missing"]
    shots = [given(third), given(first, prompt="A ball in the rain"), {"prompt": "New"}]
    answer = client.patch(board["href"], json={"shots": shots, "name": "Rain"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [shot["id"] for shot in told["shots"]][:2] == [third["id"], first["id"]]
    assert [shot["state"] for shot in told["shots"]] == ["missing", "outdated", "missing"]
    assert told["shots"][1]["take"] == board["shots"][0]["take"]
    problem(client.get(f"{board['href']}/film"), 409, "wrong-moment")
    assert client.delete(board["href"]).status_code == 204
    problem(client.get(board["href"]), 404, "not-found")
    assert client.get(board["shots"][0]["take"]["href"]).status_code == 200


def test_a_shot_that_is_cancelled_ends_the_making_in_words(client: httpx.Client) -> None:
    slow = {**SMALL, "width": 384, "height": 384, "num_inference_steps": 50}
    shots: list[dict[str, Any]] = [{"prompt": "A ball", "num_frames": 25}]
    shots.append({"prompt": "A ball", "join": "last_frame"})
    href = kept(client, *shots, settings=slow)["href"]
    answer = client.post(f"{href}/make")
    assert answer.status_code == 200, answer.text
    begun = answer.json()
    assert [shot["waits"] for shot in begun["shots"]] == [True, True]
    problem(client.post(f"{href}/make"), 409, "wrong-moment")
    client.delete(f"/api/v1/jobs/{begun['shots'][0]['job']}")
    end = time.monotonic() + PATIENCE
    while (board := client.get(href).json())["making"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert board["message"] == (
        "Shot 1 was not made: It was cancelled. Those after it were not begun."
    )
    later = f"{href}/shots/{board['shots'][1]['id']}/make"
    assert (
        "Make that one first."
        in problem(client.post(later, json={}), 409, "wrong-moment")["detail"]
    )
    job = client.post(f"{href}/make").json()["shots"][0]["job"]
    stopped = client.post(f"{href}/stop").json()
    assert (stopped["making"], stopped["message"]) == (False, "")
    assert client.get(f"/api/v1/jobs/{job}").json()["state"] in ("cancelling", "cancelled")


def test_what_visitors_may_not_have_is_refused_when_it_is_kept(client: httpx.Client) -> None:
    large = {"width": 768, "height": 512, "num_inference_steps": 1}
    shots = [{"prompt": "a", "num_frames": 9}, {"prompt": "a", "num_frames": 257}]
    too_large = {"settings": large, "shots": shots}
    too_long = {"settings": SMALL | {"num_inference_steps": 90}, "shots": shots[:1]}
    for asked, says in ((too_large, "shots.1"), (too_long, "up to 50")):
        answer = client.post(BOARDS, json=asked)
        assert says in problem(answer, 422, "invalid-recipe")["detail"]


def test_nobody_else_sees_a_storyboard(
    app: RunningApp, client: httpx.Client, board: dict[str, Any]
) -> None:
    href, shot = board["href"], board["shots"][0]
    with visitor(app) as other:
        assert other.get(BOARDS).json() == {"items": [], "next_cursor": None}
        for answer in (
            other.get(href),
            other.patch(href, json={"name": "mine"}),
            other.delete(href),
            other.post(f"{href}/make"),
            other.post(f"{href}/stop"),
            other.post(f"{href}/shots/{shot['id']}/make", json={}),
            other.put(f"{href}/shots/{shot['id']}/take", json={"take": shot["take"]["id"]}),
            other.get(f"{href}/film"),
        ):
            problem(answer, 404, "not-found")
    assert href in [each["href"] for each in client.get(BOARDS).json()["items"]]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shots": []}, "at least 1"),
        ({"shots": [{"prompt": "x"}] * 13}, "at most 12"),
        ({"shots": [{"prompt": " "}]}, "shots.0.prompt: is empty"),
        ({"shots": [{"prompt": "x", "num_frames": 10}]}, "nearest valid counts are 9 and 17"),
        ({"shots": [{"prompt": "x", "seconds": 1e9}]}, "shots.0.seconds: is 1000000000.0"),
        (
            {"shots": [{"prompt": "x", "seconds": 1, "num_frames": 17}]},
            "shots.0.seconds: stands beside num_frames",
        ),
        ({"shots": [{"prompt": "x", "join": "go_on"}]}, "first shot has none before it"),
        ({"shots": [{"prompt": "x", "join": "fade"}]}, "must be 'cut', 'last_frame' or 'go_on'"),
        ({"shots": [{"prompt": "x", "fps": 30}]}, "shots.0.fps: is not known here"),
        ({"shots": [{"prompt": "x", "id": "deadbeef"}]}, "no shot of this storyboard"),
        ({"settings": {"width": 131}}, "settings.width: is 131; allowed are even"),
        ({"settings": {"num_frames": 9}}, "not a field that all shots share"),
        ({"settings": {"preset": "none such"}}, "settings.preset: is 'none such'"),
        ({"settings": {"seed": -7}}, "settings.seed: is -7"),
        ({"name": "x" * 81}, "at most 80"),
        ({"name": float("nan")}, "name: must be a text"),
        ({"shots": {"prompt": "x"}}, "shots: must be a list, [ … ]"),
        ({"shots": [{"prompt": "x", "seconds": 1e300}]}, "shots.0.seconds: is 1e+300; allowed are"),
        ({"shots": [{"prompt": "x", "num_frames": "x"}]}, "num_frames: must be a whole number"),
        ({"settings": {"loras": ["none such"]}}, "settings.loras: "),
        ({"settings": {"model": "none/such"}}, "settings.model: is 'none/such'; this studio runs"),
    ],
)
def test_bad_input_is_told_what_is_allowed(
    client: httpx.Client, wrong: dict[str, Any], said: str
) -> None:
    # Unlike that of httpx, Python's JSON has NaN.
    body = json.dumps({"shots": [{"prompt": "x"}], **wrong})
    answer = client.post(BOARDS, content=body, headers={"Content-Type": "application/json"})
    assert said in problem(answer, 422, "invalid-recipe")["detail"]


def test_a_lora_that_is_not_here_is_told_when_a_storyboard_is_changed(
    client: httpx.Client, app: RunningApp
) -> None:
    file = save_lora(app.data_dir / "loras" / "gone_soon.safetensors")
    settings = SMALL | {"loras": ["gone_soon"]}
    board = kept(client, *SHOTS[:3], settings=settings)
    file.unlink()
    answer = client.patch(board["href"], json={"shots": SHOTS[:2]})
    assert "settings.loras: " in problem(answer, 422, "invalid-recipe")["detail"]
    # Its name is no recipe.
    assert client.patch(board["href"], json={"name": "Other"}).json()["name"] == "Other"


def test_an_id_that_is_none_is_told_what_one_is(
    client: httpx.Client, board: dict[str, Any]
) -> None:
    place = f"{board['href']}/shots/{board['shots'][0]['id']}/take"
    answer = client.put(place, json={"take": "first"})
    told = problem(answer, 422, "invalid-recipe")["detail"]
    assert "take: must be an id, as answers have it: 32 digits" in told


def test_what_goes_on_without_a_cut_may_not_become_too_long() -> None:
    presets = load_presets()
    settings = read_settings({"fps": 24}, presets)
    longest = AskedShot(prompt="x", num_frames=241, join="go_on")
    first = AskedShot(prompt="x", num_frames=257)
    with pytest.raises(InvalidRecipe, match="at most 60 s"):
        read_shots([first, *[longest] * 6], settings, presets)
    with pytest.raises(InvalidRecipe, match="has at most 241"):
        read_shots([first, first.model_copy(update={"join": "go_on"})], settings, presets)
    assert len(read_shots([first, *[longest] * 4, first], settings, presets)) == 6


def planned(studio: Studio, *shots: AskedShot, owner: str = "ada") -> Storyboard:
    presets = load_presets()
    settings = read_settings(SMALL, presets)
    return studio.storyboards.add("", settings, read_shots(shots, settings, presets), owner)


def finished(studio: Studio, board: Storyboard) -> Callable[[], bool]:
    return lambda: not studio.storyboards.one(board.id, "ada").turns


THREE = (
    AskedShot(prompt="A ball", num_frames=9),
    AskedShot(prompt="A ball in the rain", num_frames=9, join="last_frame"),
    AskedShot(prompt="A cube", num_frames=9),
)


def test_a_restart_anywhere_loses_no_shot_and_makes_none_twice(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio(start=False)
    board = planned(studio, *THREE)
    studio.director.make(board.id, "ada")
    leave(studio)
    # As if it had been killed after the job was submitted and before that was written down.
    with sqlite3.connect(data_dir / "library.sqlite3") as connection:
        told = json.loads(connection.execute("SELECT told FROM storyboards").fetchone()[0])
        assert told["turns"][0].pop("job")
        connection.execute("UPDATE storyboards SET told = ?", [json.dumps(told)])
    studio = open_studio()

    def told_until_made() -> bool:
        # Whoever is told that nothing will change by itself has seen all of it, also between shots.
        live = studio.session("ada").live
        done = finished(studio, board)()
        assert live or done
        return done

    until(told_until_made)
    made = studio.storyboards.one(board.id, "ada")
    assert made.message == ""
    takes = [shot.takes for shot in made.shots]
    assert [len(each) for each in takes] == [1, 1, 1]
    assert {take.id for take in studio.library.takes("ada")} == {each[0] for each in takes}


def test_a_deleted_storyboard_leaves_no_word_of_it(open_studio: OpenStudio, data_dir: Path) -> None:
    studio = open_studio(start=False)
    board = planned(studio, AskedShot(prompt="Zanzibarbarossa", num_frames=9))
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    assert any(b"Zanzibarbarossa" in path.read_bytes() for path in files)
    studio.director.delete(board.id, "ada")
    assert studio.storyboards.all("ada") == []
    for path in data_dir.rglob("*"):
        assert not path.is_file() or b"Zanzibarbarossa" not in path.read_bytes(), path
