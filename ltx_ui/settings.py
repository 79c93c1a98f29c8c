"""What an operator may set: flags of ``ltx-ui`` and of ``app.py``, each also as ``LTX_UI_…``."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ltx_ui import home
from ltx_ui.lossy import SHARE, THRESHOLD, parse_lossy

LOCAL = "local"
"""The owner of everything that is made at the machine."""
GUEST = "guest"
"""Name to sign in with on a public link for which no password was chosen. Everybody who does is a
visitor of their own."""
VISITOR = "visitor-"
"""What the names of visitors begin with, to whom no name was given; nobody else's does."""

SECRETS = frozenset({"auth", "database"})
"""The settings that may hold passwords, which are never shown."""


class DatabaseUrl(SecretStr):
    """A database's URL, which may hold a password."""


class Settings(BaseSettings):
    """LTX-2 Studio: make clips with sound in the browser. Each option can also be set in the
    environment, as LTX_UI_PORT for --port, or in a TOML file, as port = 8000."""

    model_config = SettingsConfigDict(
        env_prefix="LTX_UI_",
        extra="forbid",
        frozen=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(7860, ge=1, le=65535, description="Port to listen on.")
    data_dir: Path = Field(
        home.data_dir(), description="Takes, models and caches; nothing is written elsewhere."
    )
    config: Path | None = Field(
        None,
        description="TOML file with settings; none: config.toml in the data folder or, if there is "
        "none, in the user's folder for configuration. Flags and the environment come first.",
    )
    database: DatabaseUrl | None = Field(
        None,
        description="postgresql://USER:PASSWORD@HOST:PORT/NAME of a PostgreSQL database for the "
        "library, which several processes may share; none: an SQLite file in the data folder. "
        "Needs psycopg.",
    )
    presets: Path = Field(
        home.presets_file(),
        description="JSON file with the page's choices and texts; edit it, or a copy.",
    )
    lora_dir: Path | None = Field(
        None,
        description="Folder with LoRAs as safetensors files; none: loras in the data folder.",
    )
    model: str = Field(
        "auto",
        min_length=1,
        description="auto, demo, ltx-2, or any diffusers repo or folder. "
        "auto: LTX-2 where a CUDA device, memory and disk suffice, the demo model otherwise.",
    )
    device: str = Field(
        "auto",
        description="auto, cpu or cuda:N. auto: the CUDA device with the most free memory, the CPU "
        "where there is none. Apple's and Intel's GPUs (mps, xpu) are not supported yet.",
    )
    placement: Literal["auto", "resident", "free-text", "fp8", "fp8-streamed", "offload"] = Field(
        "auto",
        description="Where the weights live. auto chooses by free memory; from the fastest to the "
        "thriftiest: resident, free-text, fp8 and fp8-streamed (not exact), offload.",
    )
    quantize: Literal["none", "text", "all"] = Field(
        "none",
        description="What is kept in 4 bits, for less memory: the text encoder (text), which "
        "hardly changes the picture, or the transformer as well (all). Needs bitsandbytes.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="What models compute in. auto: bfloat16 on CUDA, float32 on the CPU. bfloat16 "
        "is faster on CPUs that have it (avx512_bf16, amx), much slower on others.",
    )
    compile: Literal["on", "off"] = Field(
        "off",
        description="Compile the transformer while no clip is made: steps up to 5 % faster on "
        "CUDA once that is done, and clips that differ slightly from those made before.",
    )
    attention: Literal[
        "auto", "native", "flash", "cudnn", "efficient", "flash-attn", "flash-attn-3", "sage"
    ] = Field(
        "auto",
        description="What computes attention. auto: on CUDA the fastest exact kernel, timed once; "
        "native: what torch chooses; sage is lossy. The last three need their packages.",
    )
    lossy: str = Field(
        "",
        description="Speed that changes the picture, separated by commas: fp8-matmul, "
        f"skip-guidance=SHARE (of the steps, then no guidance; {SHARE}), step-cache=THRESHOLD "
        f"({THRESHOLD}). Takes say that they were made with it.",
    )
    workers: str = Field(
        "1",
        pattern=r"^(auto|[1-9]\d{0,3})$",
        description="Processes that make clips at once, a GPU for each; auto: as many as there are "
        "GPUs. 1: the studio's own process. More need Ray: pip install 'ltx-2-studio[ray]'.",
    )
    ray_address: str | None = Field(
        None,
        pattern=r"^(auto|[^\s/:]+:\d+)$",
        description="The Ray cluster whose machines make the clips: auto for the one that this "
        "machine is part of, or HOST:PORT of its head; none: Ray on this machine alone.",
    )
    share: bool = Field(False, description="Make a public link (Gradio's tunnel) with a password.")
    auth: Annotated[SecretStr | None, NoDecode] = Field(
        None, description="NAME:PASSWORD that visitors must give."
    )
    visitors: Literal["on", "off"] = Field(
        "on",
        description="Who may come in without a name. off: the owner, named users and who has a "
        "link to a take, nobody else.",
    )
    trusted_proxy: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks of proxies that are believed about who asks, separated "
        "by commas; none: this machine's, where --share or --allowed-host says that one may be "
        "there.",
    )
    user_header: str | None = Field(
        None,
        description="Header in which a proxy names who has signed in there, such as "
        "X-Forwarded-User. Needs --trusted-proxy.",
    )
    allowed_host: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names, besides this machine's own addresses, under which the page may be "
        "opened, separated by commas; for a reverse proxy.",
    )
    root_path: str = Field(
        "",
        description="Where below its host a reverse proxy has the page, as /studio, whether the "
        "proxy strips that or not.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is logged."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Lines for people, or an object a line for programs."
    )
    log_prompts: bool = Field(
        False, description="Let prompts stand in the log, which has none otherwise."
    )
    access_log: bool = Field(
        False, description="Log each answer: method, path without what is sought, status, time."
    )
    on_stop: Literal["hand-back", "finish"] = Field(
        "hand-back",
        description="What a signal to stop does with the clip that is being made. hand-back: it is "
        "made anew by the next start; finish: it is finished first, and no other one is begun. A "
        "second signal ends at once.",
    )
    stop_seconds: float = Field(
        600.0, gt=0, description="Seconds that finishing may take; then the clip is handed back."
    )
    max_queue: int = Field(20, ge=1, le=10_000, description="Clips that may wait at once.")
    max_volume: int = Field(
        1280 * 704 * 257, ge=128 * 128 * 9, description="Most width × height × frames of a clip."
    )
    keep_days: int | None = Field(
        None, ge=1, description="Delete takes that are no favourites after so many days."
    )
    keep_gb: float | None = Field(
        None,
        gt=0,
        description="Delete the oldest takes that are no favourites while all of them together "
        "need more, in GB.",
    )
    keep_drafts_days: int = Field(
        7,
        ge=0,
        description="Delete drafts of contact sheets that nobody kept after so many days; 0: only "
        "when there are many newer ones.",
    )
    max_image_mb: float = Field(50.0, gt=0, description="Largest picture, sound or film, in MB.")
    visitor_volume: int = Field(
        768 * 512 * 121,
        ge=128 * 128 * 9,
        description="Most width × height × frames of a visitor's clip. Visitors are all who come "
        "without a password from beyond this machine, or by the public link.",
    )
    visitor_steps: int = Field(50, ge=1, le=100, description="Most steps of a visitor's clip.")
    visitor_clips: int = Field(
        16, ge=1, le=1000, description="Clips that one visitor may have on the way at once."
    )
    visitor_minutes: float = Field(
        60.0, gt=0, description="Minutes in a day that the studio works for one visitor."
    )
    max_import_gb: float = Field(20.0, gt=0, description="Largest zip of clips, in GB.")

    @field_validator("database")
    @classmethod
    def _of_postgres(cls, database: DatabaseUrl | None) -> DatabaseUrl | None:
        if database is None:
            return None
        scheme, there, rest = database.get_secret_value().partition("://")
        if not there or scheme not in ("postgresql", "postgres"):
            raise ValueError("must look like postgresql://USER:PASSWORD@HOST:PORT/NAME")
        return DatabaseUrl(f"postgresql://{rest}")

    @field_validator("allowed_host", "trusted_proxy", mode="before")
    @classmethod
    def _names(cls, given: object) -> object:
        parts = [given] if isinstance(given, str) else given
        if not isinstance(parts, list | tuple):
            return given
        names = (name.strip() for part in parts for name in str(part).split(","))
        return tuple(name for name in names if name)

    @field_validator("trusted_proxy")
    @classmethod
    def _of_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            try:
                ipaddress.ip_network(each)
            except ValueError:
                raise ValueError(
                    "must be addresses or networks such as 10.0.0.2 or 10.0.0.0/24"
                ) from None
        return given

    @field_validator("user_header")
    @classmethod
    def _of_a_proxy(cls, header: str | None, info: ValidationInfo) -> str | None:
        if header is None:
            return None
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", header):
            raise ValueError("must be the name of a header, such as X-Forwarded-User")
        if not info.data.get("trusted_proxy"):
            raise ValueError("needs --trusted-proxy, the address of the proxy that sends it")
        return header.lower()

    @field_validator("root_path")
    @classmethod
    def _of_an_address(cls, root_path: str) -> str:
        if not re.fullmatch(r"(/[\w~-][\w.~-]*)*", root_path, re.ASCII):
            raise ValueError("must look like /studio, without a slash at its end")
        return root_path

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
            raise ValueError(
                "must be auto, cpu or cuda:N; LTX-2 Studio does not run on Apple's (mps) and "
                "Intel's (xpu) GPUs yet"
            )
        return device

    @field_validator("quantize")
    @classmethod
    def _quantized_once(cls, quantize: str, info: ValidationInfo) -> str:
        placement = info.data.get("placement", "auto")
        if quantize == "all" and placement.startswith("fp8"):
            raise ValueError(
                f"can't keep the transformer in 4 bits, because --placement {placement} keeps it "
                "in 8; use text, or another placement"
            )
        return quantize

    @field_validator("lossy")
    @classmethod
    def _known_lossy(cls, lossy: str, info: ValidationInfo) -> str:
        found = parse_lossy(lossy)
        if found.fp8_matmul and info.data.get("quantize") == "all":
            raise ValueError(
                "can't have fp8-matmul with --quantize all, which keeps the same weights in 4 "
                "bits; use one of them"
            )
        placement = info.data.get("placement", "auto")
        whole = found.fp8_matmul or found.step_cache is not None
        if whole and placement in ("fp8-streamed", "offload"):
            raise ValueError(
                f"can only be skip-guidance with --placement {placement}, where the blocks' "
                "weights come and go"
            )
        return ",".join(found.names)

    @field_validator("auth")
    @classmethod
    def _name_and_password(cls, auth: SecretStr | None) -> SecretStr | None:
        if auth is not None:
            name, colon, password = auth.get_secret_value().partition(":")
            if not (name and colon and password):
                raise ValueError("must look like NAME:PASSWORD")
            if name.startswith(VISITOR) or name == LOCAL:
                raise ValueError("needs another name: the studio calls others by this one")
        return auth

    @property
    def credentials(self) -> tuple[str, str] | None:
        """Name and password, where visitors must give them."""
        if self.auth is None:
            return None
        name, _, password = self.auth.get_secret_value().partition(":")
        return name, password

    @property
    def takes_dir(self) -> Path:
        """mp4 files and posters, under random names."""
        return self.data_dir / "takes"

    @property
    def references_dir(self) -> Path:
        """Reference images that recipes name by digest."""
        return self.data_dir / "references"

    @property
    def models_dir(self) -> Path:
        """Downloaded models."""
        return self.data_dir / "models"

    @property
    def loras_dir(self) -> Path:
        """LoRAs that recipes name."""
        return self.lora_dir or self.data_dir / "loras"

    @property
    def cache_dir(self) -> Path:
        """What may be deleted at any time."""
        return self.data_dir / "cache"

    @property
    def library(self) -> Path | str:
        """The library's SQLite file, or the URL of its PostgreSQL database, with the password."""
        if self.database is not None:
            return self.database.get_secret_value()
        return self.library_file

    @property
    def library_file(self) -> Path:
        """Where the library is while no database is given."""
        return self.data_dir / "library.sqlite3"
