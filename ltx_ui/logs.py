"""How the program logs: text for people or JSON for programs, with the job that a line concerns and
without what people typed."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from pydantic import ValidationError

from ltx_ui.recipe import Recipe
from ltx_ui.settings import VISITOR, Settings

HIDDEN = "[prompt]"
"""What stands in a line for a prompt."""
_SHORTEST = 4
"""Characters of the shortest prompt that is looked for: shorter ones are parts of other words."""


@dataclass(frozen=True)
class Subject:
    """The job that lines concern.

    Attributes:
        kind: whose it is: the owner's, a user's or a visitor's.
        words: what was typed for it, which no line may have.
    """

    job: str
    kind: str
    words: tuple[str, ...]


_subject: ContextVar[Subject | None] = ContextVar("subject", default=None)


@contextmanager
def about(job: str, owner: str, recipe: Recipe, settings: Settings) -> Iterator[None]:
    """Lines that are logged in this thread meanwhile concern a job."""
    kind = "visitor" if owner.startswith(VISITOR) else "owner" if owner == "local" else "user"
    words = () if settings.log_prompts else (recipe.prompt, recipe.negative_prompt)
    token = _subject.set(Subject(job, kind, tuple(w for w in words if len(w) >= _SHORTEST)))
    try:
        yield
    finally:
        _subject.reset(token)


class _Discreet(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802
        """A traceback, without the values that pydantic found wrong; part of the formatter's
        interface."""
        error = ei[1]
        if not isinstance(error, ValidationError):
            return super().formatException(ei)
        frames = "".join(traceback.format_tb(error.__traceback__))
        wrong = (f"{each['loc']} {each['type']}" for each in error.errors(include_input=False))
        return f"{frames}ValidationError of {error.title}: {', '.join(wrong)}"


class Text(_Discreet):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line without a traceback; part of the formatter's interface."""
        line, subject = super().formatMessage(record), _subject.get()
        return f"{line} (job {subject.job})" if subject and subject.job not in line else line

    def format(self, record: logging.LogRecord) -> str:
        """The line; part of the formatter's interface."""
        return _without_words(super().format(record))


class Json(_Discreet):
    """One object a line: ``time``, ``level``, ``logger``, ``message`` and, where they are known,
    ``job``, ``owner`` (owner, user or visitor) and ``error``, a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; part of the formatter's interface."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _without_words(record.getMessage()),
        }
        if subject := _subject.get():
            told |= {"job": subject.job, "owner": subject.kind}
        elif job := getattr(record, "job", None):
            told["job"] = job
        if record.exc_info:
            told["error"] = _without_words(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False)


def log_as(settings: Settings) -> None:
    """Log to the error stream as the settings want it."""
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler(settings, sys.stderr)])
    if settings.log_level != "debug":
        # That a server starts is nobody's news; its address is printed.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def announcer(settings: Settings) -> Callable[[str], None]:
    """Prints to the output what an operator is told at the start, such as addresses: as sentences,
    or as objects with the fields of a line of the log."""

    def announce(sentence: str) -> None:
        if settings.log_format == "json":
            told = logging.LogRecord("ltx_ui", logging.INFO, "", 0, sentence, None, None)
            sentence = Json().format(told)
        print(sentence, flush=True)

    return announce


def handler(settings: Settings, stream: TextIO) -> logging.Handler:
    """Writes lines as the settings want them."""
    writes = logging.StreamHandler(stream)
    writes.setFormatter(Json() if settings.log_format == "json" else Text())
    if not settings.log_prompts:
        # What other libraries tell in detail is what passes through them, in any encoding.
        writes.addFilter(lambda line: line.levelno > logging.DEBUG or _is_ours(line.name))
    return writes


def _is_ours(logger: str) -> bool:
    return logger.partition(".")[0] == "ltx_ui"


def _without_words(line: str) -> str:
    subject = _subject.get()
    for words in subject.words if subject else ():
        # A library may show them as a literal, and a file's title has them on one line.
        for shown in {words, repr(words)[1:-1], json.dumps(words)[1:-1], " ".join(words.split())}:
            line = line.replace(shown, HIDDEN)
    return line
