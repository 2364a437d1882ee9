"""The client library in Node against a real server, and the example of docs/web.md as it stands there."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.flows.relay import Relay
from tests.instances import ROOT, Instance

MESSAGES = 60
PATIENCE_SECONDS = 60.0


def test_two_clients_lose_and_double_nothing_while_network_and_instance_come_and_go(
    web_workshop: Path, instance: Instance
) -> None:
    instance.register("alice")
    instance.register("bob")
    with (
        Relay(instance) as relay,
        _node("test/exchange.mjs", relay.url, instance.url, str(MESSAGES), cwd=web_workshop) as exchange,
    ):
        assert exchange.stderr is not None
        assert exchange.stderr.readline() == "live\n"
        for _ in range(3):
            came = relay.opened
            relay.drop()
            relay.comes_back(came)
        instance.kill()
        instance.start()
        told, complained = exchange.communicate()
    assert exchange.returncode == 0, complained
    alice, bob = json.loads(told)
    stored = instance.call("GET", "/api/auth/messages/?limit=500", token=instance.sign_in("bob")).json
    everything = [message["content"] for message in stored][::-1]
    assert len(everything) == 2 * MESSAGES
    for one in (alice, bob):
        assert one["texts"] == everything
        assert sorted(one["heard"]) == sorted(everything)
        assert one["ended_by"] == []
        assert "waiting" in one["states"]
        for name in ("a", "b"):
            said = [text for text in one["heard"] if text[0] == name]
            assert said == [f"{name}{turn:04}" for turn in range(MESSAGES)]


def test_the_example_of_the_page_about_the_library_works(web_workshop: Path, instance: Instance) -> None:
    found = re.search(r"```js\n(// talk\.mjs:.*?)```", (ROOT / "docs" / "web.md").read_text(), flags=re.DOTALL)
    assert found
    (web_workshop / "talk.mjs").write_text(found[1])
    instance.register("alice")
    bob = instance.join("bob")
    instance.call("POST", "/api/auth/send/", {"recipient": "alice", "content": "Are you there?"}, token=bob)
    with _node("talk.mjs", instance.url, "alice", "bob", cwd=web_workshop) as talk:
        assert talk.stdin is not None
        assert talk.stdout is not None
        talk.stdin.write("Yes, I am.\n")
        talk.stdin.flush()
        _wait_for(talk.stdout, {"bob: Are you there?\n", "alice: Yes, I am. (sent)\n"})
        instance.call("POST", "/api/auth/send/", {"recipient": "alice", "content": "Good."}, token=bob)
        _wait_for(talk.stdout, {"bob: Good.\n"})
        rest, complained = talk.communicate()
    assert talk.returncode == 0, complained
    assert "ended: signed_out" in rest
    assert complained == ""


@contextmanager
def _node(*command: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A script in Node, which ends with the block, or when patience does."""
    pipe = subprocess.PIPE
    with subprocess.Popen(["node", *command], cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as running:
        patience = threading.Timer(PATIENCE_SECONDS, running.kill)
        patience.start()
        try:
            yield running
        finally:
            patience.cancel()
            running.kill()


def _wait_for(printed: IO[str], wanted: set[str]) -> None:
    """Read until all these lines have come, in whatever order."""
    missing = set(wanted)
    while missing:
        line = printed.readline()
        assert line, f"it ended without {missing}"
        missing.discard(line)
