"""Where whoever finds a weakness can tell it: `/.well-known/security.txt` (RFC 9116)."""

from datetime import UTC, datetime, timedelta

from handlers.base import Base
from handlers.problems import DoorError

# The reader is to ask again after this; the contact of a running server is as fresh as its settings.
FRESH = timedelta(days=90)


class SecurityText(Base):
    """The file; it is not there on a server that names no contact."""

    methods = ("GET", "HEAD")

    async def answer(self, *args: str, **kwargs: str) -> None:
        """The contact, and until when this holds."""
        contact, public = self.doorway.security_contact, self.doorway.origins.public
        if not contact:
            self.finish_problem(DoorError(404, "There is nothing here."))
            return
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish_with_common(written(contact, public, self.doorway.app.clock()).encode())


def written(contact: str, public: str, now: int) -> str:
    """The file's lines, for a server that people know as `public` (or as nothing in particular)."""
    today = datetime.fromtimestamp(now / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [f"Contact: {contact}", f"Expires: {today + FRESH:%Y-%m-%dT%H:%M:%SZ}"]
    if public:
        lines.append(f"Canonical: {public}/.well-known/security.txt")
    return "".join(f"{line}\r\n" for line in lines)
