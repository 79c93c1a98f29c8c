"""What each family's authors published, as data: ``published/*.json``.

Each file names its source, and says under ``assumed`` which of its figures no source gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hub import Repo

from ltx_ui.engine.checkpoint import needed_files, part_of
from ltx_ui.engine.models import CARDS, ModelCard

FOLDER = Path(__file__).with_name("published")
REPOS = {"ltx-2.5-full": "ltx-2.5"}
"""Cards whose repo is listed under another card's name."""


@dataclass(frozen=True)
class Published:
    """A repo's listing.

    Attributes:
        files: bytes by path.
        indexes: by their path, the names of the files that they name.
        elements: numbers of each safetensors dtype by folder, and of the ``distilled_lora``.
    """

    files: Mapping[str, int]
    indexes: Mapping[str, list[str]]
    elements: Mapping[str, Mapping[str, int]]

    def read(self, path: str) -> dict[str, Any]:
        """An index as the libraries read it."""
        return {"weight_map": {f"layer.{i}": name for i, name in enumerate(self.indexes[path])}}

    def repo(self, card: ModelCard) -> Repo:
        """The listing as a repo whose weights are their headers."""
        weights = [p for p in needed_files(self.files, card, self.read) if p.endswith("tensors")]

        def content(path: str) -> bytes:
            if path in self.indexes:
                return json.dumps(self.read(path)).encode()
            if not path.endswith(".safetensors"):
                return b"{}"
            part = part_of(path, card)
            shards = [other for other in weights if part_of(other, card) == part]
            stored = self.elements[card.transformer_subfolder if part == "transformer" else part]
            return _header(stored if path == shards[0] else {})

        return Repo(self.files, content)


@cache
def published(card_id: str) -> Published:
    """The listing of a known card's repo."""
    file = FOLDER / f"{REPOS.get(card_id, card_id)}.json"
    data = json.loads(file.read_text("utf-8"))
    assert data["repo"] == CARDS[card_id].source
    return Published(data["files"], data["indexes"], data["elements"])


def _header(elements: Mapping[str, int]) -> bytes:
    size = {"F32": 4, "BF16": 2}
    tensors, at = {}, 0
    for dtype, count in elements.items():
        end = at + count * size[dtype]
        tensors[dtype] = {"dtype": dtype, "shape": [count], "data_offsets": [at, end]}
        at = end
    header = json.dumps(tensors).encode()
    return len(header).to_bytes(8, "little") + header
