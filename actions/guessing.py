"""How guessing passwords is slowed, without a way to lock the owner out.

Who tries to sign in comes from one of three kinds of places:

- **a known device**, which shows the mark that a browser was given when this person signed in there. It has a limit of
  its own, which nobody else can spend.
- **a familiar network**: the person is signed in from there. Limit: of this name in this network.
- **a strange place**: that limit, and one of the name, for all strange places together. When this one is spent, which
  is as good as always while many machines guess, a network that has hardly tried yet goes on by a spare one. So the
  owner gets in from a new place at once, unless whoever guesses comes with a thousand fresh networks each day, and
  never stops.

Invariant: what is spent, and what is asked of the database, does not depend on whether the name exists.
"""

import models.familiar
from actions import limits
from actions.app import App, Origin
from actions.errors import TooMany
from crypto import marks, tokens
from crypto.errors import BadToken


async def admit(app: App, origin: Origin, *, name: str, user_id: int) -> None:
    """Spend what one try costs; `TooMany` when there were too many. `name` is a stand-in for it, `user_id` 0 nobody."""
    session_id = _marked(app, origin)
    if session_id and await models.familiar.was_signed_in_by(app.db, user_id, session_id):
        await limits.spend(app, limits.LOGIN_DEVICE, session_id)
        return
    pair = f"{name} {origin.network}"
    await limits.spend(app, limits.LOGIN_PAIR, pair)
    if not await models.familiar.is_signed_in_from(app.db, user_id, origin.network, app.clock()):
        await _admit_stranger(app, name, pair)


def mark_of(app: App, refresh: str) -> str:
    """The mark for the browser that was just given this refresh token."""
    return marks.make_mark(app.keys.token, tokens.read_refresh(app.keys.token, refresh).session_id)


async def _admit_stranger(app: App, name: str, pair: str) -> None:
    try:
        await limits.spend(app, limits.LOGIN_NAME, name)
    except TooMany as spent:
        try:
            await limits.spend(app, limits.LOGIN_FIRST, pair)
            await limits.spend(app, limits.LOGIN_SPARE, name)
        except TooMany as refused:
            raise min(spent, refused, key=lambda either: either.retry_after) from None


def _marked(app: App, origin: Origin) -> int:
    try:
        return marks.read_mark(app.keys.token, origin.mark) if origin.mark else 0
    except BadToken:
        return 0
