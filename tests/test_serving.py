"""What docs/serving.md tells to write is what the programs take."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sources import ROOT

from ltx_ui.flags import read_settings

PAGE = (ROOT / "docs" / "serving.md").read_text("utf-8")
PATHS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def block(language: str) -> str:
    """The page's block of code in a language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def run(*command: str | Path) -> None:
    """Run a program from where administrators have theirs, and see that it is content."""
    program = shutil.which(command[0], path=PATHS)
    if program is None:
        pytest.skip(f"there is no {command[0]}")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in done.stderr.lower(), done.stderr


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    wanted = ("-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=studio.example")
    run("openssl", "req", *wanted, "-keyout", key, "-out", certificate)
    server = block("nginx").replace("/etc/ssl/studio.pem", str(certificate))
    server = server.replace("/etc/ssl/studio.key", str(key))
    config = tmp_path / "nginx.conf"
    folders = "".join(
        f"{name}_temp_path {tmp_path};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {folders} {server} }}"
    )
    run("nginx", "-t", "-q", "-e", tmp_path / "errors", "-c", config)


def test_caddy_takes_its_configuration(tmp_path: Path) -> None:
    config = tmp_path / "Caddyfile"
    config.write_text(block("caddy"))
    run("caddy", "adapt", "--config", config, "--adapter", "caddyfile", "--validate")


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "ltx-studio.service"
    unit.write_text(block("systemd").replace("/opt/ltx-studio/bin/ltx-ui", "/bin/true"))
    run("systemd-analyze", "verify", unit)


def test_the_settings_are_some(tmp_path: Path) -> None:
    file = tmp_path / "ltx-studio.toml"
    file.write_text(block("toml"))
    assert read_settings(["--config", str(file)], "ltx-ui").on_stop == "finish"
