"""The service in numbers, in the format of Prometheus.

What belongs to the whole service is counted in the database at the moment of the question, so
that every server tells the same; only the latency of requests is each process's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, get_args

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from subtomo_server.http.latency import Latency
from subtomo_store.database.records import DatasetStatus, JobStatus
from subtomo_store.database.tallies import ABOVE, SECONDS, Tally
from subtomo_store.files.data_folder import Usage
from subtomo_store.upkeep.census import Census

COUNTERS = {
    "task_retries": ("kind", "Tasks taken again after a failed or lost attempt."),
    "tasks_failed": ("kind", "Tasks which failed for good, and their job with them."),
    "jobs_ended": ("status", "Jobs which came to an end."),
    "datasets_checked": ("status", "Checks of datasets which came to an end."),
    "uploads": ("kind", "Files which were uploaded."),
}


class Findings(Collector):
    """What was found at one moment: the census, or None where the database does not answer."""

    def __init__(self, census: Census | None, usage: Usage | None, server: str):
        self.census, self.usage, self.server = census, usage, server

    def collect(self) -> Iterator[Metric]:
        """Every family of numbers."""
        yield _plain(
            "subtomo_database_up", "Whether the database answers.", self.census is not None
        )
        memory = GaugeMetricFamily(
            "subtomo_server_resident_bytes", "Memory of this server process.", labels=["server"]
        )
        memory.add_metric([self.server], psutil.Process().memory_info().rss)
        yield memory
        if self.usage is not None:
            yield _plain(
                "subtomo_disk_free_bytes", "Free on the data folder's disk.", self.usage.free
            )
            yield _plain(
                "subtomo_disk_used_bytes", "Used on the data folder's disk.", self.usage.used
            )
        if self.census is not None:
            yield from _queues(self.census)
            yield _statuses("subtomo_jobs", "Jobs by status.", self.census.jobs, JobStatus)
            yield _statuses(
                "subtomo_datasets", "Datasets by status.", self.census.datasets, DatasetStatus
            )
            yield from _workers(self.census)
            yield from _tallies(self.census.tallies)


def text(latency: Latency, census: Census | None, usage: Usage | None) -> bytes:
    """Everything in the text format."""
    registry = CollectorRegistry()
    registry.register(Findings(census, usage, latency.server))
    return generate_latest(registry) + generate_latest(latency.registry)


def _plain(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _statuses(name: str, words: str, counted: dict[str, int], known: Any) -> Metric:
    family = GaugeMetricFamily(name, words, labels=["status"])
    for status in get_args(known):
        family.add_metric([status], counted.get(status, 0))
    return family


def _queues(census: Census) -> Iterator[Metric]:
    labels = ["queue", "kind", "state"]
    depth = GaugeMetricFamily("subtomo_tasks", "Open tasks.", labels=labels)
    age = GaugeMetricFamily(
        "subtomo_task_oldest_seconds",
        "Longest time since a job with such tasks was served or, if never, made.",
        labels=labels,
    )
    for queue in census.queues:
        named = [queue.name, queue.kind, queue.state]
        depth.add_metric(named, queue.tasks)
        age.add_metric(named, queue.oldest_seconds)
    yield from (depth, age)


def _workers(census: Census) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "subtomo_worker_heartbeat_age_seconds",
        "Since a worker's last sign of life.",
        labels=["worker", "host"],
    )
    threads = GaugeMetricFamily(
        "subtomo_worker_threads", "Threads of a worker.", labels=["worker", "host"]
    )
    for seen in census.workers:
        labels = [seen.worker.id, seen.worker.host]
        age.add_metric(labels, seen.age_seconds)
        threads.add_metric(labels, seen.worker.threads)
    yield _plain("subtomo_workers", "Workers on the list.", len(census.workers))
    yield from (age, threads)


def _tallies(counted: list[Tally]) -> Iterator[Metric]:
    for name, (label, words) in COUNTERS.items():
        family = CounterMetricFamily(f"subtomo_{name}", words, labels=[label])
        for tally in counted:
            if tally.key.name == name:
                family.add_metric([tally.key.label], tally.number)
        yield family
    received = CounterMetricFamily("subtomo_upload_bytes", "Bytes uploaded.", labels=["kind"])
    for tally in counted:
        if tally.key.name == "uploads":
            received.add_metric([tally.key.label], tally.total)
    yield received
    yield _histogram("task_seconds", "Seconds of finished tasks.", counted)


def _histogram(name: str, words: str, counted: Iterable[Tally]) -> Metric:
    family = HistogramMetricFamily(f"subtomo_{name}", words, labels=["kind"])
    measured = sorted(tally for tally in counted if tally.key.name == name)
    for label, group in groupby(measured, lambda tally: tally.key.label):
        of_bucket = {tally.key.bucket: tally for tally in group}
        below, buckets = 0, []
        for edge in (*(f"{edge:g}" for edge in SECONDS), ABOVE):
            below += of_bucket[edge].number if edge in of_bucket else 0
            buckets.append((edge, float(below)))
        family.add_metric([label], buckets, sum(tally.total for tally in of_bucket.values()))
    return family
