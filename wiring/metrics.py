"""Metrics in the Prometheus text format, on a listener of their own; read from the rooms' own counters when asked.

Nothing is counted twice and nothing costs anything between two readings. No label holds a name, an id or an address.
"""

import math
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, url

from actions.app import App
from handlers.base import Doorway
from settings import Settings
from wiring.settings_values import SettingsError

# name, help, is it a counter, how it is read
READINGS: tuple[tuple[str, str, bool, Callable[[App], float]], ...] = (
    ("recado_sockets", "Open WebSocket connections.", False, lambda app: app.hub.size),
    ("recado_people_connected", "People with a connection here.", False, lambda app: app.hub.users),
    ("recado_frames_delivered", "Frames given to connections.", True, lambda app: app.hub.delivered),
    ("recado_frames_failed", "Frames lost to a fault of ours.", True, lambda app: app.hub.failed),
    ("recado_sockets_relieved", "Sent away: too much waited for all.", True, lambda app: app.hub.backlog.closed),
    ("recado_messages_stored", "Messages committed by this instance.", True, lambda app: app.writer.stored),
    ("recado_batches", "Transactions of the group commit.", True, lambda app: app.writer.batches),
    ("recado_messages_waiting", "Messages that wait for their commit.", False, lambda app: app.writer.waiting),
    ("recado_bus_up", "1 while other instances' events arrive.", False, lambda app: float(app.bus.up)),
    ("recado_bus_published", "Events sent to other instances.", True, lambda app: _of(app.bus, "published")),
    ("recado_bus_received", "Events of other instances, delivered here.", True, lambda app: _of(app.bus, "received")),
    ("recado_bus_refused", "Envelopes that were not ours.", True, lambda app: _of(app.bus, "refused")),
    ("recado_bus_lost", "Events that Redis did not take.", True, lambda app: _of(app.bus, "lost")),
    (
        "recado_bus_queued_bytes",
        "Bytes for other instances.",
        False,
        lambda app: _of(app.bus, "queued_bytes"),
    ),
    ("recado_bus_overflowed", "Events that did not fit there.", True, lambda app: _of(app.bus, "overflowed")),
    ("recado_sweep_repairs", "Events that the log had to bring, not the bus.", True, lambda app: app.repaired),
    ("recado_audit_faults", "What the last check found.", False, lambda app: float(app.notes.faults)),
    ("recado_audit_checkpoints", "Checkpoints sent out.", True, lambda app: app.notes.checkpoints),
    ("recado_audit_dropped", "Refusals that were only counted.", True, lambda app: app.notes.dropped),
    ("recado_push_sent", "Pushes that a push service took.", True, lambda app: app.push.sent),
    ("recado_push_failed", "Pushes that were given up.", True, lambda app: app.push.failed),
    ("recado_push_removed", "Subscriptions that had ended.", True, lambda app: app.push.removed),
    ("recado_push_waiting", "People to look after, pushes under way.", False, lambda app: app.push.waiting),
    ("recado_limits_fell_back", "Limits counted without Redis.", True, lambda app: _of(app.buckets, "fell_back")),
)


class Rooms:
    """A collector (prometheus_client) over one instance."""

    def __init__(self, app: App, doorway: Doorway) -> None:
        self._app = app
        self._doorway = doorway

    def collect(self) -> Iterable[Metric]:
        """Everything, as it is now."""
        for name, told, counts, read in READINGS:
            kind = CounterMetricFamily if counts else GaugeMetricFamily
            yield kind(name, told, value=read(self._app))
        late = self._app.lateness.seconds
        buckets = [("+Inf" if bound == math.inf else str(bound), count) for bound, count in late.cumulated]
        told = "From the commit of a message to the write on the sockets here, in seconds."
        yield HistogramMetricFamily("recado_commit_to_socket_seconds", told, buckets=buckets, sum_value=late.sum)
        resumes = CounterMetricFamily("recado_resumes", "Sockets that said hello, by outcome.", labels=["outcome"])
        for outcome in ("live", "recovered", "reset"):
            resumes.add_metric([outcome], self._app.resumes[outcome])
        yield resumes
        answers = CounterMetricFamily(
            "recado_answers", "HTTP answers by route and status.", labels=["method", "route", "status"]
        )
        for (method, route, status), number in self._doorway.answers.items():
            answers.add_metric([method, route, str(status)], number)
        yield answers


def listen(settings: Settings, app: App, doorway: Doorway) -> HTTPServer:
    """Serve `GET /metrics` where the settings say."""
    registry = CollectorRegistry()
    registry.register(Rooms(app, doorway))
    application = Application([url(r"/metrics", Readout, {"registry": registry})], log_function=lambda _: None)
    try:
        sockets = bind_sockets(settings.metrics.port, settings.metrics.host)
    except OSError as error:
        where = f"{settings.metrics.host}:{settings.metrics.port}"
        raise SettingsError(f"metrics: cannot listen on {where}: {error.strerror or error}") from error
    server = HTTPServer(application)
    server.add_sockets(sockets)
    return server


class Readout(RequestHandler):
    """The readings, as text."""

    def initialize(self, registry: CollectorRegistry) -> None:
        """Tornado's constructor."""
        self.registry = registry

    def get(self) -> None:
        """Read everything now."""
        self.clear_header("Server")
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(generate_latest(self.registry))


def _of(room: object, name: str) -> float:
    """A counter that only the Redis twin of a room has."""
    return float(getattr(room, name, 0))
