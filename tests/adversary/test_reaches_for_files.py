"""The attacker asks for files that are not the page's: up the tree, beside it, encoded twice, with a NUL."""

import pytest

from tests.adversary.attacker import Target
from tests.adversary.spoken import said

WANTED = (
    *("server.py", "settings.toml", ".git/HEAD", ".git/config", ".env", "data/recado.db", "recado.db-wal"),
    *("secrets/master.keys", "web/index.html", "requirements.txt", "etc/passwd", "proc/self/environ", "nginx.conf"),
)
STEPS = (
    *("", "../", "../../", "../../../../../../../../", "..%2f", "%2e%2e/", "%2e%2e%2f%2e%2e%2f", "..%5c", "..\\"),
    *("%252e%252e%252f", "....//", "./", "/", "%2f", "..;/", "%c0%ae%c0%ae/", "..%00/", "C:/", "file:"),
)
AT_ONCE = 40
PLACES = ("/", "/static/", "/api/", "/api/docs/", "/ws/chat/", "/static/../")
# What only those files hold.
INSIDE = (b"root:x:", b"[server]", b"ref: refs", b"SQLite format", b"import asyncio", b"HOME=", b"upstream recado")


@pytest.mark.parametrize("place", PLACES)
def test_no_file_beside_the_page_is_ever_given_out(target: Target, place: str) -> None:
    asked = [f"{place}{step}{wanted}" for step in STEPS for wanted in WANTED]
    asked += [f"{place}{wanted}%00.css" for wanted in WANTED]
    # One connection for all; what a door will not read any further is asked again on the next.
    statuses: list[int] = []
    while len(statuses) < len(asked):
        rest = asked[len(statuses) :]
        request = "".join(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" for path in rest[: AT_ONCE - 1])
        request += f"GET {place}the-end HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        answer = said(target.door.port, request.encode(), source=next(target.addresses))
        assert not [word for word in INSIDE if word in answer], rest[:AT_ONCE]
        told = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
        assert told, rest[0]
        statuses += told[: min(len(rest), AT_ONCE - 1)]
    answered = dict(zip(asked, statuses, strict=False))
    assert {path: status for path, status in answered.items() if status not in {400, 404, 414}} == {}


def test_of_a_file_of_the_page_no_other_name_leads_to_it(target: Target) -> None:
    script = target.ask("GET", "/").body.partition(b'src="')[2].partition(b'"')[0].decode()
    assert target.ask("GET", script).status == 200
    for other in (
        f"{script}/",
        f"{script}%00",
        script.upper(),
        f"{script}.gz",
        f"{script}~",
        f"{script};x",
        f"{script}%20",
    ):
        assert target.ask("GET", other).status in {400, 404}, other
    for listing in ("/static", "/static/", "/static/?C=M", "/static/."):
        assert target.ask("GET", listing).status in {301, 404}, listing
