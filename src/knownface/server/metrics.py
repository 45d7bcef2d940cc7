"""What Prometheus is told: numbers, and nobody's name."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from knownface.recognition.living.records import SeenPhoto

MEDIA = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = (1, 2, 4, 8, 16)


class Metrics:
    """One server's numbers."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "knownface_requests", "Requests that were answered.", ("route", "method", "status"),
            registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "knownface_request_seconds", "From request to answer.", ("route",), buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self._photos = Counter(
            "knownface_photos", "Photos that were looked at.", ("result",), registry=registry
        )
        self._faces = Counter(
            "knownface_faces", "Faces that were seen, by answer.", ("answer",), registry=registry
        )
        self.batches = Histogram(
            "knownface_batch_photos", "Photos that were looked at together.", buckets=SIZES,
            registry=registry,
        )  # fmt: skip
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A number that is asked for when somebody reads."""
        Gauge(f"knownface_{name}", text, registry=self.registry).set_function(value)

    def saw(self, seen: SeenPhoto) -> None:
        self._photos.labels("unreadable" if seen.recognition.error else "read").inc()
        for face in seen.recognition.faces:
            self._faces.labels("named" if face.name else str(face.reason)).inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)
