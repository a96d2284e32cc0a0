"""Charts of the last hour, as pages show them."""

from __future__ import annotations

from control.history import BYTES_IN, BYTES_OUT, CONNECT_P50, CONNECT_P99, CONNECTIONS, OPEN
from control.web.charts import Chart, large
from control.web.visit import Visit


def number(value: float) -> str:
    """In three digits, or whole."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}".replace(",", "\u202f")


def per_second(value: float) -> str:
    """A rate of connections."""
    return f"{number(value)}/s"


def _milliseconds(value: float) -> str:
    return f"{number(value)} ms"


def _bytes_per_second(value: float) -> str:
    """By thousands: lines across stand at round numbers."""
    for unit in ("B/s", "kB/s", "MB/s"):
        if value < 1000:
            return f"{number(value)} {unit}"
        value /= 1000
    return f"{number(value)} GB/s"


CHARTS = (
    Chart("Connections a second", (("connections", CONNECTIONS),), per_second),
    Chart("Open connections", (("open", OPEN),), number),
    Chart("Time to connect", (("median", CONNECT_P50), ("99th percentile", CONNECT_P99)), _milliseconds),
    Chart("Bytes a second", (("from clients", BYTES_IN), ("to clients", BYTES_OUT)), _bytes_per_second),
)


def drawn(visit: Visit, service: str) -> list[object]:
    """The charts of a service, or of all together."""
    series = visit.inquiry.history(service)["series"]
    return [(chart.title, chart.lines, large(chart, series)) for chart in CHARTS]
