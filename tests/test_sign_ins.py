"""Who has signed in stays so over a restart, until they sign out or their password is another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from running import free_port
from serving import PROXY, served

from ltx_ui.studio.database import Database
from ltx_ui.studio.sign_ins import LASTS, MOST, SignedIn, SignIns
from ltx_ui.studio.tables import SignInRow

PASSWORD = "correct horse"


def test_a_restart_signs_nobody_out_but_who_has_another_password(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"port": free_port(), "trusted_proxy": PROXY}
    kept: dict[str, dict[str, str]] = {}

    def who(url: str) -> dict[str, int]:
        return {
            name: httpx.get(f"{url}/api/v1/takes", cookies=cookies).status_code
            for name, cookies in kept.items()
        }

    with served(tmp_path, auth="ada:secret", **settings) as home:
        home.studio.users.add("bob", PASSWORD)
        people = {"ada": "secret", "bob": PASSWORD, "gone": PASSWORD}
        for number, (name, password) in enumerate(people.items()):
            form = {"username": name.replace("gone", "bob"), "password": password}
            with home.browser(number) as client:
                assert client.post("/login", data=form).status_code == 303
                kept[name] = dict(client.cookies)
                if name == "gone":
                    assert client.post("/logout").status_code == 303
        assert who(home.page.url) == {"ada": 200, "bob": 200, "gone": 401}
    with served(tmp_path, auth="ada:another", **settings) as home:
        assert who(home.page.url) == {"ada": 401, "bob": 200, "gone": 401}


def test_a_sign_in_ends_in_all_processes_and_by_itself(tmp_path: Path) -> None:
    database = Database(tmp_path / "library.sqlite")
    now = [100.0]
    one, other = SignIns(database), SignIns(database, lambda: now[0])
    ada = SignedIn("ada", "1")
    token = one.open(ada)
    assert (other.lately(token), other.who(token), other.lately(token)) == (None, ada, ada)
    one.close(token)
    assert other.lately(token) == ada
    now[0] += 10
    assert (other.lately(token), other.who(token)) == (None, None)
    token = one.open(ada)
    with database.session() as session:
        for row in session.query(SignInRow):
            row.expires_at -= LASTS
    assert other.who(token) is None
    first, *_ = [one.open(ada) for _ in range(MOST + 1)]
    assert other.who(first) is None
    with database.reading() as session:
        assert session.query(SignInRow).count() == MOST
    database.close()
