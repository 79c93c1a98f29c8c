"""``a {red|blue} ball`` stands for two prompts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from ltx_ui.errors import InvalidRecipe

MOST_ALTERNATIVES = 16
_COUNTED = 1000
"""From here on nobody is told how many there are: it may be a number of a thousand digits."""

_SIGNS = re.compile("[{|}]")
_TOKEN = re.compile(r"\\[{|}]|.", re.DOTALL)


@dataclass(frozen=True)
class _Part:
    """A piece of a prompt: in how many ways it can be written, and those, as long as there are no
    more than :data:`MOST_ALTERNATIVES`."""

    count: int
    ways: list[str]


def alternatives(text: str) -> list[str]:
    r"""The prompts that a text with ``{one|another}`` stands for, each once; itself alone where it
    has none.

    Several groups multiply, the last one fastest. A choice may be empty, and may hold groups
    itself. Braces without a ``|`` between them are only braces. ``\{``, ``\|`` and ``\}`` are the
    signs themselves.

    Raises:
        InvalidRecipe: there are more than :data:`MOST_ALTERNATIVES`.
    """
    # The choices of each group that is open, the outermost first: the text itself is one of one.
    opened: list[list[list[_Part]]] = [[[]]]
    for token in _TOKEN.findall(text):
        inside = len(opened) > 1
        if token == "{":
            opened.append([[]])
        elif token == "|" and inside:
            opened[-1].append([])
        elif token == "}" and inside:
            group = opened.pop()
            opened[-1][-1] += _closed(group)
        else:
            opened[-1][-1].append(_plain(token[-1]))
    while len(opened) > 1:
        group = opened.pop()
        opened[-1][-1] += [_plain("{"), *_with_bars(group)]
    whole = _in_a_row(opened[0][0])
    if whole.count > MOST_ALTERNATIVES:
        many = str(whole.count) if whole.count < _COUNTED else f"{_COUNTED} or more"
        raise InvalidRecipe.because(
            "prompt",
            f"prompt: stands for {many} prompts with what it has in {{…|…}}; allowed are up to "
            f"{MOST_ALTERNATIVES}. Take some of the choices out.",
        )
    return list(dict.fromkeys(whole.ways))


def one_prompt(text: str) -> str:
    r"""The only prompt that a text stands for, in which ``\{`` is a brace.

    Raises:
        InvalidRecipe: it stands for several.
    """
    try:
        ways = alternatives(text)
    except InvalidRecipe:
        ways = []
    if len(ways) != 1:
        raise InvalidRecipe.because(
            "prompt",
            "prompt: stands for several prompts with its choices in braces, and a shot has one. "
            "Write one of them; a backslash before a brace lets it be one.",
        )
    return ways[0]


def as_typed(prompt: str) -> str:
    """A text that stands for this prompt alone."""
    return prompt if "{" not in prompt else _SIGNS.sub(r"\\\g<0>", prompt)


def _closed(group: list[list[_Part]]) -> list[_Part]:
    """A group whose brace was closed."""
    if len(group) == 1:
        return [_plain("{"), *group[0], _plain("}")]
    choices = [_in_a_row(choice) for choice in group]
    return [
        _part(sum(each.count for each in choices), lambda: [w for c in choices for w in c.ways])
    ]


def _in_a_row(parts: list[_Part]) -> _Part:
    every = [part.ways for part in parts]
    return _part(
        math.prod(part.count for part in parts), lambda: ["".join(one) for one in product(*every)]
    )


def _with_bars(group: list[list[_Part]]) -> list[_Part]:
    """What stands in a group that was never closed, as it was written."""
    first, *others = group
    return [*first, *(part for choice in others for part in (_plain("|"), *choice))]


def _part(count: int, ways: Callable[[], list[str]]) -> _Part:
    return _Part(count, ways() if count <= MOST_ALTERNATIVES else [])


def _plain(sign: str) -> _Part:
    return _Part(1, [sign])
