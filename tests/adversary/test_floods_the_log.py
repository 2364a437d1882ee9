"""The attacker wants the log to fill the disk, to slow the server down, or to say what they like."""

import json

from actions.notes import MOST_OF_A_KIND
from tests.adversary.attacker import V1, Plundered, Target
from tests.deploy.visits import hurry, send_raw
from tests.handlers.raw import BINARY

MOST_BYTES_A_REQUEST = 1_000


def size(target: Target) -> int:
    return target.server.log_path.stat().st_size


def settled(target: Target) -> None:
    """An answer whose line is in the log: so are the lines of all before it."""
    reply = target.ask("GET", "/livez")
    while reply.headers["x-request-id"] not in target.server.log():
        pass


def test_what_a_socket_says_writes_no_line(straight: Target) -> None:
    mallory = straight.join()
    for headers in ([], [V1]):
        with straight.socket(mallory.token, headers) as opened:
            settled(straight)
            before = straight.server.log()
            for text in (
                "x" * 5_000,
                "{",
                '{"type": "' + "y" * 5_000 + '"}',
                '{"recipient": "nobody", "content": "hi"}',
            ):
                for _ in range(250):
                    opened.say(text)
                for _ in range(250):
                    assert "code" in opened.hear()
            opened.send(b"\x00" * 5_000, BINARY)
            assert opened.hear()["code"] == "invalid"
        settled(straight)
        added = [json.loads(line) for line in straight.server.log()[len(before) :].splitlines()]
        assert {line["event"] for line in added} == {"answered"}
        assert len(added) <= 2  # those of the two questions


def test_a_request_writes_one_short_line_whatever_it_holds(straight: Target) -> None:
    settled(straight)
    before, count = size(straight), 500
    noisy = [
        ("X-Noise", "n" * 3_000),
        ("Referer", "http://evil/" + "r" * 3_000),
        ("User-Agent", "\t".join(["u"] * 900)),
    ]
    statuses = hurry(straight.door.port, count, [noisy])
    assert set(statuses) == {200}
    settled(straight)
    assert (size(straight) - before) / count < MOST_BYTES_A_REQUEST


def test_what_is_no_request_writes_no_more_than_that(straight: Target) -> None:
    settled(straight)
    before, count = size(straight), 100
    for number in range(count):
        rubbish = (b"GARBAGE \x1b[31m%d\r\n\r\n" % number, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")[number % 2]
        send_raw(straight.door.port, rubbish)
    settled(straight)
    assert (size(straight) - before) / count < MOST_BYTES_A_REQUEST


def test_refusals_fill_no_audit_log(plundered: Plundered) -> None:
    someone, times = plundered.join(), 50

    def rows() -> int:
        ((count,),) = plundered.store.run("SELECT count(*) FROM audit")
        return int(count)

    before = rows()
    for number in range(times):
        assert plundered.ask("GET", "/api/users/me/", token=f"x{number}").status == 401
        assert plundered.ask("GET", "/api/messages/1/", token=someone.token).status == 404
        assert plundered.ask("GET", f"/nowhere/{number}").status == 404
        assert plundered.ask("GET", "/api/users/me/", headers=[("Origin", "http://evil.example")]).status == 403
        assert plundered.ask("POST", "/api/auth/refresh/", {"refresh": f"rt1_{number}"}).status == 401
    # The first few of a kind, and how many there were.
    assert rows() - before <= 2 * (MOST_OF_A_KIND + 1) < times
