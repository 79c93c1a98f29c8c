"""``/v1/videos`` with OpenAI's own client."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types import Video
from PIL import Image
from running import RunningApp

from ltx_ui.settings import Settings
from ltx_ui.web.bodies import recipe_limit

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

SMALL = {"num_inference_steps": 1, "num_frames": 9}
SLOW = {"num_inference_steps": 100, "num_frames": 25, "width": 384, "height": 384}
LONG = SLOW | {"num_inference_steps": 50}
"""As many steps as a visitor may have."""
SIZE: Any = "128x128"  # The client's types know only the sizes of OpenAI's own models.


@pytest.fixture(scope="module")
def token(http: httpx.Client) -> str:
    asked = {"label": "a pipeline", "scopes": ["make", "read", "keep"]}
    return str(http.post("/api/v1/tokens", json=asked).json()["token"])


@pytest.fixture(scope="module")
def client(app: RunningApp, token: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{app.url}/v1", api_key=token, max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
def stranger(app: RunningApp) -> Iterator[OpenAI]:
    """The client of somebody who has no videos yet: who comes through a proxy is not the person at
    the machine."""
    with without_key(app, Via="1.1 elsewhere") as client:
        yield client


def without_key(app: RunningApp, **headers: str) -> OpenAI:
    """A client that sends no key, though OpenAI's insists on having one."""

    def drop(request: httpx2.Request) -> None:
        del request.headers["Authorization"]

    http = httpx2.Client(event_hooks={"request": [drop]}, headers=headers, timeout=60)
    return OpenAI(base_url=f"{app.url}/v1", api_key="none", max_retries=0, http_client=http)


def picture(width: int = 160, height: int = 96) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()


def made(client: OpenAI, prompt: str = "a red ball", **extra: Any) -> Video:
    video = client.videos.create_and_poll(
        prompt=prompt, size=SIZE, extra_body=SMALL | extra, poll_interval_ms=100
    )
    assert video.status == "completed", video
    return video


@pytest.fixture(scope="module")
def video(client: OpenAI) -> Video:
    return made(client, seed=7)


def test_a_video_is_made_polled_and_downloaded(client: OpenAI, video: Video) -> None:
    assert (video.id[:6], video.object, video.progress) == ("video_", "video", 100)
    assert (video.prompt, video.size, video.seconds) == ("a red ball", "128x128", "0.38")
    assert (video.model, video.error) == ("demo", None)
    assert video.completed_at is not None
    assert video.created_at <= video.completed_at
    assert client.videos.retrieve(video.id) == video
    assert client.videos.download_content(video.id).read()[4:8] == b"ftyp"
    still = client.videos.download_content(video.id, variant="thumbnail").read()
    with Image.open(io.BytesIO(still)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (128, 128))


def test_a_part_of_a_video_is_sent(app: RunningApp, video: Video) -> None:
    url = f"{app.url}/v1/videos/{video.id}/content"
    part = httpx.get(url, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert httpx.head(url).headers["content-type"] == "video/mp4"


def test_the_async_client_works_as_well(app: RunningApp, token: str) -> None:
    async def make() -> tuple[Video, bytes]:
        async with AsyncOpenAI(base_url=f"{app.url}/v1", api_key=token, max_retries=0) as client:
            video = await client.videos.create_and_poll(
                prompt="a ball", size=SIZE, extra_body=SMALL, poll_interval_ms=100
            )
            content = await client.videos.download_content(video.id)
            return video, content.read()

    video, mp4 = asyncio.run(make())
    assert video.status == "completed"
    assert mp4[4:8] == b"ftyp"


def test_what_a_video_is_becomes_a_recipe(client: OpenAI, http: httpx.Client) -> None:
    wanted: Any = {"seconds": "1", "size": "320x180"}
    extra = {"preset": "Fast preview", "seed": 11, "include_audio": False}
    video = client.videos.create(prompt="a ball", **wanted, extra_body=extra)
    recipe = http.get(f"/jobs/{video.id.removeprefix('video_')}").json()["recipe"]
    client.videos.delete(video.id)
    expected = {"width": 320, "height": 180, "num_frames": 25, "num_inference_steps": 5}
    expected |= {"seed": 11, "include_audio": False}
    assert recipe == recipe | expected
    assert (video.seconds, video.size) == ("1.04", "320x180")


@pytest.mark.parametrize("form", ["file", "url", "id"])
def test_a_video_starts_from_a_picture(
    client: OpenAI, http: httpx.Client, form: str, tmp_path: Any
) -> None:
    png, file, extra = picture(), openai.omit, dict[str, Any]()
    if form == "id":
        headers = {"Content-Type": "image/png"}
        digest = http.post("/inputs", content=png, headers=headers).json()["digest"]
        extra["input_reference"] = {"file_id": digest}
    elif form == "url":
        url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        extra["input_reference"] = {"image_url": url}
    else:
        file = tmp_path / "red.png"
        file.write_bytes(png)
    video = client.videos.create(
        prompt="a ball", size=SIZE, input_reference=file, extra_body=SMALL | extra
    )
    recipe = http.get(f"/jobs/{video.id.removeprefix('video_')}").json()["recipe"]
    assert str(recipe["image_start"]).startswith("sha256:")
    client.videos.delete(video.id)


def test_a_video_can_be_asked_for_in_json(http: httpx.Client) -> None:
    answer = http.post("/v1/videos", json={"prompt": "a ball", "size": SIZE, **SMALL})
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert http.delete(f"/v1/videos/{answer.json()['id']}").json()["deleted"] is True


def test_a_request_with_a_key_that_is_sent_again_makes_one_video(
    client: OpenAI, video: Video
) -> None:
    key = {"Idempotency-Key": "once"}
    asked: dict[str, Any] = {"prompt": "a key", "size": SIZE, "extra_headers": key}
    picture_too = asked | {"input_reference": ("a.png", picture(), "image/png")}
    first, again = (client.videos.create(**picture_too, extra_body=SMALL) for _ in range(2))
    assert first.id == again.id
    with pytest.raises(openai.UnprocessableEntityError, match="came with another request"):
        client.videos.create(**asked, extra_body=SMALL)
    remixes = [
        client.videos.remix(video.id, prompt="blue", extra_headers={"Idempotency-Key": "remixed"})
        for _ in range(2)
    ]
    assert remixes[0].id == remixes[1].id
    made = client.videos.poll(first.id, poll_interval_ms=100)
    told = client.videos.with_raw_response.create(**picture_too, extra_body=SMALL)
    assert told.headers["Idempotency-Replayed"] == "true"
    assert told.parse() == made
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(prompt="a", extra_headers={"Idempotency-Key": "a b"})
    assert refused.value.param == "Idempotency-Key"


def test_what_is_not_made_yet_is_told_and_cancelled(client: OpenAI) -> None:
    video = client.videos.create(prompt="a ball", extra_body=SLOW)
    assert video.status in ("queued", "in_progress")
    assert video.completed_at is None
    with pytest.raises(openai.ConflictError, match="not made yet"):
        client.videos.download_content(video.id)
    assert client.videos.delete(video.id).deleted
    ended = client.videos.poll(video.id, poll_interval_ms=50)
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error.code == "cancelled"
    with pytest.raises(openai.ConflictError, match="was not made"):
        client.videos.remix(video.id, prompt="another")


def test_a_remix_has_the_seed_and_another_prompt(client: OpenAI, video: Video) -> None:
    remix = client.videos.remix(video.id, prompt="a blue\nball")
    done = client.videos.poll(remix.id, poll_interval_ms=100)
    assert (done.status, done.prompt, done.size) == ("completed", "a blue\nball", video.size)
    assert done.remixed_from_video_id == remix.remixed_from_video_id == video.id
    assert done.model_extra == video.model_extra == {"seed": 7}


def test_the_list_goes_from_page_to_page_while_videos_are_deleted(stranger: OpenAI) -> None:
    videos = stranger.videos
    ids = [made(stranger, f"ball {number}").id for number in range(3)]
    first = videos.list(limit=2)
    assert ([each.id for each in first.data], first.has_more) == (ids[:0:-1], True)
    assert [each.id for each in videos.list(after=ids[1]).data] == ids[:1]
    waiting = videos.create(prompt="a ball", extra_body=LONG).id
    assert [each.id for each in videos.list(limit=1, order="desc")] == [waiting, *ids[::-1]]
    assert [each.id for each in videos.list(limit=1, order="asc")] == [*ids, waiting]
    for video in videos.list(limit=1):
        videos.delete(video.id)
    assert videos.list().data == []
    with pytest.raises(openai.NotFoundError):
        videos.retrieve(ids[0])


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "a ball", "size": "wide"}, "size"),
        ({"prompt": "a ball", "size": "10x10"}, "width"),
        ({"prompt": "a ball", "seconds": "12"}, "seconds"),
        ({"prompt": "a ball", "model": "sora-2"}, "model"),
        ({"prompt": "a ball", "input_reference": b"no picture"}, "input_reference"),
        (
            {"prompt": "a", "extra_body": {"input_reference": {"image_url": "http://a.b"}}},
            "input_reference",
        ),
        ({"prompt": "a", "extra_body": {"input_reference": {"a": "b"}}}, "input_reference"),
        ({"prompt": "a ball", "extra_body": {"preset": "none"}}, "preset"),
        ({"prompt": "a ball", "extra_body": {"num_takes": 2}}, "num_takes"),
        ({"prompt": "a ball", "extra_body": {"colour": ["red", "blue"]}}, "colour"),
        ({"prompt": "a ball", "extra_body": {"prompt": {"a": "b"}}}, "prompt"),
    ],
)
def test_a_wrong_field_is_a_bad_request_that_names_it(
    client: OpenAI, sent: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(**sent)
    assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")
    assert param in refused.value.message


def test_what_is_not_here_or_not_offered_is_said(client: OpenAI, video: Video) -> None:
    for missing in ("video_" + "0" * 32, "video_%2e%2e", "x", video.id.upper()):
        with pytest.raises(openai.NotFoundError, match="no such video"):
            client.videos.retrieve(missing)
    with pytest.raises(openai.NotFoundError, match="offers no edits"):
        client.videos.edit(prompt="a ball", video=b"")
    with pytest.raises(openai.BadRequestError, match="sprite sheets"):
        client.videos.download_content(video.id, variant="spritesheet")
    with pytest.raises(openai.BadRequestError, match="limit: must be at most 100"):
        client.videos.list(limit=1000)
    with pytest.raises(openai.BadRequestError, match="no such video"):
        client.videos.list(after="video_1")
    with pytest.raises(openai.BadRequestError, match="is missing"):
        client.post(f"/videos/{video.id}/remix", body={"seed": 1}, cast_to=object)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data"),
        (b"--x\r\nrubbish", "multipart/form-data; boundary=x"),
        (b"[]", "application/json"),
        (b"prompt=a", "application/x-www-form-urlencoded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="prompt"; filename="a"\r\n\r\na\r\n'
            b"--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
    ],
)
def test_a_body_that_is_no_request_is_refused_in_openais_words(
    http: httpx.Client, body: bytes, kind: str
) -> None:
    answer = http.post("/v1/videos", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 415), answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_body_over_the_limit_is_not_taken(http: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'
        for _ in range(recipe_limit(Settings()) // 1_000_000 + 2):
            yield b"a" * 1_000_000

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = http.post("/v1/videos", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_nobody_sees_or_changes_what_somebody_else_made(stranger: OpenAI, video: Video) -> None:
    videos = stranger.videos
    assert videos.list().data == []
    for ask in (videos.retrieve, videos.delete, videos.download_content):
        with pytest.raises(openai.NotFoundError):
            ask(video.id)
    with pytest.raises(openai.NotFoundError):
        videos.remix(video.id, prompt="mine now")
    with pytest.raises(openai.BadRequestError):
        videos.list(after=video.id)


def test_limits_hold_here_too(stranger: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="up to 50"):
        stranger.videos.create(prompt="a ball", extra_body=SLOW)
    asked: list[Video] = []
    try:
        with pytest.raises(openai.RateLimitError) as full:
            while True:
                asked.append(stranger.videos.create(prompt="a ball", extra_body=LONG))
    finally:
        for video in asked:
            stranger.videos.delete(video.id)
    # A visitor may have as many on the way as may wait, and it is a matter of moments which is
    # reached first.
    assert full.value.code in ("queue_full", "rate_limit_exceeded")
    assert full.value.type == "rate_limit_error"
    assert int(full.value.response.headers["retry-after"]) >= 1


def test_the_person_at_the_machine_needs_no_key(app: RunningApp, video: Video) -> None:
    with without_key(app) as client:
        assert client.videos.retrieve(video.id) == video


def test_a_key_is_for_what_its_scopes_say(
    app: RunningApp, http: httpx.Client, client: OpenAI, video: Video
) -> None:
    with pytest.raises(openai.AuthenticationError, match="This token is not known"):
        client.with_options(api_key="ltx_" + "x" * 43).videos.list()
    asked = {"label": "a reader", "scopes": ["read"]}
    reader = client.with_options(api_key=http.post("/api/v1/tokens", json=asked).json()["token"])
    assert reader.videos.retrieve(video.id) == video
    with pytest.raises(openai.PermissionDeniedError, match="lacks the scope make"):
        reader.videos.create(prompt="a ball")
    with pytest.raises(openai.PermissionDeniedError, match="lacks the scope keep"):
        reader.videos.delete(video.id)


def test_methods_and_addresses_that_are_not_here_are_refused_in_openais_words(
    http: httpx.Client,
) -> None:
    for method, path, status in (("PUT", "/v1/videos", 405), ("GET", "/v1/models", 404)):
        answer = http.request(method, path)
        assert answer.status_code == status
        assert answer.json()["error"]["type"] == "invalid_request_error"
    foreign = http.get("/v1/videos", headers={"Origin": "https://elsewhere.test"})
    assert foreign.status_code == 403
    assert foreign.json()["error"]["code"] == "permission_denied"
