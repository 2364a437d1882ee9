"""How often: the whole policy, one table. By address it is spent at the door, by person in the action."""

from actions.app import App
from actions.errors import TooMany
from realtime.buckets import Rule

__all__ = ["Rule", "spend", "spend_here"]


def _rule(name: str, *, burst: int, each: float) -> Rule:
    """So many at once; each that was spent comes back after `each` seconds."""
    return Rule(name, burst, burst * each)


# By network address (an IPv6 one by its /64), spent at the door.
REGISTER = _rule("register.address", burst=50, each=6.0)
LOGIN_ADDRESS = _rule("login.address", burst=100, each=1.0)
REFRESH = _rule("refresh.address", burst=200, each=0.5)
CHECK_USERNAME = _rule("check_username.address", burst=200, each=0.25)
CONNECT = _rule("connect.address", burst=200, each=0.25)

# By name and address: guessing from one place does not lock the owner out of another.
LOGIN_PAIR = _rule("login.pair", burst=10, each=30.0)
# By name, from everywhere together: a slow, wide bound on guessing by many machines.
LOGIN_NAME = _rule("login.name", burst=200, each=20.0)

# By person.
SEND = _rule("send.person", burst=600, each=0.02)
READ = _rule("read.person", burst=600, each=0.05)
TYPING = _rule("typing.pair", burst=2, each=2.0)
PROFILE = _rule("profile.person", burst=20, each=5.0)
TICKET = _rule("ticket.person", burst=60, each=1.0)


async def spend(app: App, rule: Rule, key: str | int) -> None:
    """Take one from the bucket of `key`; `TooMany` when it is empty."""
    if app.policy.limits_enabled:
        _refuse(await app.buckets.spend(str(key), rule))


async def spend_here(app: App, rule: Rule, key: str | int) -> None:
    """The same from this instance's own bucket: a send never waits for Redis."""
    if app.policy.limits_enabled:
        _refuse(await app.here.spend(str(key), rule))


async def has_room(app: App, rule: Rule, key: str | int) -> bool:
    """The same for what may be dropped in silence."""
    return not app.policy.limits_enabled or await app.here.spend(str(key), rule) == 0


def _refuse(wait: float) -> None:
    if wait > 0:
        raise TooMany("Too many requests. Try again later.", retry_after=wait)
