"""Keys change while two instances serve: every message is sent and read, whatever dies in the middle."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg2
import pytest

from actions.presentation import UNREADABLE
from crypto.at_rest import Parties, make_conversation_key
from crypto.keyring import parse_ring
from tests.instances import ROOT, Instance

MANY = 6_000
FRIENDS = 12
PATIENCE_SECONDS = 60
MASTER_COUNT = "SELECT count(*) FROM conversation_keys WHERE master_id = %s"


class Operator:
    """Whoever runs the commands, on the machine of the first instance."""

    def __init__(self, instance: Instance, url: str) -> None:
        self.instance = instance
        self.url = url
        self.file = instance.home / "secrets" / "master.keys"

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(ROOT / "server.py"), "keys", *arguments],
            env=self.instance.environment,
            cwd=self.instance.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, nudge: Sequence[Instance] = ()) -> tuple[int, str]:
        """One command to its end; `nudge` are told to look at the keys at once, and not when they next do."""
        running = self.begin(*arguments)
        while nudge and running.poll() is None:
            for instance in nudge:
                assert instance.process is not None
                instance.process.send_signal(signal.SIGHUP)
            time.sleep(0.2)
        told, _ = running.communicate(timeout=PATIENCE_SECONDS)
        return running.returncode, told

    def ask(self, text: str, *values: object) -> int:
        with closing(psycopg2.connect(self.url)) as db, db, db.cursor() as cursor:
            cursor.execute(text, values)
            return int(cursor.fetchone()[0]) if cursor.description else 0

    def ids(self) -> list[str]:
        return [key.id for key in parse_ring(self.file.read_text()).keys]

    def fill(self) -> None:
        """Many conversations, so that a rotation takes its time."""
        ring = parse_ring(self.file.read_text())
        rows = []
        for number in range(10_000, 10_000 + MANY):
            _, made = make_conversation_key(ring, Parties(number, (1, number)), 1)
            rows.append((number, made.master_id, made.wrapped))
        with closing(psycopg2.connect(self.url)) as db, db, db.cursor() as cursor:
            cursor.executemany("INSERT INTO conversations VALUES (%s, 1, %s, 0)", [(row[0], row[0]) for row in rows])
            cursor.executemany("INSERT INTO conversation_keys VALUES (%s, 1, %s, %s)", rows)


@contextmanager
def load(*sides: tuple[Instance, str]) -> Iterator[Callable[[], int]]:
    """People who write and read all the time; yields how often, and fails behind the block if anything failed."""
    stop, faults, turns = threading.Event(), [], [0] * len(sides)

    def talk(number: int, instance: Instance, token: str) -> None:
        while not stop.is_set():
            friend = f"friend{turns[number] % FRIENDS}"
            sent = instance.call("POST", "/api/auth/send/", {"recipient": friend, "content": "hi"}, token=token)
            listed = instance.call("GET", "/api/auth/messages/?limit=30", token=token)
            if sent.status != 201 or listed.status != 200 or UNREADABLE in str(listed.json):
                faults.append((sent, listed))
            turns[number] += 1

    threads = [threading.Thread(target=talk, args=(number, *side)) for number, side in enumerate(sides)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: min(turns)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []


@pytest.fixture
def operator(replicas: tuple[Instance, Instance], postgres_url: str) -> Operator:
    return Operator(replicas[0], postgres_url)


def test_a_rotation_that_is_killed_and_run_again_loses_no_read(
    replicas: tuple[Instance, Instance], operator: Operator
) -> None:
    one, two = replicas
    tokens = [one.join("alice"), two.join("bob")]
    for number in range(FRIENDS):
        one.register(f"friend{number}")
    operator.fill()
    (old,) = operator.ids()
    with load((one, tokens[0]), (two, tokens[1])) as turns:
        assert operator.run("add", "master")[0] == 0
        (new,) = set(operator.ids()) - {old}
        rotating = operator.begin("rotate")
        until(lambda: operator.ask(MASTER_COUNT, new) > 0, rotating)
        rotating.kill()
        rotating.communicate()
        moved = operator.ask(MASTER_COUNT, new)
        assert 0 < moved < MANY
        before = turns()
        code, told = operator.run("rotate")
        assert code == 0, told
        assert operator.ask(MASTER_COUNT, old) == 0
        operator.ask("UPDATE key_uses SET since = since - 3600000")
        assert operator.run("retire", "master", old)[0] == 0
        assert operator.ids() == [new]
        # Both instances have dropped it, and go on.
        until(lambda: all(log.count("keys reloaded") >= 3 for log in (one.log(), two.log())))
        after = turns()
        until(lambda: turns() > after + 2)
        assert turns() > before
        code, told = operator.run("verify", "--messages")
        assert (code, "everything opens" in told) == (0, True)
    for instance in replicas:
        assert "Traceback" not in instance.log()
        assert "does not" not in instance.log()
    # What was moved opens for whoever has never known the old key.
    two.stop()
    two.start()
    listed = two.call("GET", "/api/auth/messages/", token=tokens[1])
    assert {each["content"] for each in listed.json} == {"hi"}


def test_the_keys_of_tokens_and_of_the_bus_change_and_nobody_is_signed_out(
    replicas: tuple[Instance, Instance], operator: Operator
) -> None:
    one, two = replicas
    tokens = [one.join("alice"), two.join("bob")]
    for number in range(FRIENDS):
        one.register(f"friend{number}")
    with load((one, tokens[0]), (two, tokens[1])):
        for purpose in ("access", "bus", "token"):
            assert operator.run("add", purpose, nudge=replicas)[0] == 0
            assert operator.run("use", purpose, nudge=replicas)[0] == 0
        assert one.sign_in("alice") != two.sign_in("bob")
    for instance in replicas:
        assert '"refused"' not in instance.log()
        assert "Traceback" not in instance.log()


def until(true: Callable[[], bool], process: "subprocess.Popen[str] | None" = None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.005)
