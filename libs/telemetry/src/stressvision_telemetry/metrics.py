"""How a process shows its metrics to Prometheus. Names begin with `stressvision_`, labels come from closed sets."""

from collections.abc import Callable
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Gauge,
    generate_latest,
    start_http_server,
)

PREFIX = "stressvision"


def expose(port: int, address: str = "127.0.0.1") -> Callable[[], None]:
    """Serve `/metrics` of this process from a thread of its own; the returned function stops it."""
    server: WSGIServer
    thread: Thread
    server, thread = start_http_server(port, address)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def render(registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """The exposition text and its content type, for services that answer HTTP anyway."""
    return generate_latest(registry), CONTENT_TYPE_LATEST


def set_build_info(component: str, version: str) -> None:
    """Publish which version of `component` runs, as a gauge that is always 1."""
    BUILD_INFO.labels(component=component, version=version).set(1)


BUILD_INFO = Gauge(f"{PREFIX}_build_info", "Always 1; the labels say what runs", ["component", "version"])
