"""What monitoring asks for: ``GET /ready``, and ``GET /metrics`` for Prometheus."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui import __version__
from ltx_ui.studio.studio import Studio
from ltx_ui.web.routing import add_get

PREFIX = "ltx_ui"
_SECONDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0)
"""Bounds of the histogram of answers: a poll takes milliseconds, ``POST /generate`` minutes."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_SECRET = frozenset({"secret", "token", "key", "link"})
"""Parts of addresses that open something."""
_LONGEST_PATH = 200

_log = logging.getLogger("ltx_ui.access")


class Metrics:
    """One studio's metrics; each has a registry of its own, so that several may run in a
    process."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._registry = CollectorRegistry()
        self._answers = Histogram(
            f"{PREFIX}_http_answer_seconds",
            "Seconds until an answer was sent, by method, route and status.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(_OfStudio(studio))

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Note an answer. Routes, not addresses: ids would make a series each."""
        route = getattr(scope.get("route"), "path", "page")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._answers.labels(method, route, str(status)).observe(seconds)

    def metrics(self) -> Response:
        """All metrics, in Prometheus's text format."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def ready(self) -> JSONResponse:
        """Whether clips can be made: 200 once the model is loaded, 503 before and if it can't be.
        A load balancer asks this; /health tells whether the program works."""
        state = self._studio.model_status().state
        return JSONResponse({"state": state}, 200 if state == "ready" else 503)

    def router(self) -> APIRouter:
        """The two routes."""
        router = APIRouter(tags=["monitoring"])
        add_get(router, "/ready", self.ready)
        add_get(router, "/metrics", self.metrics)
        return router


class Measured:
    """Measures each answer, until its last byte is sent; an ASGI middleware.

    Args:
        logged: whether each answer is logged as well.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, *, logged: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._logged = logged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            # 499 is nginx's word for a client that went before there was an answer.
            status, seconds = status or 499, time.monotonic() - began
            self._metrics.answered(scope, status, seconds)
            if self._logged:
                told = (scope["method"], _path(scope), status, 1000 * seconds)
                _log.info("%s %s %d %.0f ms", *told)


def _path(scope: Scope) -> str:
    """An address for the log: without what is sought, which people typed, and without secrets."""
    if _SECRET & scope.get("path_params", {}).keys():
        return str(scope["route"].path)
    return quote(scope["path"], safe="/:@")[:_LONGEST_PATH]


class _OfStudio(Collector):
    """Reads the studio's counts each time that metrics are asked for."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def collect(self) -> Iterator[Metric]:
        """The metrics; part of the collector's interface."""
        model, done = self._studio.model_status(), self._studio.tally()
        info = GaugeMetricFamily(
            f"{PREFIX}_info",
            "Which program and model this is; always 1.",
            labels=("version", "model", "state", "device"),
        )
        info.add_metric((__version__, model.model, model.state, model.device or ""), 1)
        yield info
        waiting = GaugeMetricFamily(f"{PREFIX}_queue_length", "Jobs that wait or run.")
        waiting.add_metric((), self._studio.queue_length())
        yield waiting
        workers = GaugeMetricFamily(f"{PREFIX}_workers", "Clips that can be made at once.")
        workers.add_metric((), self._studio.workers())
        yield workers
        yield from self._of_each_worker()
        ended = CounterMetricFamily(
            f"{PREFIX}_jobs", "Jobs that have ended, by how.", labels=("state",)
        )
        for state in ("done", "failed", "cancelled"):
            ended.add_metric((state,), done.ended.get(state, 0))
        yield ended
        takes = CounterMetricFamily(f"{PREFIX}_takes", "Takes that were made and kept.")
        takes.add_metric((), done.takes)
        yield takes
        stages = CounterMetricFamily(
            f"{PREFIX}_stage_seconds", "Seconds that takes took, by stage.", labels=("stage",)
        )
        for stage, seconds in sorted(done.stage_seconds.items()):
            stages.add_metric((stage,), seconds)
        yield stages

    def _of_each_worker(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            f"{PREFIX}_worker_info",
            "Workers, and what each does; always 1.",
            labels=("worker", "state", "model", "device", "placement"),
        )
        takes = CounterMetricFamily(
            f"{PREFIX}_worker_takes", "Takes that were kept, by who made them.", labels=("worker",)
        )
        deaths = CounterMetricFamily(
            f"{PREFIX}_worker_deaths",
            "How often a worker's process ended and another one was started.",
            labels=("worker",),
        )
        for each in self._studio.each_worker():
            number, where = str(each.number), (each.device or "", each.placement or "")
            states.add_metric((number, each.state, each.model, *where), 1)
            takes.add_metric((number,), each.takes)
            deaths.add_metric((number,), each.deaths)
        yield from (states, takes, deaths)
