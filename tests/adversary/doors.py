"""Every place that takes a credential, and whether it opens to one. Whatever is refused is refused as 401, or 4401."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from tests.adversary.attacker import JSON, PAGE, PASSWORD, V1, Target
from tests.handlers.raw import RawSocket

# Of what is too long to be read, nginx and the server say that instead.
REFUSED = {401, 414, 431}


def api(target: Target, shown: str) -> bool:
    """An operation."""
    return _opened(target.ask("GET", "/api/users/me/", token=shown).status)


def long_poll(target: Target, shown: str) -> bool:
    """The log of events."""
    return _opened(target.ask("GET", "/api/events/?after=0", token=shown).status)


def socket_header(target: Target, shown: str) -> bool:
    """A socket, by a header."""
    with target.socket(headers=[("Authorization", f"Bearer {shown}")]) as opened:
        return _opened(opened.status)


def socket_query(target: Target, shown: str) -> bool:
    """A socket, by the query."""
    with target.socket(shown) as opened:
        return _opened(opened.status)


def socket_hello(target: Target, shown: str) -> bool:
    """A socket, by the first frame."""
    with target.socket(headers=[V1]) as opened:
        assert opened.status == 101
        opened.say({"type": "hello", "token": shown})
        answer = opened.hear()
        if answer["type"] == "welcome":
            return True
        # What is too long for a stranger's frame is not read.
        assert answer["code"] in ("unauthenticated", "too_large"), answer
        assert answer["code"] == "too_large" or opened.close_code() == 4401
        return False


def ticket(target: Target, shown: str) -> bool:
    """A socket, by a ticket."""
    with target.socket(path=f"/ws/chat/?ticket={quote(shown, safe='')}") as opened:
        return _opened(opened.status)


def refresh(target: Target, shown: str) -> bool:
    """New tokens, by a body."""
    return _opened(target.ask("POST", "/api/auth/refresh/", {"refresh": shown}).status)


def cookie(target: Target, shown: str) -> bool:
    """New tokens, by the page's cookie."""
    host = f"localhost:{target.door.port}"
    sent = [JSON, PAGE, ("Host", host), ("Origin", f"http://{host}"), ("Cookie", f"__Host-recado={shown}")]
    return _opened(target.ask("POST", "/api/auth/refresh/", headers=sent, raw=b"{}").status)


def reset(target: Target, shown: str) -> bool:
    """Another password, by an operator's token."""
    return _opened(target.ask("POST", "/api/auth/password/reset/", {"token": shown, "new": PASSWORD + "!"}).status)


def second_factor(target: Target, shown: str) -> bool:
    """The second half of a sign-in: open when only the code is wrong."""
    reply = target.ask("POST", "/api/auth/login/second-factor/", {"mfa_token": shown, "recovery_code": "x"})
    assert reply.status == 401, reply
    code: str = reply.json["code"]
    return code == "wrong_code"


Door = Callable[[Target, str], bool]
# What an access token opens.
ACCESS: tuple[Door, ...] = (api, long_poll, socket_header, socket_query, socket_hello)
DOORS: tuple[Door, ...] = (*ACCESS, ticket, refresh, cookie, reset, second_factor)


def renewed(opened: RawSocket, shown: str) -> bool:
    """Whether an open `recado.v1` socket takes this token as a fresh one."""
    opened.say({"type": "auth", "token": shown, "ref": "auth"})
    opened.say({"type": "ping", "ref": "ping"})
    answer = answered(opened)
    if answer["type"] == "error":
        assert (answer["code"], answer["ref"]) == ("unauthenticated", "auth"), answer
        assert answered(opened)["ref"] == "ping"
        return False
    return True


def answered(opened: RawSocket) -> Any:
    """The next frame that answers something, whatever else is told meanwhile."""
    while (frame := opened.hear())["type"] not in ("error", "pong", "sent", "welcome"):
        pass
    return frame


def fits_a_header(shown: str) -> bool:
    """Whether a client can put it into a header at all."""
    return shown.isascii() and shown.isprintable()


def _opened(status: int) -> bool:
    assert status in {200, 101} | REFUSED, status
    return status < 300
