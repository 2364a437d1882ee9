"""What must hold of receipts: nobody has received what no device of theirs acknowledged, or read what they did not."""

from collections.abc import Iterator

from prove import history as h
from prove.facts import NEVER, Facts
from prove.history import person_of
from prove.violation import Fault
from prove.wire import MessageTold, ReceiptTold


def true(facts: Facts) -> Iterator[Fault]:
    """Each receipt, as an event or in a message, has its cause before it."""
    for line, person, told in _receipts(facts):
        text = _why_not(facts, line, person, told)
        if text:
            yield f"{person} was told that {told.by} has {told.kind} up to {told.up_to}, but {text}", (line,)
    for sight in facts.sights:
        message = sight.message
        for kind, at in (("delivered", message.delivered_at), ("read", message.read_at)):
            if at is not None and not _has(facts, sight.line, kind, message.recipient, message.sender, message.id):
                yield f"message {message.id} is {kind} at {at}, but {message.recipient} has not", (sight.line,)


def forward(facts: Facts) -> Iterator[Fault]:
    """In each log, what somebody has received or read of a talk only grows."""
    for person, (line, log) in facts.logs.items():
        last: dict[tuple[str, str, str], ReceiptTold] = {}
        for told in log.events:
            if not isinstance(told, ReceiptTold):
                continue
            key = (told.kind, told.by, told.peer)
            before = last.get(key)
            if before is not None and told.up_to < before.up_to:
                went = f"from {before.up_to} (position {before.position}) to {told.up_to} ({told.position})"
                yield f"in the log of {person}, {told.kind} by {told.by} goes back {went}", (line,)
            last[key] = told


def complete(facts: Facts) -> Iterator[Fault]:
    """In the end the sender knows what the recipient's devices have acknowledged, and what was read."""
    if facts.drained is None or not facts.drained[1].whole:
        return
    for (sender, recipient), (message_id, place) in _latest(facts).items():
        line = facts.logs[sender][0] if sender in facts.logs else 0
        if sender == recipient or not line:
            continue
        if facts.acked[recipient].before(line) >= place and _upto(facts, sender, "delivered", recipient) < message_id:
            yield f"{recipient} has message {message_id} of {sender}, who is not told (delivered)", (line,)
    done: dict[tuple[str, str], tuple[int, int]] = {}
    for wish in facts.readings:
        if wish.done is not None and wish.peer != wish.person:
            key = (wish.person, wish.peer)
            done[key] = max(done.get(key, (0, 0)), (wish.target, wish.done))
    for (reader, sender), (message_id, line) in done.items():
        gone = facts.is_gone(sender, message_id)
        if sender in facts.logs and not gone and _upto(facts, sender, "read", reader) < message_id:
            yield f"{reader} has read message {message_id} of {sender}, who is not told", (line,)


def _receipts(facts: Facts) -> Iterator[tuple[int, str, ReceiptTold]]:
    for device, steps in facts.steps.items():
        for line, step in steps:
            if isinstance(step, h.Heard) and isinstance(step.told, ReceiptTold):
                yield line, person_of(device), step.told
    for person, (line, log) in facts.logs.items():
        for told in log.events:
            if isinstance(told, ReceiptTold):
                yield line, person, told


def _why_not(facts: Facts, line: int, person: str, told: ReceiptTold) -> str:
    """Why this receipt is not true; empty when it is."""
    if told.kind not in ("delivered", "read"):
        return "there is no such kind of receipt"
    # Of the other's receipt, the talk is with them; of one's own, from another device, with `peer`.
    peer = told.peer if told.by == person else person
    if told.by != person and told.peer not in (told.by, person):
        return f"the talk is with {told.peer}"
    life = facts.by_id.get(told.up_to)
    if life is not None and life.people != {told.by, peer}:
        return f"message {told.up_to} belongs to {life.sender} and {life.recipient}"
    if not _has(facts, line, told.kind, told.by, peer, told.up_to):
        return "none of their devices has said so"
    return ""


def _has(facts: Facts, line: int, kind: str, reader: str, peer: str, message_id: int) -> bool:
    """Whether, before this line, a device of `reader` has said this. To read is to have received.

    A receipt is for everything up to its message: also for what was withheld before it.
    """
    if facts.read[reader, peer].before(line) >= message_id:
        return True
    places = facts.places.get(reader, {})
    place = places.get(message_id)
    if place is None:
        later = [(facts.by_id.get(key), found) for key, found in places.items() if key > message_id]
        place = min((found for life, found in later if life is not None and life.sender == peer), default=NEVER)
    return kind == "delivered" and facts.acked[reader].before(line) >= place


def _latest(facts: Facts) -> dict[tuple[str, str], tuple[int, int]]:
    """Of each direction of a talk: the last message that is still there, and its position with the recipient."""
    latest: dict[tuple[str, str], tuple[int, int]] = {}
    for person, (_, log) in facts.logs.items():
        for told in log.events:
            if isinstance(told, MessageTold) and told.message.recipient == person:
                latest[told.message.sender, person] = (told.message.id, told.position)
    return latest


def _upto(facts: Facts, person: str, kind: str, by: str) -> int:
    """Who has read has received."""
    log = facts.logs[person][1].events
    kinds = (kind, "read")
    return max(
        (told.up_to for told in log if isinstance(told, ReceiptTold) and told.kind in kinds and told.by == by),
        default=0,
    )
