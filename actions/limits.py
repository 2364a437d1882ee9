"""How often: the whole policy, one table. By address it is spent at the door, by person in the action.

A row is a bucket for each key of its kind, which ends its name: so many at once, and then one more after so many
seconds. `alone` says what an instance allows that cannot ask Redis (`realtime.buckets.Alone`): `OPEN` the whole limit,
`CLOSED` a quarter of it, which is what a row has that says nothing. `HERE` is counted by each instance for itself in
any case, so that nothing waits for Redis. docs/operations.md repeats the table, docs/protocol.md what clients see.
"""

from actions.app import App
from actions.errors import TooMany
from models.audit import Record
from realtime.buckets import Alone, Rule

__all__ = ["Rule", "spend"]

OPEN, CLOSED, HERE = Alone.OPEN, Alone.CLOSED, Alone.HERE


def _rule(name: str, *, burst: int, each: float, alone: Alone = CLOSED) -> Rule:
    """So many at once; each that was spent comes back after `each` seconds."""
    return Rule(name, burst, burst * each, alone)


# By network address (an IPv6 one by its /64), spent at the door.
REGISTER = _rule("register.address", burst=50, each=6.0)
LOGIN_ADDRESS = _rule("login.address", burst=100, each=1.0)
REFRESH = _rule("refresh.address", burst=200, each=0.5, alone=OPEN)
CHECK_USERNAME = _rule("check_username.address", burst=200, each=0.25)
CONNECT = _rule("connect.address", burst=200, each=0.25, alone=OPEN)

# For whoever needs no token and costs little. What is asked of /livez costs nothing, and has no limit: no limit must
# take an instance out of a load balancer.
OPERATIONS = _rule("operations.address", burst=200, each=0.25, alone=HERE)

# Guessing passwords; actions/guessing.py tells which of these a try spends. A name stands in Redis by its MAC.
LOGIN_PAIR = _rule("login.pair", burst=10, each=30.0)
LOGIN_NAME = _rule("login.name", burst=100, each=600.0)
LOGIN_FIRST = _rule("login_first.pair", burst=2, each=43_200.0)
LOGIN_SPARE = _rule("login_spare.name", burst=20, each=40.0)
LOGIN_DEVICE = _rule("login.session", burst=10, each=30.0)

# One-time tokens of the operator, by address, spent at the door.
RESET = _rule("reset.address", burst=20, each=6.0)
# By session: a password shown once more, to change it or to prove who is there.
PASSWORD = _rule("password.session", burst=10, each=30.0)

# By person, whatever the factor and whichever way in: six digits are soon guessed.
SECOND_FACTOR = _rule("second_factor.person", burst=10, each=60.0)

# By person.
SEND = _rule("send.person", burst=600, each=0.02, alone=HERE)
READ = _rule("read.person", burst=600, each=0.05, alone=HERE)
TYPING = _rule("typing.pair", burst=2, each=2.0, alone=HERE)
TIMER = _rule("timer.person", burst=20, each=10.0, alone=HERE)
FACTORS = _rule("factors.person", burst=30, each=10.0)
PUSH = _rule("push.person", burst=30, each=10.0, alone=OPEN)
PROFILE = _rule("profile.person", burst=20, each=5.0, alone=HERE)
SESSIONS = _rule("sessions.person", burst=30, each=2.0, alone=OPEN)
TICKET = _rule("ticket.person", burst=60, each=1.0, alone=OPEN)
ERASE = _rule("erase.person", burst=20, each=30.0)
EXPORT = _rule("export.person", burst=3, each=1200.0)


async def spend(app: App, rule: Rule, key: str | int) -> None:
    """Take one from the bucket of `key`; `TooMany` when it is empty."""
    wait = await _wait(app, rule, key)
    if wait > 0:
        # An address is never written down whole.
        person = key if isinstance(key, int) and rule.name.endswith(".person") else None
        app.notes.add(Record(app.clock(), "limit", "refused", actor_id=person, reason=rule.name))
        raise TooMany("Too many requests. Try again later.", retry_after=wait)


async def has_room(app: App, rule: Rule, key: str | int) -> bool:
    """The same for what may be dropped in silence."""
    return await _wait(app, rule, key) == 0


async def _wait(app: App, rule: Rule, key: str | int) -> float:
    if not app.policy.limits_enabled:
        return 0.0
    buckets = app.here if rule.alone is HERE else app.buckets
    return await buckets.spend(str(key), rule)
