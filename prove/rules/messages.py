"""What must hold of messages: stored once what was acknowledged, shown as it was sent, and nothing else."""

from collections.abc import Iterator

from prove.facts import Facts, Life
from prove.outbox import Kind
from prove.violation import Fault
from prove.wire import Message, Sent

MOST_UNREAD = 1_000  # stands for more


def acknowledged(facts: Facts) -> Iterator[Fault]:
    """An answer is a promise to both people, but for one who blocks; that it is there only once is a rule of logs."""
    for life in facts.lives.values():
        promised = {life.sender} if facts.may_block(life.recipient, life.sender, life.span) else life.people
        for line, answer in life.answers[:1]:
            for person in sorted(promised & facts.logs.keys()):
                if answer.message.id not in facts.places.get(person, {}):
                    told = f"message {answer.message.id} ({life.client_id}) was acknowledged"
                    yield f"{told}, but is not in the log of {person}", (life.tries[0], line)


def sent_by_somebody(facts: Facts) -> Iterator[Fault]:
    """Whatever is shown as a message is one that its sender has sent, before, to this recipient."""
    told: set[tuple[int, str]] = set()
    for sight in facts.sights:
        message = sight.message
        life = facts.lives.get(message.client_id or "")
        text = ""
        if life is None or life.tries[0] > sight.line:
            text = "nobody has sent it"
        elif (message.sender, message.recipient) != (life.sender, life.recipient):
            text = f"it was sent by {life.sender} to {life.recipient}"
        elif sight.person not in life.people:
            text = f"{sight.person} has no part in it"
        if text and (message.id, text) not in told:
            told.add((message.id, text))
            lines = (sight.line,) if life is None else (life.tries[0], sight.line)
            yield f"{_name(message)} was shown to {sight.person} ({sight.where}), but {text}", lines


def intact(facts: Facts) -> Iterator[Fault]:
    """A message says what was sent, or what somebody has asked for since; its identity never changes."""
    first: dict[int, tuple[int, Message]] = {}
    for sight in sorted(facts.sights, key=lambda each: each.line):
        message = sight.message
        line, known = first.setdefault(message.id, (sight.line, message))
        if _identity(known) != _identity(message):
            yield f"message {message.id} was {_identity(known)}, then {_identity(message)}", (line, sight.line)
        life = facts.lives.get(message.client_id or "")
        if life is None or _may_say(facts, life, message, sight.line):
            continue
        where = f"shown to {sight.person} ({sight.where})"
        yield f"{_name(message)} says {message.content[:60]!r}, {where}: not what was sent", (life.tries[0], sight.line)


def first_answer(facts: Facts) -> Iterator[Fault]:
    """All answers to one `client_id` name the same message at the same place; only one of them is the first."""
    for life in facts.lives.values():
        if not life.answers:
            continue
        line, first = life.answers[0]
        place = next((answer.position for _, answer in life.answers if answer.position), None)
        for other_line, answer in life.answers[1:]:
            same = _identity(answer.message) == _identity(first.message) and answer.message.id == first.message.id
            same = same and answer.position in (0, place)
            if not same:
                yield f"{life.client_id} was answered {_told(first)}, then {_told(answer)}", (line, other_line)
        fresh = [n for n, answer in life.answers if not answer.duplicate]
        if len(fresh) > 1:
            yield f"{life.client_id} was stored as new {len(fresh)} times", (*life.tries, *fresh)
        if first.duplicate and len([n for n in life.tries if n < line]) == 1:
            yield f"{life.client_id} was sent once, and called a duplicate", (life.tries[0], line)
        if first.client_id != first.message.client_id:
            yield f"the answer to {life.client_id} names {first.message.client_id}", (line,)
        if place is not None and (real := facts.places.get(life.sender, {}).get(first.message.id, place)) != place:
            where = f"position {place} of {life.sender}, but it is at {real}"
            yield f"message {first.message.id} was acknowledged at {where}", (line,)


def refusals(facts: Facts) -> Iterator[Fault]:
    """Trouble is told as something that passes; for good is refused only what cannot be done."""
    gone = {
        wish.ref
        for target, wishes in facts.changes.items()
        for wish in wishes
        if facts.deletions(target) or (target in facts.by_id and facts.by_id[target].ttl is not None)
    }
    for line, refused in facts.refusals:
        error = refused.error
        if error.code == "internal" or (refused.final and not (error.code == "not_found" and error.ref in gone)):
            yield f"{refused.device}: {error.ref or '(no ref)'}: {error.code} ({error.detail})", (line,)


def unanswered(facts: Facts) -> Iterator[Fault]:
    """When all is mended, whatever was asked for is answered."""
    for line, left in facts.unfinished:
        tries = facts.lives[left.ref].tries if left.kind == Kind.SEND and left.ref in facts.lives else []
        yield f"{left.device} has no answer to {left.kind} {left.ref}", (*tries, line)


def lists(facts: Facts) -> Iterator[Fault]:
    """The list of messages, and of talks, is what the log says, also of what was withheld from somebody."""
    for person, (line, listed) in facts.lists.items():
        if person not in facts.logs:
            continue
        alive = {key: None for key in facts.places.get(person, {}) if not facts.is_gone(person, key)}
        found = [message.id for message in listed.messages]
        if found != sorted(alive, reverse=True):
            lacks, more = sorted(alive.keys() - set(found))[:10], sorted(set(found) - alive.keys())[:10]
            yield f"the list of {person} lacks {lacks}, has beyond its log {more}, or is not in order", (line,)
        newest: dict[str, int] = {}
        for message in listed.messages:
            newest.setdefault(message.recipient if message.sender == person else message.sender, message.id)
        talks = {talk.peer: talk.last_message.id for talk in listed.talks}
        if talks != newest:
            odd = sorted(set(talks.items()) ^ set(newest.items()))[:6]
            yield f"the talks of {person} do not end with the newest messages: {odd}", (line,)


def unread(facts: Facts) -> Iterator[Fault]:
    """In the end each talk counts what has come, is there, and was not read by any device."""
    if facts.drained is None or not facts.drained[1].whole:
        return
    for person, (line, listed) in facts.lists.items():
        for talk in listed.talks:
            upto = facts.read[person, talk.peer].before(line)
            left = [each.id for each in listed.messages if each.sender == talk.peer != person and each.id > upto]
            if talk.unread != min(len(left), MOST_UNREAD):
                text = f"{person} is told of {talk.unread} unread of {talk.peer}, but has read up to {upto}"
                yield f"{text} and there are {len(left)} behind it: {left[:6]}", (line,)


def _may_say(facts: Facts, life: Life, message: Message, line: int) -> bool:
    if message.content == life.content:
        return True
    if any(wish.content == message.content and wish.first < line for wish in facts.edits(message.id)):
        return True
    # A repeat of what has been destroyed is answered with an empty text.
    gone = life.ttl is not None or any(wish.first < line for wish in facts.deletions(message.id))
    return gone and message.content == "" and any(n == line for n, _ in life.answers)


def _identity(message: Message) -> tuple[str, str, str, str | None, str | None]:
    return message.sender, message.recipient, message.timestamp, message.client_id, message.expires_at


def _name(message: Message) -> str:
    return f"message {message.id} ({message.sender} to {message.recipient}, client_id {message.client_id})"


def _told(answer: Sent) -> str:
    return f"{answer.message.id} at {answer.position or 'a place not told'}"
