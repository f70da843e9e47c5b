"""
The numbers as Prometheus and OpenTelemetry see them.
"""

import pytest
from package import run
from peer import both_ends

from websockets.metrics import METRICS


async def an_echo():
    async with both_ends({"compression": None}, compression=None) as (server, client):
        await client.send("x")
        await server.recv()


async def test_prometheus_collects_them():
    prometheus_client = pytest.importorskip("prometheus_client")
    from websockets.metrics.prometheus import Collector

    registry = prometheus_client.CollectorRegistry()
    registry.register(Collector())

    def sample(name, **labels):
        return registry.get_sample_value(name, labels) or 0

    before = sample("websockets_received_bytes_total", side="server")
    closed = {"side": "client", "by": "local", "code": "1000"}
    ended = sample("websockets_connections_closed_total", **closed)
    await an_echo()
    assert sample("websockets_received_bytes_total", side="server") - before == 7 + 8
    assert sample("websockets_connections_closed_total", **closed) - ended == 1
    text = prometheus_client.generate_latest(registry).decode()
    assert "# TYPE websockets_connections gauge\n" in text
    assert "# TYPE websockets_messages_sent_total counter\n" in text
    assert "# TYPE websockets_topics_lag_seconds gauge\n" in text
    assert len([line for line in text.splitlines() if line.startswith("# TYPE")]) == len(METRICS)


def test_prometheus_accepts_their_names_in_its_newer_format():
    exposition = pytest.importorskip("prometheus_client.openmetrics.exposition")
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    from websockets.metrics.prometheus import Collector

    registry = CollectorRegistry()
    registry.register(Collector())
    text = exposition.generate_latest(registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["websockets_sent_bytes"].unit == "bytes"
    assert families["websockets_sent_bytes"].type == "counter"


async def test_opentelemetry_reads_them():
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from websockets.metrics.opentelemetry import instrument

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    instrument(provider)

    def read():
        (resource,) = reader.get_metrics_data().resource_metrics
        # Some versions of the SDK have metrics of their own.
        (scope,) = (each for each in resource.scope_metrics if each.scope.name == "websockets")
        return {metric.name: metric for metric in scope.metrics}

    def value(metrics, name, **attributes):
        for point in metrics[name].data.data_points:
            if dict(point.attributes) == attributes:
                return point.value
        return 0

    inward = {"network.io.direction": "receive", "websockets.side": "server"}
    before = read()
    await an_echo()
    after = read()
    assert value(after, "websockets.io", **inward) - value(before, "websockets.io", **inward) == 15
    assert after["websockets.io"].unit == "By"
    assert after["websockets.messages"].unit == "{message}"
    assert after["websockets.connections"].data.is_monotonic is False
    assert after["websockets.connections.opened"].data.is_monotonic is True
    assert after["websockets.topics.lag"].unit == "s"
    closed = {
        "websockets.side": "client",
        "websockets.close.by": "local",
        "websockets.close.code": "1000",
    }
    name = "websockets.connections.closed"
    assert value(after, name, **closed) - value(before, name, **closed) == 1
    provider.shutdown()


@pytest.mark.parametrize("adapter", ["prometheus", "opentelemetry"])
def test_without_the_package_it_says_what_to_install(adapter):
    code = f"try: import websockets.metrics.{adapter}\nexcept ImportError as exc: print(exc)"
    assert run(code)[-3:] == ["pip", "install", f"'cywebsockets[{adapter}]'"]


def test_numbers_need_neither_packages_nor_topics():
    code = (
        "import sys, websockets.metrics; taken = websockets.metrics.snapshot(); "
        "assert taken['topics_lag'] == taken['topics'] == 0; "
        "print('asyncio' in sys.modules, 'websockets.topics' in sys.modules)"
    )
    assert run(code) == ["False", "False"]
