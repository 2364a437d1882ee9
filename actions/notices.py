"""Notices: what happened to somebody's account, told to the devices on which they are signed in.

A notice is a hint: best effort, not stored, without a position and without content. What it tells of stands in the
audit log. `kind` is a word that docs/protocol.md explains.
"""

from actions.app import App
from actions.times import when
from realtime.events import Notice


def tell(app: App, user_id: int, kind: str, *, except_session: int | None, session: int | None = None) -> None:
    """Tell this person's connected devices, less those of `except_session`; `session` is whom it is about.

    MUST follow the commit of what it tells. Never waits, never fails.
    """
    app.bus.publish([(user_id, None)], Notice(kind, when(app.clock()), session, except_session))
