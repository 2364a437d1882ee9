"""Metrics are on a port of their own, tell what happened, and hold nobody's name."""

import asyncio
import contextlib
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

from tests.instances import Instance
from tests.programs import free_port
from tests.talk import talking


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
        assert told["recado_sockets"] == told["recado_sockets_relieved_total"] == 0
        assert not any("alice" in name or "bob" in name for name in told)
        assert instance.call("GET", "/metrics").status == 404


async def test_deliveries_and_resumes_are_told(tmp_path: Path) -> None:
    port = free_port()
    with Instance(tmp_path, settings={"RECADO_METRICS_PORT": str(port)}) as instance:
        alice, bob = instance.join("alice"), instance.join("bob")
        async with talking(instance.socket_url, alice, subprotocols=["recado.v1"]) as sender:
            await sender.say({"type": "hello"})
            await sender.hear()
            for outcome in ("live", "recovered", "reset"):
                hello = {"live": {}, "recovered": {"position": 0}, "reset": {"position": 99}}[outcome]
                async with talking(instance.socket_url, bob, subprotocols=["recado.v1"]) as device:
                    await device.say({"type": "hello", **hello})
                    assert (await device.hear())["outcome"] == outcome
            send = {"type": "send", "client_id": str(uuid4()), "recipient": "bob", "content": "hi"}
            await sender.say(send)
            assert (await sender.hear())["type"] == "sent"
        told = await asyncio.to_thread(readings, port)
    assert told['recado_resumes_total{outcome="live"}'] == 2
    assert told['recado_resumes_total{outcome="recovered"}'] == told['recado_resumes_total{outcome="reset"}'] == 1
    assert told["recado_commit_to_socket_seconds_count"] == 1
    assert told["recado_commit_to_socket_seconds_sum"] > 0
    assert told['recado_commit_to_socket_seconds_bucket{le="+Inf"}'] == 1
    assert told["recado_sweep_repairs_total"] == told["recado_bus_queued_bytes"] == 0


def test_a_taken_metrics_port_stops_the_start_with_one_clear_line(tmp_path: Path) -> None:
    with Instance(tmp_path) as running:
        second = Instance(
            tmp_path, settings={"RECADO_METRICS_PORT": str(running.port), "RECADO_METRICS_HOST": "localhost"}
        )
        with contextlib.suppress(AssertionError):
            second.start()
        assert "recado: metrics: cannot listen on localhost" in second.log()
        assert second.stop() == 78
