"""``/mcp`` with the official client."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image
from running import RunningApp
from sounds import beats, sound_file

Result = TypeVar("Result")

MESSAGE = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"Accept": "application/json, text/event-stream"}

SMALL = {"format": "128x128", "preset": "fast-preview", "wait_seconds": 60}
SLOW = {"format": "288x512", "preset": "long-video", "wait_seconds": 0}


def asked(
    app: RunningApp, talk: Callable[[Client], Awaitable[Result]], mode: str = "auto", **headers: str
) -> Result:
    """What a conversation with the studio comes to."""

    async def speak() -> Result:
        async with httpx2.AsyncClient(headers=headers, timeout=90) as http:
            transport = streamable_http_client(f"{app.url}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                return await talk(client)

    return asyncio.run(speak())


def called(app: RunningApp, tool: str, mode: str = "auto", **arguments: Any) -> CallToolResult:
    """A tool's result."""
    return asked(app, lambda client: client.call_tool(tool, arguments), mode)


def answer(app: RunningApp, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers where it can do what it is asked to."""
    result = called(app, tool, **arguments)
    assert not result.is_error, result.content
    told = result.structured_content
    assert isinstance(told, dict)
    return told


def refusal(app: RunningApp, tool: str, **arguments: Any) -> str:
    """The sentence by which a tool refuses."""
    result = called(app, tool, **arguments)
    assert result.is_error, result.structured_content
    (said,) = result.content
    assert isinstance(said, TextContent)
    return said.text


@pytest.fixture(scope="module")
def made(app: RunningApp) -> dict[str, Any]:
    """A take that an assistant made."""
    job = answer(app, "generate_clip", prompt="a purple ball in the rain", seed=7, **SMALL)
    assert job["state"] == "done", job
    (take,) = job["takes"]
    assert isinstance(take, dict)
    return take


def test_tools_say_what_they_take_answer_and_change(app: RunningApp) -> None:
    tools = {tool.name: tool for tool in asked(app, lambda client: client.list_tools()).tools}
    assert set(tools) == {
        "generate_clip",
        "job_status",
        "cancel_job",
        "search_takes",
        "get_take",
        "set_favourite",
        "list_presets",
    }
    for name, tool in tools.items():
        hints = tool.annotations
        assert hints is not None and tool.output_schema is not None
        reads = name in ("job_status", "search_takes", "get_take", "list_presets")
        assert hints.read_only_hint is reads
        assert hints.destructive_hint is (None if reads else name == "cancel_job")
        assert "ctx" not in tool.input_schema["properties"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_clip_is_made_while_its_client_is_told_how_far_it_is(app: RunningApp, mode: str) -> None:
    told: list[tuple[float, str]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total == 1.0
        told.append((progress, message or ""))

    async def talk(client: Client) -> CallToolResult:
        wanted = {"prompt": "a red ball", "seconds": 1, **SMALL}
        return await client.call_tool("generate_clip", wanted, progress_callback=note)

    result = asked(app, talk, mode)
    job = result.structured_content
    assert job is not None
    assert (job["state"], job["fraction"]) == ("done", 1.0)
    assert told == sorted(told, key=lambda each: each[0])
    assert any("Making it" in message for _, message in told)
    (take,) = job["takes"]
    assert (take["size"], take["seconds"]) == ("128x128", 1.04)
    assert httpx.get(take["video"]).content[4:8] == b"ftyp"
    assert httpx.get(take["poster"]).headers["content-type"] == "image/jpeg"
    (picture,) = (each for each in result.content if isinstance(each, ImageContent))
    assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (128, 128)


def test_a_clip_is_asked_for_with_all_that_the_api_takes(
    app: RunningApp, http: httpx.Client
) -> None:
    sound = http.post(
        "/inputs/sound", content=sound_file(beats(1.0)), headers={"Content-Type": "audio/wav"}
    )
    digest = sound.raise_for_status().json()["digest"]
    more = {"negative_prompt": "blur", "num_inference_steps": 2, "audio_strength": 0.5}
    asked = SMALL | {"audio": digest, "motion_speed": 1.5, "settings": more}
    (take,) = answer(app, "generate_clip", prompt="a green ball", **asked)["takes"]
    recipe = answer(app, "get_take", take_id=take["id"])["recipe"]
    assert {name: recipe[name] for name in more} == more
    assert (recipe["audio"], recipe["motion_speed"]) == (digest, 1.5)


def test_who_does_not_wait_gets_the_job_and_can_stop_it(app: RunningApp) -> None:
    job = answer(app, "generate_clip", prompt="a ball", **SLOW)
    assert job["state"] in ("queued", "running")
    assert "job_status" in job["message"]
    assert answer(app, "job_status", job_id=job["job_id"])["state"] in ("queued", "running")
    stopped = answer(app, "cancel_job", job_id=job["job_id"])
    assert stopped["state"] in ("cancelling", "cancelled")
    assert stopped["takes"] == []


def test_a_clip_is_made_all_the_same_when_its_client_hangs_up(
    app: RunningApp, http: httpx.Client
) -> None:
    asked = {"name": "generate_clip", "arguments": SMALL | {"prompt": "an orange ball"}}
    call = {"method": "tools/call", "params": asked | {"_meta": {"progressToken": 1}}}
    with http.stream("POST", "/mcp", json=MESSAGE | call, headers=HEADERS) as answering:
        assert "notifications/progress" in next(answering.iter_text())
    deadline = time.monotonic() + 120
    while not answer(app, "search_takes", words="orange")["takes"]:
        assert time.monotonic() < deadline


def test_a_clip_is_found_looked_at_and_made_a_favourite(
    app: RunningApp, made: dict[str, Any]
) -> None:
    found = answer(app, "search_takes", words="purple rain")
    assert ([take["id"] for take in found["takes"]], found["total"]) == ([made["id"]], 1)
    assert answer(app, "search_takes", words="purple", favourites_only=True)["takes"] == []
    assert answer(app, "set_favourite", take_id=made["id"])["favourite"] is True
    liked = answer(app, "search_takes", words="purple", favourites_only=True)["takes"]
    assert liked == [made | {"favourite": True}]
    result = called(app, "get_take", take_id=made["id"])
    assert result.structured_content is not None
    assert result.structured_content["recipe"]["seed"] == 7
    assert [each.type for each in result.content] == ["text", "image"]
    uri = f"takes://{made['id']}/recipe"
    (content,) = asked(app, lambda client: client.read_resource(uri)).contents
    assert json.loads(content.text)["prompt"] == "a purple ball in the rain"  # type: ignore[union-attr]
    assert answer(app, "set_favourite", take_id=made["id"], favourite=False)["favourite"] is False


def test_a_list_goes_on_where_it_stopped(app: RunningApp, made: dict[str, Any]) -> None:
    first = answer(app, "search_takes", limit=1)
    assert first["next"] is not None
    second = answer(app, "search_takes", limit=1, after=first["next"])
    assert second["takes"][0]["id"] != first["takes"][0]["id"]


def test_a_clip_goes_on_from_anothers_last_frame(
    app: RunningApp, http: httpx.Client, made: dict[str, Any]
) -> None:
    job = answer(
        app, "generate_clip", prompt="it rolls on", start_from=made["id"], **SLOW | {"seconds": 2}
    )
    recipe = http.get(f"/jobs/{job['job_id']}").json()["recipe"]
    answer(app, "cancel_job", job_id=job["job_id"])
    assert recipe["image_start"].startswith("sha256:")
    assert (recipe["num_frames"], recipe["num_inference_steps"]) == (49, 40)


def test_presets_and_formats_are_told_by_the_names_that_are_taken(app: RunningApp) -> None:
    choices = answer(app, "list_presets")
    assert "fast-preview" in [preset["id"] for preset in choices["presets"]]
    assert "Instagram" in [known["name"] for known in choices["formats"]]
    assert choices["model"] == "demo"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("generate_clip", {}, "prompt: is missing."),
        ("generate_clip", {"prompt": " "}, "prompt: is empty."),
        ("generate_clip", {"prompt": "x" * 5000}, "at most 4000 are allowed"),
        ("generate_clip", {"prompt": "a", "preset": "none"}, "none of: best-quality"),
        ("generate_clip", {"prompt": "a", "format": "wide"}, "the formats TikTok"),
        ("generate_clip", {"prompt": "a", "seconds": 1e9}, "0.38 to 10.71"),
        ("generate_clip", {"prompt": "a", "seed": -5}, "a whole number from 0"),
        ("generate_clip", {"prompt": "a", "keyframes": [{}]}, "keyframes[0]: image is missing"),
        ("generate_clip", {"prompt": "a", "wait_seconds": 1e9}, "must be at most 600"),
        (
            "generate_clip",
            {"prompt": "a", "start_from": "../../etc/passwd"},
            "start_from: must be a picture's digest",
        ),
        ("generate_clip", {"prompt": "a", "start_from": "0" * 32}, "start_from: is '000"),
        ("generate_clip", {"prompt": {"a": 1}}, "prompt: must be a text"),
        ("generate_clip", {"prompt": "a", "frames": 9}, "no argument of generate_clip"),
        ("generate_clip", {"prompt": "a", "loras": ["../x"]}, "loras"),
        ("generate_clip", {"prompt": "a", "audio": "sha256:" + "0" * 64}, "audio: "),
        ("generate_clip", {"prompt": "a", "motion_speed": 99}, "motion_speed: is 99"),
        ("generate_clip", {"prompt": "a", "settings": {"frames": 9}}, "'frames' is not a field"),
        (
            "generate_clip",
            {"prompt": "a", "seed": 1, "settings": {"seed": 2}},
            "'seed' is given twice",
        ),
        ("job_status", {"job_id": "0" * 32}, "This job is not here."),
        ("cancel_job", {"job_id": "' OR 1=1 --\x00"}, "job_id: must be an id, as answers have it"),
        ("get_take", {"take_id": "\x00"}, "take_id: must be an id, as answers have it"),
        ("set_favourite", {"take_id": "0" * 32, "favourite": "perhaps"}, "true or false"),
        ("search_takes", {"limit": 51}, "limit: must be at most 50"),
        ("search_takes", {"after": "x"}, "after: must be a whole number"),
        ("rm", {"-rf": "/"}, "Unknown tool"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(
    app: RunningApp, tool: str, arguments: dict[str, Any], said: str
) -> None:
    refused = refusal(app, tool, **arguments)
    assert said in refused
    assert "pydantic" not in refused and "Traceback" not in refused


def test_a_recipe_that_is_not_here_is_said(app: RunningApp) -> None:
    async def talk(client: Client) -> None:
        with pytest.raises(MCPError, match="This take is not here"):
            await client.read_resource("takes://nobody/recipe")

    asked(app, talk)


def test_nobody_sees_or_changes_what_somebody_else_made(
    app: RunningApp, made: dict[str, Any]
) -> None:
    async def talk(client: Client) -> list[CallToolResult]:
        own = {"take_id": made["id"]}
        tools = ("get_take", own), ("set_favourite", own), ("job_status", {"job_id": made["id"]})
        return [await client.call_tool(tool, arguments) for tool, arguments in tools] + [
            await client.call_tool("search_takes", {})
        ]

    # Who comes through a proxy is not the person at the machine.
    *refused, found = asked(app, talk, Via="1.1 elsewhere")
    assert [each.is_error for each in refused] == [True] * 3
    assert found.structured_content == {"takes": [], "total": 0, "next": None}


def test_a_token_is_for_what_its_scopes_say(
    app: RunningApp, http: httpx.Client, made: dict[str, Any]
) -> None:
    async def talk(client: Client) -> list[CallToolResult]:
        return [
            await client.call_tool("search_takes", {"words": "purple"}),
            await client.call_tool("generate_clip", {"prompt": "a ball"}),
            await client.call_tool("set_favourite", {"take_id": made["id"]}),
        ]

    token = http.post("/api/v1/tokens", json={"label": "a", "scopes": ["read"]}).json()["token"]
    found, *refused = asked(app, talk, Authorization=f"Bearer {token}")
    assert found.structured_content is not None
    assert made["id"] in [each["id"] for each in found.structured_content["takes"]]
    lacking = [each.content[0].text for each in refused]  # type: ignore[union-attr]
    assert [said.split(":")[1].split(".")[0] for said in lacking] == [
        " it lacks the scope make",
        " it lacks the scope keep",
    ]
    unknown = HEADERS | {"Authorization": "Bearer ltx_" + "x" * 43}
    assert httpx.post(f"{app.url}/mcp", json=MESSAGE, headers=unknown).status_code == 401


@pytest.mark.parametrize("origin", ["https://elsewhere.test", "null", "http://localhost:1"])
def test_another_sites_page_is_refused(http: httpx.Client, origin: str) -> None:
    answer = http.post("/mcp", json=MESSAGE, headers=HEADERS | {"Origin": origin})
    assert answer.status_code == 403
    assert http.post("/mcp", json=MESSAGE, headers=HEADERS | {"Host": "a.test"}).status_code == 421
    assert http.post("/mcp", json=MESSAGE, headers=HEADERS).status_code == 200


def test_hostile_messages_are_refused_and_the_studio_goes_on(http: httpx.Client) -> None:
    deep = "[" * 10_000 + "]" * 10_000
    huge = json.dumps(MESSAGE | {"params": {"x": "y" * 300_000}})
    number = '{"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"n": ' + "9" * 5000 + "}}"
    for body, allowed in (
        (deep, {400}),
        (huge, {413}),
        (number, {200, 400}),
        ("[]", {400}),
        ("nonsense", {400}),
        (json.dumps([MESSAGE] * 100), {400}),
        (json.dumps(MESSAGE | {"method": "\x00\ud800"}), {200, 400}),
    ):
        headers = HEADERS | {"Content-Type": "application/json"}
        assert http.post("/mcp", content=body, headers=headers).status_code in allowed, body[:50]
    refused = http.post("/mcp", content=huge, headers=headers)
    assert refused.json() == {"detail": "The request is larger than 200 kB. Send less at once."}
    for method in ("GET", "DELETE", "PUT"):
        assert http.request(method, "/mcp", headers=HEADERS).status_code == 405
    assert http.post("/mcp", json=MESSAGE, headers=HEADERS).status_code == 200


def test_gradios_own_tools_are_off(http: httpx.Client) -> None:
    for path in ("/gradio_api/mcp", "/gradio_api/mcp/sse", "/gradio_api/mcp/schema"):
        assert http.get(path).status_code == 404
        assert http.post(path, json=MESSAGE).status_code == 404
