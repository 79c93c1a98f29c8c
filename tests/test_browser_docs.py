"""``/docs`` in a real browser: Swagger UI under its own content security policy."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import BrowserContext, expect
from running import RunningApp


def test_the_description_is_shown_by_files_of_our_own(
    context: BrowserContext, app: RunningApp, http: httpx.Client
) -> None:
    page, said, asked = context.new_page(), list[str](), list[str]()
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{app.url}/docs")
    operation = page.locator("#operations-jobs-submit_job")
    expect(operation).to_contain_text("/api/v1/jobs")
    operation.click()
    expect(operation.locator("textarea, .body-param__example").first).to_be_visible()
    page.get_by_role("button", name="Try it out").first.click()
    with page.expect_response(lambda answer: answer.request.method == "POST") as asked_for:
        page.get_by_role("button", name="Execute").first.click()
    http.delete(asked_for.value.headers["location"])
    told = operation.locator(".live-responses-table tr.response .response-col_status")
    expect(told).to_contain_text("202")
    assert said == []
    assert {url for url in asked if not url.startswith((app.url, "data:", "blob:"))} == set()


def test_its_files_may_be_kept_for_ever_and_have_another_address_when_they_change(
    http: httpx.Client,
) -> None:
    page = http.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    files = re.findall(r'(?:src|href)="(docs/[0-9a-f]{16}/[\w.-]+)"', page.text)
    assert len(files) == 3
    for file in files:
        answer = http.get(f"/{file}")
        assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
        assert "immutable" in answer.headers["cache-control"]
        plain = http.get(f"/{file}", headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
    assert http.get(f"/docs/{'0' * 16}/docs.js").status_code == 404
    assert http.get("/docs/x/..%2fpage.js").status_code == 404
    assert not re.search(r"(src|href)=['\"]?(https?:)?//", page.text)
