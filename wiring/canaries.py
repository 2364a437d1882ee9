"""Whether the keys at hand are the database's own: each ring must open a canary that was stored with its data."""

from collections.abc import Mapping

from crypto import at_rest
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Keys, Ring
from models.facts import Canaries


def make_canaries(keys: Keys) -> Canaries:
    """A canary of each ring's current key."""
    made: Canaries = {}
    for purpose, ring in rings_of(keys).items():
        key_id, sealed = at_rest.make_canary(ring, purpose)
        made[purpose, key_id] = sealed
    return made


def strangers(rings: Mapping[str, Ring], canaries: Canaries) -> dict[str, list[str]]:
    """The purposes whose ring opens none of its canaries, with the ids of the keys that would."""
    needed: dict[str, list[str]] = {}
    for purpose, ring in rings.items():
        ids = [key_id for known, key_id in canaries if known == purpose]
        if ids and not any(_opens(ring, purpose, key_id, canaries[purpose, key_id]) for key_id in ids):
            needed[purpose] = ids
    return needed


def rings_of(keys: Keys) -> dict[str, Ring]:
    """The rings by purpose."""
    return {
        "master": keys.master,
        "access": keys.access,
        "pepper": keys.pepper,
        "token": keys.token,
        "bus": keys.bus,
        "audit": keys.audit,
        "push": keys.push,
    }


def _opens(ring: Ring, purpose: str, key_id: str, sealed: bytes) -> bool:
    try:
        at_rest.check_canary(ring, purpose, key_id, sealed)
    except (Tampered, UnknownKey):
        return False
    return True
