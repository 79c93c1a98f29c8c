"""Who is let in no more, by what they came in by: their streams and what they wait for end."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
from serving import PROXY, Served, served
from studios import PATIENCE
from test_people import PASSWORD, SMALL, basic, signed_in


def test_who_is_let_in_no_more_has_no_stream_and_waits_for_nothing(tmp_path: Path) -> None:
    with served(tmp_path / "data", trusted_proxy=PROXY, visitors="on") as home:
        all_end(home)


def all_end(home: Served) -> None:
    home.studio.users.add("eve", PASSWORD)
    revoked, token = home.studio.tokens.make("eve", "one", ("make", "read"))
    kept, _ = home.studio.tokens.make("eve", "another", ("make", "read"))
    arguments = {"prompt": "a ball", "wait_seconds": 500}
    called = {"name": "generate_clip", "arguments": arguments}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": called}
    accepts = {"Accept": "application/json, text/event-stream"}
    with ExitStack() as opened:
        pool = opened.enter_context(ThreadPoolExecutor())
        program = opened.enter_context(home.visitor(60))
        leaves, stays = (opened.enter_context(signed_in(home, "eve", at)) for at in (61, 62))
        one, another = ({"Authorization": f"Bearer {secret}"} for secret in (revoked, kept))
        job = program.post("/jobs", json=SMALL, headers=one).json()["id"]
        events = f"/api/v1/jobs/{job}/events"

        def reads(client: httpx.Client, path: str, headers: dict[str, str]) -> Future[list[str]]:
            """The rest of a stream, once it has ended."""
            lines = opened.enter_context(client.stream("GET", path, headers=headers)).iter_lines()
            next(lines)
            return pool.submit(list, lines)

        watched = reads(program, events, one)
        waited = pool.submit(program.post, "/generate", json=SMALL, headers=one)
        asked = pool.submit(program.post, "/mcp", json=call, headers=one | accepts)
        ended = reads(leaves, "/session/events", {})
        others = [
            reads(program, events, another),
            reads(program, "/session/events", basic("eve", PASSWORD)),
            reads(stays, "/session/events", {}),
        ]
        while len(home.studio.session("eve").jobs) < 3:
            time.sleep(0.01)
        home.studio.tokens.revoke(token.id)
        assert leaves.post("/logout").status_code == 303
        watched.result(PATIENCE), ended.result(PATIENCE)
        answer = waited.result(PATIENCE)
        assert (answer.status_code, "taken back" in answer.text) == (403, True)
        assert "taken back" in asked.result(PATIENCE).text
        assert not any(each.done() for each in others)
        home.studio.users.remove("eve")
        for each in others:
            each.result(PATIENCE)
        for left in home.studio.session("eve").jobs:
            home.studio.cancel(left.id, "eve")
