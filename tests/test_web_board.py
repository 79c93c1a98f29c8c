"""The storyboard's page by its events: whose a storyboard is, and what may be written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from running import RunningApp
from v1 import visitor

BOARDS = "/api/v1/storyboards"
SECRET = "Zanzibar at dawn"


class Tab:
    """The tab of a visitor's page."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        config = client.get("/config").json()
        part = next(each["id"] for each in config["components"] if _id(each) == "board")
        self._events = {
            name: each
            for each in config["dependencies"]
            for of, name in each["targets"]
            if of == part
        }

    def send(self, name: str, **said: Any) -> httpx.Response:
        """The answer to an event of the tab's script."""
        event = self._events[name]
        data = [None] * len(event["inputs"])
        body = {"fn_index": event["id"], "data": data, "session_hash": "a", "event_data": said}
        return self._client.post("/gradio_api/run/predict", json=body)

    def told(self, name: str, **said: Any) -> dict[str, Any]:
        """What the script is told."""
        answer = self.send(name, **said)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()["data"][0]
        value: dict[str, Any] = told.get("value", told)
        return value


def _id(component: dict[str, Any]) -> Any:
    return component["props"].get("elem_id")


@pytest.fixture(scope="module")
def client(app: RunningApp) -> Iterator[httpx.Client]:
    with visitor(app) as client:
        yield client


@pytest.fixture(scope="module")
def tab(client: httpx.Client) -> Tab:
    return Tab(client)


@pytest.fixture
def board(client: httpx.Client) -> dict[str, Any]:
    shots = [{"prompt": SECRET, "num_frames": 9}, {"prompt": "A ball", "num_frames": 17}]
    answer = client.post(BOARDS, json={"name": "Mine", "shots": shots})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_nobody_else_sees_or_changes_a_storyboard(
    app: RunningApp, client: httpx.Client, tab: Tab, board: dict[str, Any]
) -> None:
    shot = board["shots"][0]["id"]
    assert SECRET in tab.told("look", board=board["id"])["html"]
    with visitor(app) as other:
        theirs = Tab(other)
        seen = theirs.told("look", board=board["id"])
        assert (seen["board"], SECRET in seen["html"], "Mine" in seen["html"]) == ("", False, False)
        assert "This storyboard is not here." in seen["wrong"]
        for does in (
            *("make", "stop", "delete", "settings", "make_shot", "move", "remove", "choose"),
            *("add", "write"),
        ):
            asked = {"do": does, "board": board["id"], "shot": shot, "field": "name"}
            seen = theirs.told("act", **asked, text="theirs", take="x", seconds="1")
            assert (seen["board"], SECRET in seen["html"], "Mine" in seen["html"]) == (
                *("", False, False),
            ), does
            assert "is not here" in seen["wrong"]
    assert client.get(board["href"]).json() == board


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("seconds", "99", "allowed are 0.38 to 10.71"),
        ("seconds", "x", "allowed are 0.38 to 10.71"),
        ("seconds", "", "allowed are 0.38 to 10.71"),
        ("prompt", " ", "is empty. Describe"),
        ("prompt", "x" * 4001, "at most 4000"),
        ("seed", "-5", "allowed is a whole number from 0 to"),
        ("join", "fade", "must be &#39;cut&#39;"),
        ("name", "x" * 81, "more than 80 characters"),
    ],
)
def test_what_is_wrong_is_told_beside_what_is_there(
    client: httpx.Client, tab: Tab, board: dict[str, Any], field: str, text: str, said: str
) -> None:
    shot = board["shots"][1]["id"]
    asked = {"do": "write", "board": board["id"], "shot": shot, "field": field, "text": text}
    told = tab.told("act", **asked)
    assert said in told["wrong"], told["wrong"]
    assert (told["shot"], told["field"], told["board"]) == (shot, field, board["id"])
    assert client.get(board["href"]).json() == board


def test_what_is_no_text_and_no_verb_changes_nothing(
    client: httpx.Client, tab: Tab, board: dict[str, Any]
) -> None:
    for odd in (None, 5, ["x"], {"a": 1}, True, "none such"):
        tab.send("act", do=odd, board=board["id"])
        tab.send("act", do="write", board=board["id"], shot=odd, field=odd, text=odd)
        tab.send("act", do="choose", board=board["id"], shot=board["shots"][0]["id"], take=odd)
        assert tab.send("look", board=odd).status_code == 200
    assert client.get(board["href"]).json() == board


def test_a_first_shot_begins_with_a_cut_wherever_it_was_moved_from(
    client: httpx.Client, tab: Tab, board: dict[str, Any]
) -> None:
    second = board["shots"][1]["id"]
    asked = {"board": board["id"], "shot": second}
    tab.told("act", do="write", field="join", text="go_on", **asked)
    tab.told("act", do="move", by="-1", **asked)
    moved = client.get(board["href"]).json()["shots"]
    assert [(shot["id"], shot["join"]) for shot in moved] == [
        (second, "cut"),
        (board["shots"][0]["id"], "cut"),
    ]
