"""What sheets of the account menu, and problems, are given, with any text in it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from studios import quick

from ltx_ui.enhancing import Suggestion
from ltx_ui.errors import LicenceToAccept
from ltx_ui.presets import Posting
from ltx_ui.recipe import Recipe
from ltx_ui.studio.guard import Limits
from ltx_ui.studio.jobs import new_job
from ltx_ui.studio.member import WorkerStatus
from ltx_ui.studio.model_change import ChangeStatus
from ltx_ui.studio.people import Person
from ltx_ui.studio.take_links import TakeLink
from ltx_ui.studio.tokens import Token
from ltx_ui.web.account import Somebody
from ltx_ui.web.public import PublicLink
from ltx_ui.web.remaking import REGIONS


def _enhanced(text: str) -> dict[str, Any]:
    return {"found": Suggestion(f"was {text}", text, 1, (text,)), "most": 9}


def _account(role: str, licence: str) -> Callable[[str], dict[str, Any]]:
    model = SimpleNamespace(licence="", licence_url="")

    def values(text: str) -> dict[str, Any]:
        told = SimpleNamespace(licence=text, licence_url=text)
        return {
            "role": role,
            "name": text,
            "signed_in": True,
            "can_sign_in": True,
            "limits": Limits(768 * 512 * 121, 50, 16, 60, 12.5) if role == "visitor" else None,
            "frames": 121,
            "size": text,
            "model": told if licence else model,
            "licence": licence,
        }

    return values


def _people(text: str) -> dict[str, Any]:
    person = Person(text, "visitor", datetime(2026, 1, 2, tzinfo=UTC), 1, 2, 3.25, False)
    public = PublicLink()
    public.open_by(lambda: text)
    job = new_job(quick(prompt=text), text, "demo", draft=False, origin=None)
    return {
        "people": [
            Somebody(text, text, person, (replace(job, id=text),)),
            Somebody(text, "", None, ()),
        ],
        "bans": {text: text, f"{text}-": text},
        "held": True,
        "public": public,
        "owner_link": text,
    }


def _closed(text: str) -> dict[str, Any]:
    public = PublicLink()
    public.open_by(lambda: text)
    public.close()
    return _people(text) | {"public": public}


def _workers(text: str) -> dict[str, Any]:
    job = replace(new_job(quick(prompt=text), text, "demo", draft=False, origin=None), id=text)
    told = WorkerStatus(1, "working", text, job, text, text, text, 2, 3)
    return {
        "workers": [told, replace(told, state="idle", job=None, deaths=0)],
        "states": {"working": "workers.working", "idle": "workers.idle"},
        "changes": {"failed": "workers.change_failed"},
        "count": 2,
        "most": 9,
        "changeable": True,
        "models": [text],
        "change": ChangeStatus(text, "failed", text),
    }


def _token(text: str) -> Token:
    ends = datetime(2026, 1, 2, tzinfo=UTC)
    return Token(text, text, text, frozenset({"make", "read"}), ends, None, ends)


def _access(text: str) -> dict[str, Any]:
    most = {"most_label": 80, "most_days": 3660}
    return {
        "tokens": [_token(text)],
        "scopes": {"make": "access.make", "read": "access.read"},
        **most,
    }


def _give(text: str) -> dict[str, Any]:
    link = TakeLink(text, text, datetime(2026, 1, 2, tzinfo=UTC), None)
    return {"take": text, "links": [(link, text)], "most_days": 3660}


def _posting(text: str) -> dict[str, Any]:
    platform = Posting(id="x", platform=text, width=720, height=1280)
    return {"take": text, "platforms": [platform], "short": {3.0: [text]}}


def _longer(text: str) -> dict[str, Any]:
    recipe = Recipe(prompt=text, seed=1)
    kept = {"negative_prompt": text}
    told = {"recipe": recipe, "name": "extend", "take": text, "kept": kept, "overlap": 17}
    return told | {"new_sound": True, "lengths": {49: 1.3}, "most": 60, "most_words": 4000}


def _remaking(text: str) -> dict[str, Any]:
    told = {"take": text, "recipe": Recipe(prompt=text, seed=1), "name": "retake", "start": 9}
    told |= {"end": 17, "sampled": 49, "regions": REGIONS, "kept": {"negative_prompt": text}}
    return told | {"most_words": 4000, "most_seed": 9}


def _revoicing(text: str) -> dict[str, Any]:
    recipe = Recipe(prompt=text, seed=1)
    told = {"take": text, "recipe": recipe, "name": "picture_of", "sound": "audio", "others": {}}
    told |= {"kept": {"negative_prompt": text}, "by_model": True, "accept": ".wav"}
    return told | {"formats": "WAV", "most_words": 4000, "most_seed": 9}


def _larger(text: str) -> dict[str, Any]:
    told = {"recipe": Recipe(prompt=text, seed=1), "name": "upscale", "film": text}
    return told | {"size": "576x1024", "problem": "", "most_words": 4000}


SHEETS = [
    ("access.html", _access),
    ("account.html", _account("user", "")),
    ("account.html", _account("visitor", "asked")),
    ("account.html", _account("visitor", "told")),
    ("give.html", _give),
    ("larger.html", _larger),
    ("larger.html", lambda text: _larger("a") | {"problem": text}),
    ("longer.html", _longer),
    ("enhance.html", lambda text: {"why": text}),
    ("enhanced.html", _enhanced),
    ("people.html", _people),
    ("people.html", _closed),
    ("posting.html", _posting),
    ("workers.html", _workers),
    ("workers.html", lambda text: _workers(text) | {"changeable": False, "change": None}),
    ("remaking.html", _remaking),
    ("revoicing.html", _revoicing),
    (
        "problem.html",
        lambda text: {"sentences": [text], "fields": [text, text], "licence": None},
    ),
    (
        "problem.html",
        lambda text: {"sentences": [], "fields": [], "licence": LicenceToAccept(text, text)},
    ),
]
"""Templates, and what makes their values of a text."""
