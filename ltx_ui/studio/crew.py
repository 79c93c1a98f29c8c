"""Where engines run: one in this process, or several, each in a process that Ray keeps."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ltx_ui.errors import ModelUnavailable, SettingsError
from ltx_ui.settings import Settings
from ltx_ui.studio.engines import EngineChoice
from ltx_ui.studio.maker import MakerDied

if TYPE_CHECKING:
    from ltx_ui.studio.maker import LoadableMaker

MISSING = (
    "--workers and --ray-address need Ray, which is not installed. Install it with "
    "pip install 'ltx-2-studio[ray]' (or pip install ray), or leave them out."
)
CHECK_SECONDS = 2.0
"""Between two looks at whether Ray is still there."""
STORE_BYTES = 2**30
"""Of the memory through which Ray hands clips over on this machine: several of the largest."""
_QUIET: Mapping[str, Any] = {"log_to_driver": False, "configure_logging": False}

_log = logging.getLogger(__name__)


def _nothing() -> None:
    """Nothing has to be looked at."""


class Crew:
    """Makes engines. Nothing of Ray is imported unless the settings ask for it.

    Raises:
        SettingsError: they do, and it is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.remote = settings.workers != "1" or settings.ray_address is not None
        if self.remote and find_spec("ray") is None:
            raise SettingsError(MISSING)
        self._lock = threading.Lock()
        # Linux ends Ray's processes with the thread that has started them, as Ray asks it to.
        self._starter = ThreadPoolExecutor(1, "ray")
        self._open = self._on_gpus = False
        self._checked_at = 0.0

    def engine(self, choice: EngineChoice, check: Callable[[], None] = _nothing) -> LoadableMaker:
        """A new engine, whose model is not loaded yet.

        Args:
            check: called now and then while Ray makes a process for it ready; what it raises passes
                through.

        Raises:
            ModelUnavailable: as :meth:`EngineChoice.make`.
            MakerDied: Ray could not start a process for it, or that ended.
        """
        return self._in_rays_process(choice, check) if self.remote else choice.make()

    def end(self, engine: LoadableMaker) -> None:
        """End an engine's process, if it has one of its own."""
        if self.remote:
            from ltx_ui.studio.ray_engine import RayEngine

            if isinstance(engine, RayEngine):
                engine.end()

    def count(self) -> int:
        """How many engines there are to be.

        Raises:
            ModelUnavailable: Ray could not be started, or has no GPUs to count.
        """
        if not self.remote:
            return 1
        self.open()
        gpus = self._gpus()
        if self._settings.workers == "auto":
            if not gpus:
                raise ModelUnavailable(
                    "--workers auto takes a worker for each GPU, and Ray sees none here. Say how "
                    "many there are to be, such as --workers 2."
                )
            return gpus
        asked = int(self._settings.workers)
        self.check(asked)
        return asked

    def check(self, count: int) -> None:
        """Hold a number of engines to the GPUs that there are.

        Raises:
            ModelUnavailable: there are fewer, and no cluster could have more.
        """
        gpus = self._gpus()
        if gpus and count > gpus and self._settings.ray_address is None:
            raise ModelUnavailable(
                f"{count} workers need as many GPUs, and this machine has {gpus}. Use --workers "
                "auto, or a cluster with --ray-address."
            )

    def open(self) -> None:
        """Start Ray, or join the one that runs; does nothing if that was done.

        Raises:
            ModelUnavailable: it could not be done.
        """
        with self._lock:
            if self._open:
                return
            try:
                self._starter.submit(self._init).result()
            except Exception as error:  # Of many kinds.
                _log.exception("Ray could not be started")
                raise ModelUnavailable(
                    f"Ray could not be started: {error}. The log has more; without --workers and "
                    "--ray-address clips are made in the studio's own process."
                ) from error
            self._open = True

    def _init(self) -> None:
        import ray  # sets its logger's level

        # It tells that it was not started by the main thread, which nobody can act on.
        logging.getLogger("ray").setLevel(logging.ERROR)
        address = self._settings.ray_address
        if address is not None:
            ray.init(address=address, **_QUIET)
        elif not ray.is_initialized():
            # Not a cluster that somebody has started on this machine, nor one of the environment.
            most = STORE_BYTES
            ray.init("local", include_dashboard=False, object_store_memory=most, **_QUIET)

    def revive(self) -> None:
        """Start or join Ray anew if none of its machines answers any more.

        Raises:
            ModelUnavailable: as :meth:`open`.
        """
        import ray

        with self._lock:
            if self._open and not self._lives():
                ray.shutdown()
                self._open = False
        self.open()

    def close(self) -> None:
        """End all engines in Ray's processes."""
        with self._lock:
            if self._open:
                import ray

                ray.shutdown()
                self._open = False

    def _gpus(self) -> int:
        import ray

        return int(_untyped(ray.cluster_resources)().get("GPU", 0))

    def _in_rays_process(self, choice: EngineChoice, check: Callable[[], None]) -> LoadableMaker:
        import ray

        from ltx_ui.studio.engine_actor import EngineActor
        from ltx_ui.studio.ray_engine import BESIDE, RayEngine

        self.open()
        # A cluster that grows when it is asked for a GPU may have none yet, and one whose GPUs are
        # gone gets others: never its head's processors instead.
        self._on_gpus = self._on_gpus or bool(self._gpus())
        if self._on_gpus or self._settings.device.startswith("cuda"):
            needs = {"num_gpus": 1, "num_cpus": 0}
        else:
            # Ray lets a process use as many threads as it has processors.
            needs = {"num_gpus": 0, "num_cpus": max(1, (os.cpu_count() or 1) // self.count())}
        remote: Any = ray.remote
        kind = remote(concurrency_groups={BESIDE: 2}, **needs)(EngineActor)

        def still() -> None:
            check()
            self._check()

        return RayEngine(kind.remote(choice.where_a_gpu_is_given()), still)

    def _check(self) -> None:
        """Whether there is still a machine that could answer; Ray waits for one for ever.

        Raises:
            MakerDied: there is none.
        """
        if time.monotonic() - self._checked_at > CHECK_SECONDS:
            self._checked_at = time.monotonic()
            if not self._lives():
                raise MakerDied(begun=False)

    def _lives(self) -> bool:
        import ray

        return any(node["Alive"] for node in _untyped(ray.nodes)())


def _untyped(function: Any) -> Any:
    """A function of Ray's that has no types."""
    return function
