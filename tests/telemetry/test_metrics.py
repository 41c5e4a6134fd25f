import httpx
from prometheus_client import CollectorRegistry, Counter

from stressvision_telemetry.metrics import expose, render, set_build_info
from support.servers import free_port


def test_metrics_are_served_until_stopped():
    set_build_info("test", "1.2.3")
    port = free_port()
    stop = expose(port)
    try:
        body = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    finally:
        stop()
    assert 'stressvision_build_info{component="test",version="1.2.3"} 1.0' in body


def test_render_gives_the_exposition_text_of_a_registry():
    registry = CollectorRegistry()
    Counter("stressvision_things", "Things", registry=registry).inc()
    text, content_type = render(registry)
    assert b"stressvision_things_total 1.0" in text
    assert content_type.startswith("text/plain")
