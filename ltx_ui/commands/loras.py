"""``ltx-ui lora``: LoRAs into the studio's folder, and what lies there."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from ltx_ui.commands.verbs import carry_out, parser_for
from ltx_ui.errors import StudioError
from ltx_ui.settings import Settings
from ltx_ui.studio.lora_folder import LoraFolder


def run(argv: Sequence[str], program: str) -> int:
    """Carry out the command with :func:`~ltx_ui.commands.verbs.carry_out`.

    Args:
        argv: the command, what it is to do, and the studio's own flags.
    """
    return carry_out(_parser(program), argv[1:], program)


def _parser(program: str) -> ArgumentParser:
    parser = parser_for("lora", program)
    verbs = parser.add_subparsers(required=True, metavar="add | list")
    says = "download a LoRA from a repo on Hugging Face"
    add = verbs.add_parser("add", help=says, description=says, allow_abbrev=False)
    add.add_argument("repo", metavar="OWNER/REPO")
    add.add_argument("--file", help="which of its safetensors files, where it has several")
    add.set_defaults(does=_add)
    says = "print what lies in the folder"
    verbs.add_parser("list", help=says, description=says, allow_abbrev=False).set_defaults(
        does=_list
    )
    return parser


def _add(asked: Namespace, settings: Settings) -> None:
    from ltx_ui.engine.downloading_loras import download

    def report(message: str, fraction: float | None) -> None:
        print(message, file=sys.stderr)

    name = download(asked.repo, settings.loras_dir, report, asked.file)
    lora = next((lora for lora in _folder(settings).all() if lora.name == name), None)
    if lora is not None and lora.why_not:
        raise StudioError(f"{asked.repo} was downloaded, but {lora.why_not}")
    print(f"{name} is in {settings.loras_dir}. Recipes may name it from now on.")


def _list(asked: Namespace, settings: Settings) -> None:
    found = _folder(settings).all()
    for lora in found:
        told = f"rank {lora.rank}, {lora.bytes / 1e6:.0f} MB"
        print(f"{lora.name}: {lora.why_not or told}")
    if not found:
        print(f"There is none in {settings.loras_dir}.")


def _folder(settings: Settings) -> LoraFolder:
    return LoraFolder(settings.loras_dir, settings.cache_dir / "loras.json")
