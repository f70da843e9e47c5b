"""
The numbers for Prometheus, by way of the package ``prometheus_client``.

Owns how they are called there. Must never know what they mean. Key decision: a collector that reads
them when it is asked, so that nothing has to be kept up to date.
"""

from __future__ import annotations

from collections.abc import Iterator

try:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector as Base
except ImportError as exc:
    raise ImportError(
        "this needs the package prometheus_client: pip install 'cywebsockets[prometheus]'"
    ) from exc

from . import METRICS

__all__ = ["Collector"]

# What is counted isn't part of a name there, but these are.
UNITS = ("bytes", "seconds")


class Collector(Base):  # type: ignore[misc,unused-ignore]
    """
    Collect the library's numbers: ``prometheus_client.REGISTRY.register(Collector())``.

    Names are those of :data:`websockets.metrics.METRICS` behind ``websockets_``, with the unit and
    ``_total`` as they are usual there.
    """

    def collect(self) -> Iterator[Metric]:
        """Return all numbers at this moment."""
        for metric in METRICS:
            name, unit = f"websockets_{metric.name}", ""
            if metric.unit in UNITS:
                unit = metric.unit
                name = f"{name.replace('_bytes', '')}_{unit}"
            family = (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(
                name, metric.description, labels=metric.labels, unit=unit
            )
            for labels, value in metric.read().items():
                family.add_metric(labels, value)
            yield family
