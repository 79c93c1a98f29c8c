"""Files of ours under addresses with a digest of them all, packed once."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from functools import cache, cached_property

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from ltx_ui.web import encodings
from ltx_ui.web.kept_files import FOREVER
from ltx_ui.web.routing import add_get

_KINDS = {"css": "text/css", "js": "text/javascript"}


class KeptFolder:
    """Scripts and style sheets that a browser may keep for ever.

    Args:
        start: what their addresses begin with.
        read: gives their contents by their names; called at the first request.
    """

    def __init__(self, start: str, read: Callable[[], Mapping[str, bytes]]) -> None:
        self._start = start
        self._read = cache(read)
        self._packed = cache(lambda name: gzip.compress(self._read()[name], mtime=0))

    @cached_property
    def digest(self) -> str:
        """A short digest of all of them."""
        contents = b"\0".join(self._read().values())
        return hashlib.blake2b(contents, digest_size=8).hexdigest()

    @property
    def path(self) -> str:
        """What stands before a file's name in its address."""
        return f"{self._start}/{self.digest}/"

    def add_to(self, router: APIRouter) -> None:
        """Add the route to the files. Those of another version are not here."""

        def file(request: Request, digest: str, name: str) -> Response:
            if digest != self.digest or name not in self._read():
                raise HTTPException(404, "This page is of another version. Load it again.")
            headers = {"Cache-Control": FOREVER, "Vary": encodings.NAME}
            packed = encodings.encoding(request.headers, ["gzip"])
            headers |= {"Content-Encoding": packed} if packed else {}
            content = self._packed(name) if packed else self._read()[name]
            return Response(content, headers=headers, media_type=_KINDS[name.rpartition(".")[2]])

        add_get(router, f"/{self._start}/{{digest}}/{{name}}", file)
