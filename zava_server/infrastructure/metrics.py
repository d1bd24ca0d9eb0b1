"""Figures for Prometheus. They are collected when somebody asks: a call pays nothing for them.

`prometheus_client` is imported with the first question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its samples by label values. A counter's name ends in `_total`."""

    kind: Literal["counter", "gauge"]
    name: str
    help: str
    labels: Labels
    samples: Mapping[Labels, float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """A metric of durations in seconds: by label values the counts up to each end, and the sum.

    The last end is infinity, so that the last count is that of all.
    """

    name: str
    help: str
    labels: Labels
    ends: Sequence[float]
    samples: Mapping[Labels, tuple[Sequence[int], float]]


Source = Callable[[], Iterable[Family | Histogram]]


class Metrics:
    """Asks its sources and writes down what they say."""

    def __init__(self) -> None:
        self._sources: list[Source] = []

    def register(self, source: Source) -> None:
        """Adds a source, which is asked at each exposition and must be quick."""
        self._sources.append(source)

    def exposition(self) -> tuple[bytes, str]:
        """The text of `/metrics`, this process's own memory, time and files included, and its
        content type.
        """
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.process_collector import ProcessCollector

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Collector(self._sources))
        return generate_latest(registry), CONTENT_TYPE_LATEST


class _Collector:
    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for."""
        for source in self._sources:
            for family in source():
                yield _metric(family)


def _metric(family: Family | Histogram) -> Metric:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    if isinstance(family, Histogram):
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, (counts, total) in family.samples.items():
            ends = ["+Inf" if end == float("inf") else str(end) for end in family.ends]
            histogram.add_metric(labels, list(zip(ends, counts, strict=True)), total)
        return histogram
    made = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = made(family.name, family.help, labels=family.labels)
    for labels, value in family.samples.items():
        metric.add_metric(labels, value)
    return metric
