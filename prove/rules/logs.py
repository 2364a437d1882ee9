"""What must hold of each person's final log, read from the beginning by long poll."""

from collections import Counter
from collections.abc import Iterator

from prove import history as h
from prove.facts import NEVER, Facts, Life
from prove.violation import Fault
from prove.wire import MessageTold


def all_read(facts: Facts) -> Iterator[Fault]:
    """Without all logs nothing is proven."""
    for person in facts.devices:
        if person not in facts.logs or person not in facts.lists:
            yield f"the log or the list of {person} could not be read at the end", ()
    if facts.drained is None:
        yield "the run did not come to its end", ()


def positions(facts: Facts) -> Iterator[Fault]:
    """1, 2, 3 … up to the head."""
    for person, (line, log) in facts.logs.items():
        found = [told.position for told in log.events]
        wanted = list(range(1, log.position + 1))
        if found != wanted:
            missing = sorted(set(wanted) - set(found))[:10]
            twice = sorted(position for position, times in Counter(found).items() if times > 1)[:10]
            order = "in order" if found == sorted(found) else "not in order"
            yield f"the log of {person}, head {log.position}: missing {missing}, twice {twice}, {order}", (line,)


def one_epoch(facts: Facts) -> Iterator[Fault]:
    """The log was neither lost nor rebuilt, so its name never changes."""
    first: str | None = None
    told = [(line, log.epoch) for line, log in facts.logs.values()]
    steps = [each for of_device in facts.steps.values() for each in of_device]
    told += [(line, step.standing.epoch) for line, step in steps if isinstance(step, h.Welcomed)]
    for line, epoch in sorted(told):
        first = first or epoch
        if epoch != first:
            yield f"the epoch was {first}, now it is {epoch}", (line,)
            return


def once(facts: Facts) -> Iterator[Fault]:
    """An id has one message event; a `client_id` has one id."""
    for person, (line, log) in facts.logs.items():
        places: dict[int, int] = {}
        ids: dict[tuple[str, str], int] = {}
        for told in log.events:
            if not isinstance(told, MessageTold):
                continue
            message = told.message
            if message.id in places:
                at = places[message.id]
                yield f"message {message.id} came to {person} at {at} and again at {told.position}", (line,)
            places[message.id] = told.position
            key = (message.sender, message.client_id or "")
            if ids.setdefault(key, message.id) != message.id:
                both = f"{ids[key]} and {message.id}"
                yield f"client_id {message.client_id} of {message.sender} is {both} with {person}", _tries(facts, key)


def ids_grow(facts: Facts) -> Iterator[Fault]:
    """Who sorts by id and who sorts by position see the same order."""
    for person, (line, log) in facts.logs.items():
        last = 0
        for told in log.events:
            if isinstance(told, MessageTold):
                if told.message.id < last:
                    yield f"at {told.position} of {person}, message {told.message.id} stands behind {last}", (line,)
                last = told.message.id


def commit_order(facts: Facts) -> Iterator[Fault]:
    """What was acknowledged before something else was sent at all stands before it, in every log that has both."""
    lives = {message_id: life for message_id, life in facts.by_id.items() if life.answers}
    for person, places in facts.places.items():
        earliest, whose = NEVER, 0
        for message_id, position in sorted(places.items(), key=lambda item: -item[1]):
            life = lives.get(message_id)
            if life is None:
                continue
            if earliest < life.tries[0]:
                text = f"message {message_id} at {position} of {person} was sent when {whose}, behind it, was answered"
                yield text, (earliest, life.tries[0])
            if (answered := _answered(life)) < earliest:
                earliest, whose = answered, message_id


def _answered(life: Life) -> int:
    return min(line for line, _ in life.answers)


def _tries(facts: Facts, key: tuple[str, str]) -> tuple[int, ...]:
    life = facts.lives.get(key[1])
    return tuple(life.tries) if life else ()
