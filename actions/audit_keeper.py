"""Who keeps the audit log: joins its rows (models/audit.py) with its mathematics (crypto/chain.py, checkpoints.py).

The key of the present epoch lies in the database, sealed by the `audit` ring, so that all instances share one chain
and none needs a file of its own. It is used on the threads of the database, under the lock of the log's head.
"""

import secrets
from collections.abc import Callable

import msgspec

from crypto import chain, checkpoints
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring
from models.audit import Head, Links, Record, Stored
from models.audit_log import Checkpoint, Turned

INSTANCE_BYTES = 4


class Personal(msgspec.Struct, frozen=True, array_like=True):
    """What lies sealed in a record."""

    network: str = ""
    session_id: int | None = None
    target: str = ""


_PERSONAL = msgspec.msgpack.Decoder(Personal)
_ENCODE = msgspec.msgpack.Encoder()


class Keeper:
    """Chains, seals and signs with the keys of the ring that `ring` gives. Threads may share it."""

    def __init__(self, ring: Callable[[], Ring]) -> None:
        self._ring = ring  # asked each time: the keys change while the server runs
        self._instance = secrets.token_hex(INSTANCE_BYTES)
        # The sealed key of the present epoch, and what it opens to.
        self._opened: tuple[bytes, bytes] = (b"", b"")

    @property
    def instance(self) -> str:
        """A name for this process, as it stands in what it records."""
        return self._instance

    @property
    def key_id(self) -> str:
        """The id of the key that seals now."""
        return self._ring().current.id

    def begin(self) -> Head:
        """The head of a new, empty log."""
        log, key = chain.make_log(), chain.make_key()
        mac = chain.head_mac(key, log, 0, chain.NO_LINK, 0)
        sealed = chain.seal_key(self._ring(), _epoch_name(log, 0), key)
        return Head(log, 0, chain.NO_LINK, 0, sealed, mac, chain.seal_key(self._ring(), _first_name(log), key))

    def is_sound(self, head: Head) -> bool:
        """Whether nobody else has written this head."""
        key = self.key(head)
        return chain.same(head.mac, chain.head_mac(key, head.log, head.id, head.link, head.epoch))

    def make_person(self, user_id: int) -> tuple[str, bytes]:
        """A fresh key for a person, sealed, with the id of the key that sealed it."""
        ring = self._ring()
        return ring.current.id, chain.seal_key(ring, _person_name(user_id), chain.make_key())

    def seal(self, log: str, record_id: int, record: Record, person: bytes | None) -> bytes:
        """What a record says of a person; nothing once they are forgotten (an empty `person`)."""
        if person == b"":
            return b""
        text = _ENCODE.encode(Personal(record.network, record.session_id, record.target))
        if person is not None:
            key = chain.open_key(self._ring(), _person_name(record.actor_id or 0), person)
            return chain.seal_personal(key, log, record_id, text)
        ring = self._ring()
        return chain.seal_key_id(ring) + chain.seal_personal(_nobody(ring, ring.current.id), log, record_id, text)

    def open(self, log: str, row: Stored, person: bytes | None) -> Personal:
        """What a record says of a person: nothing where it cannot be known (any more)."""
        try:
            if row.actor_id is None:
                key_id, sealed = chain.split_key_id(row.personal)
                return _PERSONAL.decode(chain.open_personal(_nobody(self._ring(), key_id), log, row.id, sealed))
            if not person:
                return Personal()
            key = chain.open_key(self._ring(), _person_name(row.actor_id), person)
            return _PERSONAL.decode(chain.open_personal(key, log, row.id, row.personal))
        except (Tampered, UnknownKey, msgspec.DecodeError):
            return Personal()

    def chain(self, head: Head, row: Stored) -> Links:
        """Link a row, whose own link and MAC are still empty, to the head."""
        key = self.key(head)
        link = chain.link(entry_of(head.log, row, row.id))
        return Links(link, chain.mac(key, link), chain.head_mac(key, head.log, row.id, link, head.epoch))

    def turn(self, head: Head, previous: Checkpoint | None, *, at: int, floor: int, floor_link: bytes) -> Turned:
        """Sign a checkpoint of this head, and move its key on: the one before is gone."""
        number = head.epoch + 1
        before = checkpoints.digest(checkpoint_of(previous)) if previous else checkpoints.NO_CHECKPOINT
        signed = checkpoints.sign(
            self._ring(),
            checkpoints.Checkpoint(
                log=head.log,
                number=number,
                at=at,
                record=head.id,
                link=head.link,
                floor=floor,
                floor_link=floor_link,
                previous=before,
            ),
        )
        key = chain.next_key(self.key(head))
        return Turned(
            Checkpoint(*msgspec.structs.astuple(signed)),
            chain.seal_key(self._ring(), _epoch_name(head.log, number), key),
            chain.head_mac(key, head.log, head.id, head.link, number),
        )

    def reseal(self, user_id: int, sealed: bytes) -> tuple[str, bytes]:
        """A person's key under the current key, with that key's id."""
        ring, name = self._ring(), _person_name(user_id)
        return ring.current.id, chain.seal_key(ring, name, chain.open_key(ring, name, sealed))

    def key(self, head: Head) -> bytes:
        """The key of the present epoch; UnknownKey or Tampered when it does not open."""
        sealed, key = self._opened
        if sealed != head.key:
            key = chain.open_key(self._ring(), _epoch_name(head.log, head.epoch), head.key)
            self._opened = (head.key, key)
        return key

    def first_key(self, head: Head) -> bytes | None:
        """The first key of all, as long as it has not been taken away."""
        return chain.open_key(self._ring(), _first_name(head.log), head.first_key) if head.first_key else None

    def public_keys(self) -> checkpoints.PublicKeys:
        """What checks the signatures of the checkpoints."""
        return checkpoints.public_keys(self._ring())


def entry_of(log: str, row: Stored, number: int) -> chain.Entry:
    """A row as what its link covers, if it stood at this number."""
    return chain.Entry(
        log=log,
        id=number,
        at=row.at,
        actor_id=row.actor_id,
        personal=row.personal,
        action=row.action,
        outcome=row.outcome,
        reason=row.reason,
        request_id=row.request_id,
        instance=row.instance,
        epoch=row.epoch,
        prev=row.prev,
    )


def checkpoint_of(row: Checkpoint) -> checkpoints.Checkpoint:
    """A stored checkpoint as what is signed."""
    return checkpoints.Checkpoint(**row._asdict())


def _nobody(ring: Ring, key_id: str) -> bytes:
    """The key of records in nobody's name."""
    return chain.derived_key(ring.by_id(key_id).secret, "nobody")


def _epoch_name(log: str, epoch: int) -> str:
    return f"epoch {log} {epoch}"


def _first_name(log: str) -> str:
    return f"first {log}"


def _person_name(user_id: int) -> str:
    return f"person {user_id}"
