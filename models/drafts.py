"""What is about to be stored, and what became of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from models.messages import SealedBody, StoredMessage

Identity = tuple[int, bytes]  # who sent it, and its `client_id`


class Draft(msgspec.Struct, frozen=True):
    """A message about to be stored; `sealed` is a value that only the crypto room makes."""

    conversation_id: int
    sender_id: int
    recipient_id: int
    client_id: bytes
    client_made: bool
    sent_at: int
    expires_at: int | None
    sealed: SealedBody

    @property
    def identity(self) -> Identity:
        """What no two messages share."""
        return (self.sender_id, self.client_id)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a draft: committed now, or (`duplicate`) found as it was stored the first time.

    `positions` holds the place in each person's timeline, the sender's first; only the sender's for a duplicate,
    and for what is withheld from a recipient who blocks the sender.
    """

    message_id: int
    positions: tuple[tuple[int, int], ...]
    duplicate: StoredMessage | None


class Missing(Exception):
    """One of the two people does not exist any more."""


def people_of(drafts: Iterable[Draft]) -> set[int]:
    """Everybody these are from or for."""
    return {person for draft in drafts for person in (draft.sender_id, draft.recipient_id)}


def placed(draft: Draft, message_id: int, sender_position: int, recipient_position: int | None) -> Stored:
    """A draft that was committed; `recipient_position` is None when it was withheld."""
    own = (draft.sender_id, sender_position)
    if recipient_position is None or draft.recipient_id == draft.sender_id:
        return Stored(message_id, (own,), None)
    return Stored(message_id, (own, (draft.recipient_id, recipient_position)), None)
