"""What one tab or visitor does while another one does something with the same clip."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from running import RunningApp
from test_visitors import SMALL, made, press

TABS, LINES = 3, 4
GONE = {
    "en": "This take is not here. It may have been deleted.",
    "de": "Dieser Clip ist nicht hier. Vielleicht wurde er gelöscht.",
    "zh": "这里没有这个片段，可能已被删除。",
}
CHANGED = {
    "en": "This was changed elsewhere meanwhile",
    "de": "Das wurde inzwischen an anderer Stelle geändert",
    "zh": "这里的内容刚才已在别处被修改",
}


@pytest.fixture
def other(app: RunningApp) -> Iterator[httpx.Client]:
    """Another visitor of the app."""
    with httpx.Client(base_url=app.url, timeout=60) as client:
        yield client


def acted(client: httpx.Client, language: str, **sent: object) -> tuple[int, str]:
    """The status and the sentence with which an event of the stage is refused."""
    with httpx.Client(
        base_url=client.base_url,
        cookies=client.cookies,
        timeout=60,
        headers={"Accept-Language": language},
    ) as tab:
        config = tab.get("/config").json()
        stage = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "take")
        event = next(e for e in config["dependencies"] if [stage, "act"] in e["targets"])
        answer = press(tab, config, event, **sent)
        return answer.status_code, str(answer.json()["error"])


@pytest.mark.parametrize("language", CHANGED)
def test_a_tab_is_told_in_its_language_that_another_one_has_written(
    http: httpx.Client, take: str, language: str
) -> None:
    http.patch(f"/takes/{take}", json={"note": "by another tab"})
    body, speaks = {"note": "mine", "was": {"note": ""}}, {"Accept-Language": language}
    dialog = http.patch(f"/takes/{take}", json=body, headers=speaks)
    assert (dialog.status_code, CHANGED[language] in dialog.json()["detail"]) == (409, True)
    status, sentence = acted(http, language, do="note", take=take, text="mine", was=[""])
    assert (status, CHANGED[language] in sentence) == (409, True)
    program = http.patch(f"/api/v1/takes/{take}", json=body, headers=speaks)
    assert (program.status_code, CHANGED["en"] in program.json()["detail"]) == (409, True)
    assert http.get(f"/api/v1/takes/{take}").json()["note"] == "by another tab"


def test_a_tab_is_told_that_its_clip_was_deleted_in_another_one(http: httpx.Client) -> None:
    take = made(http, **SMALL)
    assert http.delete(f"/api/v1/takes/{take}").status_code == 200
    for language, sentence in GONE.items():
        for does in ("heart", "use_all", "lock", "vary", "full", "last_frame", "choose", "note"):
            sent = {"do": does, "take": take, "on": True, "text": "x"}
            assert acted(http, language, **sent) == (404, sentence), does
        marked = http.patch(
            f"/takes/{take}", json={"name": "x"}, headers={"Accept-Language": language}
        )
        assert (marked.status_code, marked.json()["detail"]) == (404, sentence)
    assert [http.get(f"/takes/{take}{end}").status_code for end in (".mp4", "/poster")] == [404] * 2


def test_nothing_is_lost_where_visitors_write_at_once(
    http: httpx.Client, other: httpx.Client
) -> None:
    """Each tab adds lines to what is there, and tries again where it was told that it may not."""
    takes = {http: made(http, **SMALL), other: made(other, **SMALL)}

    def write(client: httpx.Client, tab: int) -> int:
        take, refused = takes[client], 0
        for line in (f"{tab}.{number}" for number in range(LINES)):
            while True:
                note = client.get(f"/api/v1/takes/{take}").json()["note"]
                body = {"note": f"{note}\n{line}", "was": {"note": note}}
                answer = client.patch(f"/takes/{take}", json=body)
                if answer.status_code == 200:
                    break
                assert answer.status_code == 409, answer.text
                refused += 1
        return refused

    tabs = [(client, tab) for tab in range(TABS) for client in takes]
    with ThreadPoolExecutor(len(tabs)) as pool:
        list(pool.map(lambda each: write(*each), tabs))
    for client, take in takes.items():
        lines = client.get(f"/api/v1/takes/{take}").json()["note"].split()
        assert sorted(lines) == [f"{tab}.{n}" for tab in range(TABS) for n in range(LINES)]
