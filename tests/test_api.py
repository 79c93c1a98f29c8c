"""The HTTP API, asked over HTTP of an app in its own process."""

import base64
import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import av
import httpx
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from running import RunningApp
from streams import frame_count

from ltx_ui.studio.jobs import StateName

SEED_DOCUMENT = [
    {
        "num_frames": 49,
        "num_inference_steps": 40,
        "guidance_scale": 3.0,
        "width": 288,
        "height": 512,
    },
    {
        "num_frames": 121,
        "num_inference_steps": 40,
        "guidance_scale": 3.0,
        "width": 288,
        "height": 512,
    },
    {"num_frames": 9, "num_inference_steps": 5, "width": 288, "height": 512},
    {
        "num_frames": 49,
        "num_inference_steps": 30,
        "guidance_scale": 3.0,
        "width": 288,
        "height": 512,
    },
    {
        "image_start": "base64_reference_image",
        "image_strength": 1.0,
        "num_frames": 49,
        "num_inference_steps": 40,
        "guidance_scale": 3.0,
        "width": 288,
        "height": 512,
        "seed": 1234567890,
    },
    {
        "image_start": "base64_reference_image",
        "image_strength": 1.0,
        "prompt": "The scene comes alive with gentle movement",
    },
    {"seed": 1234567890},
]
"""Every JSON body of the best-practices page."""

SMALL = {
    "prompt": "Rain on a tin roof, drums of water",
    "width": 128,
    "height": 128,
    "num_frames": 9,
    "num_inference_steps": 2,
}
MANY = SMALL | {"num_takes": 8, "num_inference_steps": 40}
SLOW = SMALL | {"width": 288, "height": 512, "num_frames": 121, "num_inference_steps": 100}


def picture(width: int = 96, height: int = 128, format: str = "PNG") -> str:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format)
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("api") / "data"
    with RunningApp(folder, "--model", "demo", "--max-queue", "3", "--max-image-mb", "1") as app:
        yield app.wait_ready()


@pytest.fixture
def http(app: RunningApp) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.url, timeout=300) as client:
        yield client


def generate(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = http.post("/generate", json=SMALL | fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def mp4_of(answer: dict[str, Any]) -> bytes:
    head, _, payload = answer["video"].partition(",")
    assert head == "data:video/mp4;base64"
    return base64.b64decode(payload, validate=True)


def problem_fields(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [detail["loc"][-1] for detail in answer.json()["detail"]]


def test_generate_answers_with_exactly_the_documented_fields(http: httpx.Client) -> None:
    answer = generate(http, seed=7)
    assert set(answer) == {
        "video",
        "duration_seconds",
        "resolution",
        "fps",
        "seed",
        "generation_time_seconds",
        "has_audio",
        "has_image_start",
        "has_image_end",
    }
    assert answer["duration_seconds"] == pytest.approx(9 / 24, abs=0.001)
    assert (answer["resolution"], answer["fps"], answer["seed"]) == ("128x128", 24, 7)
    assert answer["generation_time_seconds"] > 0
    assert (answer["has_audio"], answer["has_image_start"]) == (True, False)


def test_the_clip_in_the_answer_can_be_seen_and_heard(http: httpx.Client) -> None:
    with av.open(io.BytesIO(mp4_of(generate(http, seed=7)))) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, video.average_rate) == (128, 128, 24)
        assert audio.codec_context.name == "aac"
        frames = list(container.decode(video, audio))
    loudest = max(np.abs(f.to_ndarray()).max() for f in frames if isinstance(f, av.AudioFrame))
    assert sum(isinstance(f, av.VideoFrame) for f in frames) == 9
    assert loudest > 0.001


def test_the_same_seed_gives_the_same_clip_and_another_seed_another(http: httpx.Client) -> None:
    def pixels(seed: int) -> np.ndarray:
        with av.open(io.BytesIO(mp4_of(generate(http, seed=seed)))) as container:
            return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])

    first = pixels(1)
    assert np.array_equal(first, pixels(1))
    assert not np.array_equal(first, pixels(2))


def test_a_clip_without_sound_has_no_audio_track(http: httpx.Client) -> None:
    answer = generate(http, include_audio=False)
    assert answer["has_audio"] is False
    with av.open(io.BytesIO(mp4_of(answer))) as container:
        assert not container.streams.audio


def test_first_and_last_frames_are_taken(http: httpx.Client) -> None:
    answer = generate(http, image_start=picture(), image_end=picture(format="WEBP"))
    assert (answer["has_image_start"], answer["has_image_end"]) == (True, True)


@pytest.mark.parametrize("body", SEED_DOCUMENT)
def test_every_body_of_the_best_practices_page_is_accepted(
    http: httpx.Client, body: dict[str, Any]
) -> None:
    sent = {"prompt": "A cat on a cushion, gentle purring"} | body
    if "image_start" in sent:
        sent["image_start"] = picture()
    job = http.post("/jobs", json=sent)
    assert job.status_code == 202, job.text
    assert all(job.json()["recipe"][name] == sent[name] for name in body if name != "image_start")
    assert http.delete(f"/jobs/{job.json()['id']}").json()["state"] in ("cancelled", "cancelling")
    wait_until_idle(http)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "  \n"}, "prompt"),
        ({"prompt": "x" * 100_000}, "prompt"),
        ({"num_frames": 120}, "num_frames"),
        ({"seed": -2}, "seed"),
        ({"fps": 23}, "fps"),
        ({"width": 10**9}, "width"),
        ({"guidance_scale": "NaN"}, "guidance_scale"),
        ({"image_start": "base64_reference_image"}, "image_start"),
        ({"image_start": "/etc/passwd"}, "image_start"),
        ({"image_start": base64.b64encode(b"plain text").decode()}, "image_start"),
        ({"image_start": picture(1, 10_000)}, "image_start"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_bad_input_is_a_422_that_names_the_field(
    http: httpx.Client, fields: dict[str, Any], field: str
) -> None:
    answer = http.post("/generate", json=SMALL | fields)
    assert problem_fields(answer) == [field]
    assert "Traceback" not in answer.text


def test_a_missing_prompt_is_named(http: httpx.Client) -> None:
    assert problem_fields(http.post("/generate", json={"num_frames": 9})) == ["prompt"]


def test_a_wrong_frame_count_gets_the_two_nearest(http: httpx.Client) -> None:
    answer = http.post("/generate", json=SMALL | {"num_frames": 120})
    assert "113 and 121" in answer.json()["detail"][0]["msg"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"prompt": ', "body: is not valid JSON"),
        ("[]", "body: must be a JSON object, { … }. /docs names every field."),
        ('{"prompt": "a", "guidance_scale": NaN}', "is 'NaN'; allowed is a number"),
        ('{"prompt": NaN}', "prompt: is 'NaN'; allowed is a text"),
        (b'{"prompt": "\xff"}', "body: is not valid JSON (it is no text in UTF-8)."),
        ('{"prompt": "a", "seed": %s}' % ("9" * 6000), "seed: is a number of more than 300 digits"),
        ('{"prompt": "a", "seed": -%s}' % ("9" * 6000), "allowed is a whole number from 0"),
    ],
)
def test_what_is_not_a_recipe_at_all_is_a_422(
    http: httpx.Client, body: str | bytes, says: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = http.post("/generate", content=body, headers=headers)
    assert answer.status_code == 422
    assert says in answer.json()["detail"][0]["msg"]


def test_a_form_of_another_site_can_not_start_a_clip(http: httpx.Client) -> None:
    headers = {"Content-Type": "text/plain"}
    answer = http.post("/generate", content=json.dumps(SMALL), headers=headers)
    assert answer.status_code == 415


def test_a_body_over_the_limit_is_refused_before_all_of_it_arrived(app: RunningApp) -> None:
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as link:
        link.sendall(
            b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 4000000000\r\n\r\n"
        )
        for _ in range(4):
            link.sendall(b" " * 1_000_000)
        assert b" 413 " in link.recv(4000).splitlines()[0]


def test_an_image_over_the_limit_is_named(http: httpx.Client) -> None:
    answer = http.post("/generate", json=SMALL | {"image_start": picture(700, 700)})
    assert problem_fields(answer) == ["image_start"]


def test_a_full_queue_is_a_503_that_says_when_to_come_back(http: httpx.Client) -> None:
    answers = [http.post("/jobs", json=SLOW) for _ in range(6)]
    for answer in answers:
        if answer.status_code == 202:
            http.delete(f"/jobs/{answer.json()['id']}")
    assert [answer.status_code for answer in answers][:3] == [202] * 3
    assert answers[-1].status_code == 503
    assert int(answers[-1].headers["Retry-After"]) >= 1
    wait_until_idle(http)


def test_a_job_can_be_watched_and_its_take_fetched_in_parts(http: httpx.Client) -> None:
    job = http.post("/jobs", json=SMALL).json()
    assert job["state"] in ("queued", "running")
    done = wait_for(lambda: http.get(f"/jobs/{job['id']}").json(), lambda j: j["state"] == "done")
    part = http.get(f"/{done['video']}", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert http.get(f"/takes/{done['take']}/poster").headers["content-type"].startswith("image/")


def test_a_running_job_can_be_seen_so_far_and_no_longer_once_it_ended(http: httpx.Client) -> None:
    address = f"/jobs/{http.post('/jobs', json=SLOW).json()['id']}"
    seen = wait_for(
        lambda: http.get(f"{address}/preview"), lambda answer: answer.status_code == 200
    )
    assert (seen.headers["content-type"], seen.headers["cache-control"]) == (
        "image/webp",
        "no-store",
    )
    assert frame_count(seen.content) > 1
    http.delete(address)
    wait_until_idle(http)
    assert http.get(f"{address}/preview").status_code == 404


def test_every_take_of_a_job_is_named(http: httpx.Client) -> None:
    address = f"/jobs/{http.post('/jobs', json=SMALL | {'num_takes': 2}).json()['id']}"
    job = wait_for(lambda: http.get(address).json(), lambda job: job["state"] == "done")
    assert job["takes"][0] == job["take"]
    assert len({http.get(f"/takes/{take}.mp4").content for take in job["takes"]}) == 2


def test_a_cancelled_job_names_the_takes_it_finished(http: httpx.Client) -> None:
    address = f"/jobs/{http.post('/jobs', json=MANY).json()['id']}"
    job = wait_for(lambda: http.get(address).json(), lambda job: bool(job.get("takes")))
    assert job["state"] == "running"
    http.delete(address)
    ended = wait_for(lambda: http.get(address).json(), lambda job: job["state"] == "cancelled")
    assert job["takes"] == ended["takes"][: len(job["takes"])]
    assert http.get(f"/takes/{ended['takes'][0]}.mp4").content[4:8] == b"ftyp"


def test_an_answer_that_failed_midway_names_the_takes_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, real = tmp_path / "ffmpeg", imageio_ffmpeg.get_ffmpeg_exe()
    encoder.write_text(f'#!/bin/sh\nmkdir "{tmp_path}/once" && exec "{real}" "$@"\n')
    encoder.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(encoder))
    with RunningApp(tmp_path / "data", "--model", "demo") as app:
        url = app.wait_ready().url
        answer = httpx.post(f"{url}/generate", json=MANY, timeout=300)
        assert answer.status_code == 500
        (kept,) = re.findall(r"/takes/\w+\.mp4", answer.json()["detail"])
        assert httpx.get(url + kept).content[4:8] == b"ftyp"


def test_several_takes_are_all_in_the_answer_and_the_first_where_one_alone_is(
    http: httpx.Client,
) -> None:
    answer = generate(http, seed=2**32 - 1, num_takes=2)
    first, second = answer["takes"]
    assert (first["seed"], second["seed"]) == (answer["seed"], 0) == (2**32 - 1, 0)
    assert first["video"] == answer["video"] != second["video"]
    for take in answer["takes"]:
        assert set(take) == {"id", "seed", "generation_time_seconds", "video"}
        assert http.get(f"/takes/{take['id']}.mp4").content == mp4_of(take)


def test_the_schema_says_what_the_answer_holds(http: httpx.Client) -> None:
    schema = http.get("/openapi.json").json()
    operation = schema["paths"]["/generate"]["post"]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    fields = schema["components"]["schemas"][answer.rpartition("/")[2]]["properties"]
    assert {"video", "seed", "takes"} <= set(fields)
    assert all(name in operation["description"] for name in fields)


def test_unknown_jobs_and_takes_are_404(http: httpx.Client) -> None:
    assert http.get("/jobs/nobody").status_code == 404
    assert http.get("/takes/nothing.mp4").status_code == 404
    assert http.get("/takes/..%2Flibrary.mp4").status_code == 404


def test_a_client_that_hangs_up_cancels_its_job(app: RunningApp, http: httpx.Client) -> None:
    body = json.dumps(SLOW).encode()
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as link:
        link.sendall(
            b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        wait_for(app.health, lambda health: health["queue_length"] == 1)
    wait_until_idle(http, seconds=20)


def test_others_are_answered_while_a_clip_is_made(app: RunningApp, http: httpx.Client) -> None:
    thread = threading.Thread(target=lambda: generate(http, num_inference_steps=30))
    thread.start()
    wait_for(app.health, lambda health: health["queue_length"] == 1)
    assert app.health()["queue_length"] == 1, "the answer waited for the clip"
    thread.join()


def test_health_tells_model_device_and_queue(app: RunningApp) -> None:
    health = app.health()
    assert (health["status"], health["model"]["id"]) == ("healthy", "demo")
    assert (health["device"], health["queue_length"]) == ("cpu", 0)
    assert health["model"]["licence"] == "Apache-2.0"
    assert health["model"]["licence_url"].startswith("https://www.apache.org/licenses/")


def test_the_schema_names_every_field_and_every_state(http: httpx.Client) -> None:
    schema = http.get("/openapi.json").json()
    body = schema["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]
    assert {"prompt", "image_start", "num_frames"} <= set(body["schema"]["properties"])
    told = schema["paths"]["/jobs/{job_id}"]["get"]["description"]
    assert [state for state in get_args(StateName) if not re.search(rf"\b{state}\b", told)] == []


def wait_for(look: Any, holds: Any, seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not holds(seen := look()):
        assert time.monotonic() < end, seen
        time.sleep(0.05)
    return seen


def wait_until_idle(http: httpx.Client, seconds: float = 60) -> None:
    wait_for(lambda: http.get("/health").json(), lambda h: h["queue_length"] == 0, seconds)
