"""Metrics are on a port of their own, tell what happened, and hold nobody's name."""

import contextlib
from pathlib import Path
from urllib.request import urlopen

from tests.instances import Instance
from tests.programs import free_port


def readings(port: int) -> dict[str, float]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_messages_answers_and_sockets_are_counted_on_a_port_of_their_own(tmp_path: Path) -> None:
    port = free_port()
    with Instance(tmp_path, settings={"RECADO_METRICS_PORT": str(port)}) as instance:
        alice, _ = instance.join("alice"), instance.join("bob")
        for _ in range(3):
            instance.call("POST", "/api/auth/send/", {"recipient": "bob", "content": "hi"}, token=alice)
        told = readings(port)
        assert told["recado_messages_stored_total"] == 3
        assert told['recado_answers_total{method="POST",route="/api/auth/send/",status="201"}'] == 3
        assert told["recado_bus_up"] == 1
        assert told["recado_sockets"] == 0
        assert not any("alice" in name or "bob" in name for name in told)
        assert instance.call("GET", "/metrics").status == 404


def test_a_taken_metrics_port_stops_the_start_with_one_clear_line(tmp_path: Path) -> None:
    with Instance(tmp_path) as running:
        second = Instance(
            tmp_path, settings={"RECADO_METRICS_PORT": str(running.port), "RECADO_METRICS_HOST": "localhost"}
        )
        with contextlib.suppress(AssertionError):
            second.start()
        assert "recado: metrics: cannot listen on localhost" in second.log()
        assert second.stop() == 78
