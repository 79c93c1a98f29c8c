"""The page's events, sent what the page never sends: every input of every event of the app."""

import json
import math
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

EVENT = "/gradio_api/run/predict"
SECRET = "these words are in a file that nobody may read"


@pytest.fixture(scope="module")
def events(http: httpx.Client) -> list[dict[str, Any]]:
    """Every event of the running page that reaches the server, with what its fields hold."""
    config = http.get("/config").json()
    held = {each["id"]: each["props"].get("value") for each in config["components"]}
    # The same handler on the same fields is one event, however many things call it.
    found = list(
        {
            (re.sub(r"_\d+$", "", each["api_name"]), *each["inputs"]): each
            for each in config["dependencies"]
            if each["backend_fn"]
        }.values()
    )
    for each in found:
        each["data"] = [held.get(number) for number in each["inputs"]]
    assert len(found) > 10
    assert sum(len(each["data"]) for each in found) > 10
    return found


def send(http: httpx.Client, event: Any, data: Any, **more: Any) -> httpx.Response:
    body = {"fn_index": event, "data": data, "session_hash": "abcdefghij"} | more
    content = json.dumps(body)
    return http.post(EVENT, content=content, headers={"Content-Type": "application/json"})


def forged(secret: Path) -> list[Any]:
    file = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    return [
        {"path": str(secret)},
        {"path": "/dev/zero"},
        {"url": f"file://{secret}"},
        file,
        [file],
        {"deep": [{"deeper": {"path": str(secret)}}]},
        {"__type__": "update", "value": str(secret)},
        str(secret),
        [[[[]]]],
        {"a": {}},
        10**30,
        -(10**400),
        math.nan,
        math.inf,
        True,
        None,
        "x" * 200_000,
        "\ud800\x00",
    ]


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("private") / "secret.png"
    path.write_text(SECRET)
    return path


def test_no_forged_value_opens_a_file_or_breaks_the_page(
    http: httpx.Client, events: list[dict[str, Any]], secret: Path
) -> None:
    broken = set()
    for event in events:
        for place in range(len(event["data"])):
            for value in forged(secret):
                data = [*event["data"][:place], value, *event["data"][place + 1 :]]
                answer = send(http, event["id"], data)
                assert SECRET not in answer.text
                if answer.status_code >= 500:
                    broken.add((event["api_name"], place, repr(value)[:40]))
    assert not broken
    assert http.get("/health").status_code == 200


def test_what_is_no_event_is_refused_in_words(http: httpx.Client, events: list[Any]) -> None:
    first = events[0]
    wrong = [
        send(http, first["id"], first["data"][1:]),
        send(http, first["id"], [*first["data"], None]),
        send(http, first["id"], {"0": None}),
        send(http, first["id"], first["data"], session_hash="../../x"),
        send(http, first["id"], first["data"], session_hash={"path": "/etc/passwd"}),
        send(http, first["id"], first["data"], event_data={"path": "/etc/passwd"}),
        *(
            http.post(EVENT, content=each, headers={"Content-Type": "application/json"})
            for each in (b"", b"[]", b"{", b"[" * 100_000, b'"a"')
        ),
    ]
    assert [answer.status_code for answer in wrong] == [422] * len(wrong)
    for number in (-1, 10**6, 10**40, "0", None, True):
        assert send(http, number, first["data"]).status_code in (404, 422)
    assert http.post(EVENT, data={"fn_index": "0"}).status_code == 415


def test_an_event_that_is_refused_is_no_fault_of_the_studios(
    http: httpx.Client, events: list[dict[str, Any]]
) -> None:
    answers = [send(http, each["id"], each["data"], event_data={"take": "x"}) for each in events]
    refused = [each for each in answers if each.status_code != 200]
    assert {each.status_code for each in refused} == {404, 422}
    told = {each.json()["error"] for each in refused}
    assert "This take is not here. It may have been deleted." in told
    assert all(sentence.endswith(".") for sentence in told)


def test_an_event_larger_than_any_is_refused(http: httpx.Client, events: list[Any]) -> None:
    answer = send(http, events[0]["id"], ["x" * 2_000_000])
    assert answer.status_code == 413
    assert "1.0 MB" in answer.json()["detail"]


def test_answers_keep_their_order_for_a_page_that_outlives_a_restart(
    events: list[dict[str, Any]],
) -> None:
    assert any(len(each["outputs"]) > 5 for each in events)
    assert all(each["outputs"] == sorted(each["outputs"]) for each in events)


@pytest.mark.parametrize(("seed", "taken"), [(5, True), (True, False), ("5", False), (-1, False)])
def test_only_a_seed_is_put_into_the_seeds_field(
    http: httpx.Client, events: list[dict[str, Any]], seed: object, taken: bool
) -> None:
    event = next(each for each in events if each["api_name"].startswith("use_seed"))
    told = send(http, event["id"], event["data"], event_data={"seed": seed}).json()["data"]
    locks = [
        value for value in told if value is True or (isinstance(value, dict) and "value" in value)
    ]
    assert (seed in told and bool(locks)) is taken
