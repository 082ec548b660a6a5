"""Metrics and logs. Labels are words of ours; client text never comes near either."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import Counter, Histogram

from service.core import Load

REQUESTS = Counter("privity_requests", "HTTP requests", ["method", "route", "status"])
QUESTIONS = Counter(
    "privity_questions", "Questions by outcome: answered, refused, plain, stopped, failed", ["outcome"]
)
FIRST_WORD = Histogram(
    "privity_first_word_seconds",
    "Seconds from a question to the first words of its answer",
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
)
TOKENS = Counter("privity_tokens", "Tokens, by kind: prompt, cached, completion", ["kind"])

ADAPTER_ANSWERS = Counter(
    "privity_adapter_answers", "Answers by the kind of what wrote them: base, adapter", ["kind"]
)

FINE_TUNES = Counter(
    "privity_fine_tunes", "Fine-tunes by outcome: trained, stopped, failed, published, declined", ["outcome"]
)
FINE_TUNE_PAUSED = Counter(
    "privity_fine_tune_paused_seconds", "Seconds that a fine-tune was held up while people were answered"
)

GAUGES = {
    "privity_running": "Questions being generated",
    "privity_waiting": "Questions in the engine's queue",
    "privity_adapters_resident": "Adapters in the engine's memory",
    "privity_adapter_bytes": "Bytes of adapters in the engine's memory",
    "privity_fine_tunes_waiting": "Fine-tunes in line",
    "privity_fine_tunes_running": "Fine-tunes that the machine is busy with",
}

log = logging.getLogger("privity")

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class Requests:
    """ASGI middleware that counts requests by the route's template, never by the raw path."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.monotonic()

        async def watch(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "page" if scope["path"].startswith("/ui") else "none")
            REQUESTS.labels(scope["method"], route, status).inc()
            log.debug("%s %s %s %.3fs", scope["method"], route, status, time.monotonic() - started)


def gauges(load: Load, queued: int = 0, busy: int = 0) -> str:
    """What is true at this moment, in Prometheus' text format. `queued` and `busy` count fine-tunes."""
    values = {
        "privity_running": load.running,
        "privity_waiting": load.waiting,
        "privity_adapters_resident": load.adapters,
        "privity_adapter_bytes": load.adapter_bytes,
        "privity_fine_tunes_waiting": queued,
        "privity_fine_tunes_running": busy,
    }
    return "".join(
        f"# HELP {name} {told}\n# TYPE {name} gauge\n{name} {values[name]}\n" for name, told in GAUGES.items()
    )
