"""Makes clips with a studio that runs already, over its API."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from ltx_ui.commands.making import POLL_SECONDS, Unmade
from ltx_ui.commands.progress import STAGES, Display
from ltx_ui.commands.stopping import pause
from ltx_ui.commands.wanted import Wanted
from ltx_ui.errors import Cancelled, InvalidRecipe, SettingsError, StudioError
from ltx_ui.media.files import whole

TOKEN = "LTX_UI_TOKEN"
"""The environment variable with a token, for a studio that asks who comes."""
ANSWER_SECONDS = 60.0
_FULL = (429, 503)


class There:
    """Makes clips with the studio at an address, and takes its place in that one's queue.

    Raises:
        SettingsError: what only a process of its own can do is asked for.
    """

    def __init__(self, address: str, owner: str, *, keep: bool) -> None:
        if owner != "local" or not keep:
            raise SettingsError(
                f"The studio at {address} has this data folder, and keeps each clip for who sends "
                "it: leave --owner and --no-keep out, close that studio, or choose another folder "
                "with --data-dir."
            )
        token = os.environ.get(TOKEN)
        self._address = address
        self._client = httpx2.Client(
            base_url=address,
            timeout=ANSWER_SECONDS,
            trust_env=False,
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )

    def make(self, wanted: Wanted, files: Sequence[Path], display: Display) -> None:
        """Implements :class:`~ltx_ui.commands.making.Maker`."""
        try:
            job = self._submitted(wanted, display)
            try:
                takes = self._followed(job, display)
            except KeyboardInterrupt:
                self._client.delete(f"/jobs/{job}")
                raise
            for take, file in zip(takes, files, strict=True):
                self._fetch(take, file)
        except httpx2.HTTPError as error:
            raise StudioError(
                f"The studio at {self._address}, which has this data folder, does not answer "
                f"({error}). Start it again, or close it."
            ) from None

    def close(self) -> None:
        """Implements :class:`~ltx_ui.commands.making.Maker`."""
        self._client.close()

    def _submitted(self, wanted: Wanted, display: Display) -> str:
        while True:
            answer = self._client.post("/jobs", json=dict(wanted.data))
            if answer.status_code not in _FULL or "retry-after" not in answer.headers:
                return str(self._read(answer)["id"])
            display.tell(f"The queue of the studio at {self._address} is full")
            pause(float(answer.headers["retry-after"]))

    def _followed(self, job: str, display: Display) -> list[str]:
        """The ids of a job's takes, once it is done."""
        while True:
            seen = self._read(self._client.get(f"/jobs/{job}"))
            match seen["state"]:
                case "queued":
                    display.tell(f"Waiting in the queue of {self._address}", str(seen["place"]))
                case "running":
                    detail = f"{seen['step']}/{seen['steps']}" if seen["steps"] else ""
                    words = STAGES[seen["stage"]]
                    display.tell(words, detail, seen["fraction"], seen["seconds_left"])
                case "done":
                    return list(seen["takes"])
                case "failed":
                    raise Unmade(seen["message"])
                case "cancelled":
                    raise Cancelled
            pause(POLL_SECONDS)

    def _fetch(self, take: str, file: Path) -> None:
        with whole(file) as target, self._client.stream("GET", f"/takes/{take}.mp4") as answer:
            if answer.status_code != 200:
                answer.read()
                self._read(answer)
            with target.open("wb") as written:
                for piece in answer.iter_bytes():
                    written.write(piece)

    def _read(self, answer: httpx2.Response) -> dict[str, Any]:
        """An answer's JSON.

        Raises:
            InvalidRecipe, StudioError: it is a refusal.
        """
        if answer.is_success:
            return dict(answer.json())
        told = answer.json().get("detail", answer.reason_phrase) if answer.content else ""
        if isinstance(told, list):  # One for each field.
            told = " ".join(str(each["msg"]) for each in told)
        if answer.status_code == 422:
            raise InvalidRecipe.because("recipe", str(told))
        if answer.status_code in (401, 403):
            told = f"{told} ltx-ui token makes a token; give it in {TOKEN}."
        raise StudioError(f"The studio at {self._address} refuses: {told}")
