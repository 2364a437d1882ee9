"""What must hold of edits, deletions and what expires.

A change that was answered holds, unless a later one came. One that was not answered may have happened, or may yet:
also when it was tried twice, the first try of which can be late. Whoever blocks the sender is told of no edit, and
goes on seeing the text from before; of a deletion they are told.
"""

from collections.abc import Iterator

from prove import history as h
from prove.facts import GONE, Facts, Life, Sight, Wish
from prove.violation import Fault
from prove.wire import DeletedTold, EditedTold, ExpiredTold

# So long after its time is over a message may still be there: the instances delete every 5 s.
EXPIRY_SECONDS = 7.0


def edits(facts: Facts) -> Iterator[Fault]:
    """The last text is that of a change that no other has certainly replaced, and is the same for both people."""
    final = _final_sights(facts)
    for message_id, life in facts.by_id.items():
        wishes = facts.edits(message_id)
        if not wishes:
            continue
        hidden = {wish.ref for wish in wishes if facts.may_block(life.recipient, life.sender, wish.span)}
        done = [wish for wish in wishes if wish.done is not None]
        texts: set[str] = set()
        for sight in final.get(message_id, ()):
            if hidden and sight.person == life.recipient:
                continue  # which text they see is told by `blocks.withheld`
            texts.add(sight.message.content)
            if sight.message.content not in _admissible(life, wishes):
                lines = (*(wish.first for wish in done), sight.line)
                yield f"message {message_id} ends with {sight.message.content[:60]!r}, which was replaced", lines
        if len(texts) > 1:
            yield f"message {message_id} ends with {len(texts)} texts", tuple(s.line for s in final[message_id])
        for person in facts.concerned(message_id, life):
            told = [each for each in facts.mentions.get((person, message_id), ()) if isinstance(each, EditedTold)]
            due = [wish for wish in done if person == life.sender or wish.ref not in hidden]
            if due and not told and not facts.is_gone(person, message_id):
                yield f"the log of {person} has no edit of message {message_id}", (due[0].first, due[0].done or 0)
            tries = sum(len(wish.tries) for wish in wishes)
            if len(told) > tries:
                yield f"the log of {person} has {len(told)} edits of message {message_id}, tried {tries} times", ()


def deletions(facts: Facts) -> Iterator[Fault]:
    """What was deleted is gone, for both people, and its text with it."""
    final = _final_sights(facts)
    for message_id, life in facts.by_id.items():
        done = next((wish for wish in facts.deletions(message_id) if wish.done is not None), None)
        gone = {person: facts.is_gone(person, message_id) for person in facts.concerned(message_id, life)}
        if len(set(gone.values())) > 1:
            yield f"message {message_id} is gone for one of its people only: {gone}", tuple(life.tries)
        if done is not None and not all(gone.values()):
            yield f"message {message_id} was deleted, but no log says so", (done.first, done.done or 0)
        if any(gone.values()) and message_id in final:
            sight = final[message_id][0]
            yield f"message {message_id} is gone, but {sight.person} can read it ({sight.where})", (sight.line,)


def expiries(facts: Facts) -> Iterator[Fault]:
    """What was to live for a while is gone when its time is long over."""
    for message_id, life in facts.by_id.items():
        if life.ttl is None:
            continue
        line = life.answers[0][0]
        for person in facts.concerned(message_id, life):
            read_line = facts.logs[person][0]
            lived = facts.at(read_line) - facts.at(line)
            if lived > life.ttl + EXPIRY_SECONDS and not facts.is_gone(person, message_id):
                text = f"message {message_id} was to live {life.ttl} s, and is in the log of {person}"
                yield f"{text} after {lived:.0f} s", (line, read_line)


def causes(facts: Facts) -> Iterator[Fault]:
    """Nobody's message is deleted unless they asked for it, or expires unless it was to."""
    told = [
        (line, step.told)
        for steps in facts.steps.values()
        for line, step in steps
        if isinstance(step, h.Heard) and isinstance(step.told, GONE)
    ]
    told += [(line, each) for line, log in facts.logs.values() for each in log.events if isinstance(each, GONE)]
    for line, each in told:
        life = facts.by_id.get(each.id)
        asked = any(wish.first < line for wish in facts.deletions(each.id))
        expires = life is not None and life.ttl is not None
        # Of a message that was never acknowledged to its sender nothing is known but what its events say.
        if life is not None and isinstance(each, DeletedTold) and not asked and not expires:
            yield f"message {each.id} was deleted, but nobody asked for it", (line,)
        if life is not None and isinstance(each, ExpiredTold) and not expires and not asked:
            yield f"message {each.id} has expired, but was to stay", (line,)


def no_return(facts: Facts) -> Iterator[Fault]:
    """Who connects after a deletion was answered is never shown the text again."""
    done = {
        message_id: min(wish.done for wish in facts.deletions(message_id) if wish.done is not None)
        for message_id in facts.changes
        if any(wish.done is not None for wish in facts.deletions(message_id))
    }
    opened: dict[str, list[int]] = {
        device: [line for line, step in steps if isinstance(step, h.Opened)] for device, steps in facts.steps.items()
    }
    for sight in facts.sights:
        gone_at = done.get(sight.message.id)
        if gone_at is None or sight.device is None or sight.where != "event" or sight.line < gone_at:
            continue
        began = max((line for line in opened[sight.device] if line < sight.line), default=0)
        if began > gone_at:
            yield f"{sight.device} was shown the deleted message {sight.message.id}", (gone_at, began, sight.line)


def _final_sights(facts: Facts) -> dict[int, list[Sight]]:
    final: dict[int, list[Sight]] = {}
    for sight in facts.sights:
        if sight.device is None:
            final.setdefault(sight.message.id, []).append(sight)
    return final


def _admissible(life: Life, wishes: list[Wish]) -> set[str | None]:
    """The texts that may be the last: a register whose writes overlap."""
    done = [wish for wish in wishes if wish.done is not None]
    texts = {wish.content for wish in wishes if not any(other.first > wish.end for other in done)}
    return texts if done else {*texts, life.content}
