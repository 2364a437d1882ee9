"""The real parts start, each fault hurts them, and afterwards all of them serve again."""

from pathlib import Path
from random import Random

import pytest

from prove.api import Api
from prove.breakage import Breakage
from prove.faults import INSTANCE, KINDS, Kind, Planned
from prove.history import Entry, Fault, Strange
from prove.stack import ProxyOfMany, running_stack
from tests.deploy.proxy import DEPLOY
from tests.instances import SERVER

LASTS_SECONDS = 0.3
EACH_SECONDS = 0.4


def planned() -> list[Planned]:
    """Every fault there is, one after another, short."""

    def target(number: int, kind: Kind) -> str:
        return f"{INSTANCE} {number % 2 + 1}" if kind.part == INSTANCE else kind.part

    begins = [number * EACH_SECONDS for number in range(len(KINDS))]
    return [
        Planned(kind.name, target(number, kind), begins[number], begins[number] + LASTS_SECONDS)
        for number, kind in enumerate(KINDS)
    ]


@pytest.mark.gen_test(timeout=120)
async def test_after_each_fault_everything_serves_again(tmp_path: Path) -> None:
    history: list[Entry] = []
    told: list[str] = []
    async with running_stack(tmp_path, SERVER, 2, told.append, history.append) as stack:
        api = Api(stack.url, Random(1))
        try:
            breakage = Breakage(stack, 1, history.append, told.append)
            await breakage.carry_out(planned())
            await stack.heal()
            await api.register("person001")
            reply = await api.call("GET", "/api/auth/check-username/?username=person001")
        finally:
            api.close()
    assert reply.body == b'{"exists":true}'
    assert breakage.done == len(KINDS)
    phases = [(each.fault, each.phase) for each in history if isinstance(each, Fault)]
    assert sorted(phases) == sorted((kind.name, phase) for kind in KINDS for phase in ("begin", "end"))
    assert not [each for each in history if isinstance(each, Strange)]


def test_each_instance_has_a_line_as_those_that_are_shipped() -> None:
    proxy = object.__new__(ProxyOfMany)
    proxy.ports = [1001, 1002, 1003]
    shipped = (DEPLOY / "instances.conf").read_text()
    assert proxy._placed("instances.conf", shipped).splitlines() == [
        f"server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in proxy.ports
    ]
    assert "recado1:8000 max_fails=1 fail_timeout=2s;" in shipped
