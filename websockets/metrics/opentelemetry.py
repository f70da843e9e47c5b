"""
The numbers for OpenTelemetry, by way of the package ``opentelemetry-api``.

Owns how they are called there, which follows its semantic conventions. Must never know what they
mean. Key decision: observable instruments, which are asked when a reader wants to know.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Optional

try:
    from opentelemetry import metrics
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
except ImportError as exc:
    raise ImportError(
        "this needs the package opentelemetry-api: pip install 'cywebsockets[opentelemetry]'"
    ) from exc

from ..version import distribution_version
from . import METRICS, Metric

__all__ = ["instrument"]

# Where direction is a matter of attributes there, and other names that aren't ours with dots.
DIRECTION = "network.io.direction"
NAMES: dict[str, tuple[str, dict[str, str]]] = {
    "messages_received": ("websockets.messages", {DIRECTION: "receive"}),
    "messages_sent": ("websockets.messages", {DIRECTION: "transmit"}),
    "bytes_received": ("websockets.io", {DIRECTION: "receive"}),
    "bytes_sent": ("websockets.io", {DIRECTION: "transmit"}),
    "keepalive_timeouts": ("websockets.keepalive.timeouts", {}),
}
ATTRIBUTES = {
    ("handshakes_refused", "reason"): "error.type",
    ("topics_gaps", "reason"): "websockets.topics.gap.reason",
    ("connections_closed", "by"): "websockets.close.by",
    ("connections_closed", "code"): "websockets.close.code",
}
UNITS = {"bytes": "By", "seconds": "s"}


def instrument(meter_provider: Optional[MeterProvider] = None) -> None:
    """
    Make the library's numbers known to OpenTelemetry; call it once.

    Arguments:
        meter_provider: who makes meters; the global one by default.
    """
    meter = metrics.get_meter("websockets", distribution_version, meter_provider)
    instruments: dict[str, list[tuple[Metric, dict[str, str]]]] = {}
    for metric in METRICS:
        name, attributes = NAMES.get(metric.name, (dotted(metric.name), {}))
        instruments.setdefault(name, []).append((metric, attributes))
    for name, parts in instruments.items():
        metric = parts[0][0]
        create: Any = meter.create_observable_counter
        if metric.kind == "gauge":
            # What can be added up over processes is a counter there that goes up and down.
            create = meter.create_observable_up_down_counter
            if metric.unit == "seconds":
                create = meter.create_observable_gauge
        unit = UNITS.get(metric.unit) or f"{{{metric.unit.rstrip('s')}}}"
        description = " ".join(part.description for part, _ in parts)
        create(name, [partial(observe, parts)], unit, description)


def dotted(name: str) -> str:
    """Return the name of what has no other there."""
    first, _, rest = name.partition("_")
    return ".".join(filter(None, ("websockets", first, rest)))


def observe(
    parts: list[tuple[Metric, dict[str, str]]], options: CallbackOptions
) -> Iterable[Observation]:
    """Return the values of an instrument."""
    for metric, common in parts:
        keys = [
            ATTRIBUTES.get((metric.name, label), f"websockets.{label}") for label in metric.labels
        ]
        for labels, value in metric.read().items():
            yield Observation(value, {**common, **dict(zip(keys, labels))})
