"""The versioned API against its own description, by requests that schemathesis makes up."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import httpx
from running import RunningApp
from sources import ROOT
from v1 import PROBLEM

from ltx_ui.inputs import FILMS
from ltx_ui.request import parse_recipe
from ltx_ui.web.api_v1.schemas import recipe

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)


def test_every_answer_is_as_it_is_described(
    app: RunningApp, ada: httpx.Client, tmp_path: Path
) -> None:
    # What waits is not begun, so that a request costs the answer and no clip.
    ada.patch("/api/v1/queue", json={"paused": True})
    cookie = "; ".join(f"{name}={value}" for name, value in ada.cookies.items())
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{app.url}/openapi.json"]
    command += ["--include-path-regex", "^/api/v1/", "--exclude-path", "/api/v1/queue"]
    command += ["-H", f"X-Forwarded-For: {ada.headers['x-forwarded-for']}"]
    command += ["-H", f"Cookie: {cookie}", "--checks", ",".join(CHECKS)]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "3"]
    command += ["--generation-deterministic", "--no-color", "--warnings", "off"]
    hooks = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(ROOT / "tests")}
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | hooks,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "No issues found" in run.stdout, run.stdout


def test_the_description_is_complete(http: httpx.Client) -> None:
    schema = http.get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert set(schema["components"]["securitySchemes"]) == {"token", "password", "cookie"}
    operations = [
        (path, operation)
        for path, methods in schema["paths"].items()
        for operation in methods.values()
        if path.startswith("/api/v1/")
    ]
    ids = [operation["operationId"] for _, operation in operations]
    assert len(ids) == len(set(ids)) > 20
    for path, operation in operations:
        assert operation["description"], path
        errors = {s: a for s, a in operation["responses"].items() if s >= "4" and s != "416"}
        assert {"401", "default"} <= set(errors), path
        assert all(list(each["content"]) == [PROBLEM] for each in errors.values()), path


def test_a_recipe_with_all_it_may_name_is_written_without_a_warning() -> None:
    digest = "sha256:" + "1" * 64
    named = {"loras": [{"name": "x"}], "keyframes": [{"image": digest, "frame": 3}]}
    for film in FILMS:
        asked = parse_recipe({"prompt": "a cat", film: {"video": digest}, **named})
        with warnings.catch_warnings(action="error"):
            told = recipe(asked).model_dump(mode="json")
        assert told[film]["video"] == digest
    assert (told["loras"][0]["name"], told["keyframes"][0]["frame"]) == ("x", 3)


def test_the_examples_are_the_best_practices_and_can_be_sent(http: httpx.Client, take: str) -> None:
    schema = http.get("/openapi.json").json()
    for path in ("/api/v1/jobs", "/jobs", "/generate"):
        body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert len(body["examples"]) >= 8
    for example in body["examples"].values():
        films = {"extend": {"take": take}, "retake": {"take": take, "end_frame": 8}}
        films["picture_of"] = {"take": take}
        known = {name: film for name, film in films.items() if name in example["value"]}
        answer = http.post("/api/v1/jobs", json=example["value"] | known)
        assert answer.status_code == 202, answer.text
        http.delete(answer.headers["location"])
