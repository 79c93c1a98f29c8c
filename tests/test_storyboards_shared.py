"""A storyboard that is written in two tabs, listed in pages, and written with names and choices."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import RunningApp
from studios import change
from test_storyboards import made
from test_web_board import BOARDS, Tab
from v1 import problem, visitor

from ltx_ui.recall import recall

SMALL = {"width": 128, "height": 128, "num_inference_steps": 1, "seed": 5}
SHOTS = [
    {"prompt": "A ball", "num_frames": 9},
    {"prompt": "A cube", "num_frames": 9, "join": "go_on"},
]
TABS, LINES = 3, 3
CHANGED = {
    "en": "This was changed elsewhere meanwhile. There it says now:",
    "de": "Das wurde inzwischen an anderer Stelle geändert. Dort steht jetzt:",
    "zh": "这里的内容刚才已在别处被修改",
}
GONE = {
    "en": "This storyboard is not here. It may have been deleted.",
    "de": "Dieses Storyboard ist nicht hier. Vielleicht wurde es gelöscht.",
    "zh": "这里没有这个分镜脚本，可能已被删除。",
}
SEVERAL = {
    "en": "Prompt stands for several prompts with its choices in braces, and a shot has one.",
    "de": "Prompt steht mit den Möglichkeiten in Klammern für mehrere Prompts",
    "zh": "提示词 用花括号中的选项代表了多个提示词",
}


@pytest.fixture(scope="module")
def client(app: RunningApp) -> Iterator[httpx.Client]:
    with visitor(app) as client:
        yield client


@pytest.fixture(scope="module")
def tab(client: httpx.Client) -> Tab:
    return Tab(client)


@pytest.fixture
def board(client: httpx.Client) -> dict[str, Any]:
    return kept(client, *SHOTS, name="Mine")


def kept(client: httpx.Client, *shots: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = client.post(BOARDS, json={"settings": SMALL, "shots": shots} | more)
    assert answer.status_code == 201, answer.text
    board: dict[str, Any] = answer.json()
    return board


def given(board: dict[str, Any], **first: Any) -> list[dict[str, Any]]:
    """A storyboard's shots as a program sends them, the first one changed."""
    names = ("id", "prompt", "num_frames", "seed", "join")
    shots = [{name: shot[name] for name in names} for shot in board["shots"]]
    return [shots[0] | first, *shots[1:]]


def spoken(client: httpx.Client, language: str) -> Tab:
    """The tab of a visitor who reads a language."""
    client.headers["Accept-Language"] = language
    return Tab(client)


@pytest.mark.parametrize("part", ["name", "settings", "shots", "order"])
def test_a_program_replaces_nothing_that_another_one_wrote(
    client: httpx.Client, board: dict[str, Any], part: str
) -> None:
    field = "shots" if part == "order" else part
    changes: dict[str, dict[str, Any]] = {
        "name": {"name": "Theirs"},
        "settings": {"settings": SMALL | {"seed": 6}},
        "shots": {"shots": given(board, prompt="Their words")},
        "order": {"shots": [shot | {"join": "cut"} for shot in given(board)[::-1]]},
    }
    theirs = changes[part]
    mine = {"name": "Mine, too", "settings": SMALL, "shots": given(board, prompt="My words")}
    ours = {field: mine[field], "was": {field: board[field]}}
    there = client.patch(board["href"], json=theirs).json()
    answer = client.patch(board["href"], json=ours)
    told = problem(answer, 409, "wrong-moment")
    assert "changed elsewhere" in told["detail"]
    assert told["present"] == there == client.get(board["href"]).json()
    # Who has seen what there is may replace it, and may ask so twice.
    for _ in range(2):
        answer = client.patch(board["href"], json=ours | {"was": {field: there[field]}})
        assert answer.status_code == 200, answer.text
    assert answer.json()["name"] == ("Mine, too" if part == "name" else "Mine")


def test_nothing_is_lost_where_programs_write_at_once(
    client: httpx.Client, board: dict[str, Any]
) -> None:
    def write(number: int) -> None:
        for line in range(LINES):
            while True:
                now = client.get(board["href"]).json()
                words = f"{now['shots'][0]['prompt']} {number}.{line}"
                body = {"shots": given(now, prompt=words), "was": {"shots": now["shots"]}}
                answer = client.patch(board["href"], json=body)
                if answer.status_code == 200:
                    break
                assert answer.status_code == 409, answer.text

    with ThreadPoolExecutor(TABS) as pool:
        list(pool.map(write, range(TABS)))
    words = client.get(board["href"]).json()["shots"][0]["prompt"].split()[2:]
    assert sorted(words) == [f"{tab}.{line}" for tab in range(TABS) for line in range(LINES)]


@pytest.mark.parametrize(
    ("field", "was", "theirs", "mine", "shown"),
    [
        ("name", "Mine", "Theirs", "Me", "Theirs"),
        ("prompt", " A  ball ", "A ball <b>rolls</b>", "A ball flies", "A ball &lt;b&gt;rolls"),
        ("seconds", "0.38", "0.7", "1.04", "0.71"),
        ("seed", "", "7", "8", "7"),
    ],
)
@pytest.mark.parametrize("language", CHANGED)
def test_the_page_shows_what_another_tab_wrote_and_replaces_it_once_that_was_seen(
    client: httpx.Client,
    board: dict[str, Any],
    language: str,
    field: str,
    was: str,
    theirs: str,
    mine: str,
    shown: str,
) -> None:
    tab = spoken(client, language)
    asked = {"do": "write", "board": board["id"], "shot": board["shots"][0]["id"], "field": field}
    assert "wrong" not in tab.told("act", **asked, text=theirs, was=[was])
    there = client.get(board["href"]).json()
    told = tab.told("act", **asked, text=mine, was=[was])
    assert (told["shot"], told["field"]) == (asked["shot"], field)
    assert CHANGED[language] in told["wrong"] and shown in told["wrong"]
    assert client.get(board["href"]).json() == there
    assert "wrong" not in tab.told("act", **asked, text=mine, was=["x" * 9000, theirs])
    assert client.get(board["href"]).json() != there


def test_a_shot_is_not_removed_with_words_that_were_not_seen(
    client: httpx.Client, tab: Tab, board: dict[str, Any]
) -> None:
    second = board["shots"][1]["id"]
    asked = {"board": board["id"], "shot": second}
    tab.told("act", do="write", field="prompt", text="A cube turns", **asked)
    told = tab.told("act", do="remove", was=["A cube"], **asked)
    assert "A cube turns" in told["wrong"] and "<button" not in told["wrong"]
    assert len(client.get(board["href"]).json()["shots"]) == 2
    assert "wrong" not in tab.told("act", do="remove", was=["A cube turns"], **asked)


@pytest.mark.parametrize("language", GONE)
def test_a_tab_is_told_that_its_storyboard_was_deleted_in_another_one(
    client: httpx.Client, board: dict[str, Any], language: str
) -> None:
    tab = spoken(client, language)
    assert client.delete(board["href"]).status_code == 204
    asked = {"board": board["id"], "shot": board["shots"][0]["id"], "field": "prompt"}
    for does in ("write", "make", "make_shot", "stop", "move", "remove", "choose", "delete", "add"):
        told = tab.told("act", do=does, text="x", seconds="1", take="x", **asked)
        assert (told["gone"], told["board"]) == (board["id"], ""), does
    assert GONE[language] in tab.told("look", board=board["id"])["wrong"]


def test_storyboards_are_listed_in_pages_the_last_changed_first(app: RunningApp) -> None:
    with visitor(app) as client:
        boards = [kept(client, SHOTS[0], name=str(number)) for number in range(5)]
        client.patch(boards[1]["href"], json={"name": "1, again"})
        # One that is damaged is in nobody's way.
        damage = "UPDATE storyboards SET told = '{' WHERE id = :id"
        change(app.data_dir, None, damage, id=boards[3]["id"])
        problem(client.get(boards[3]["href"]), 404, "not-found")
        pages: list[list[str]] = []
        params: dict[str, Any] = {"limit": 2}
        for _ in range(3):
            page = client.get(BOARDS, params=params).json()
            pages.append([each["name"] for each in page["items"]])
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        assert (pages, page["next_cursor"]) == ([["1, again", "4"], ["2", "0"]], None)
        assert client.delete(boards[3]["href"]).status_code == 204
        assert [len(client.get(BOARDS).json()["items"])] == [4]
        for wrong in ({"limit": 0}, {"limit": 101}, {"page": 2}, {"cursor": "x"}):
            told = problem(client.get(BOARDS, params=wrong), 422, "invalid-request")
            assert next(iter(wrong)) in told["detail"]
        takes = client.get("/api/v1/takes", params={"cursor": params["cursor"]})
        problem(takes, 422, "invalid-request")


@pytest.mark.parametrize("language", SEVERAL)
def test_choices_in_a_shots_prompt_are_refused_in_words(
    client: httpx.Client, board: dict[str, Any], language: str
) -> None:
    answer = client.patch(board["href"], json={"shots": given(board, prompt="A {red|blue} ball")})
    said = problem(answer, 422, "invalid-recipe")["detail"]
    assert "shots.0.prompt: stands for several prompts" in said
    asked = {"do": "write", "board": board["id"], "shot": board["shots"][0]["id"]}
    tab = spoken(client, language)
    told = tab.told("act", **asked, field="prompt", text="A {red|blue} ball", was=["A ball"])
    assert SEVERAL[language] in told["wrong"] and "shots" not in told["wrong"], told["wrong"]
    begun = tab.told("act", do="begin", text="A {red|blue} ball")
    assert SEVERAL[language] in begun["wrong"], begun["wrong"]
    assert client.get(board["href"]).json() == board


def test_names_stand_for_their_words_and_braces_for_themselves(
    client: httpx.Client, tmp_path: Path
) -> None:
    aiko = {"name": "Aiko", "words": "a woman in red"}
    shelf = next(
        each
        for each in client.get("/config").json()["dependencies"]
        if any(name == "save" for _, name in each["targets"])
    )
    body = {
        "fn_index": shelf["id"],
        "data": [None] * len(shelf["inputs"]),
        "session_hash": "a",
        "event_data": {"character": aiko},
    }
    assert client.post("/gradio_api/run/predict", json=body).status_code == 200
    words = r"@aiko and @Nobody hold a \{red|blue} ball"
    board = made(client, kept(client, {"prompt": words, "num_frames": 9})["href"])
    assert board["shots"][0]["prompt"] == words
    film = tmp_path / "film.mp4"
    film.write_bytes(client.get(board["shots"][0]["take"]["video"]).content)
    recipe = recall(film).recipe
    assert recipe.prompt == "A woman in red and @Nobody hold a {red|blue} ball"
    assert recipe.typed is not None and recipe.typed.prompt == words
