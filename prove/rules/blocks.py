"""What must hold of blocks: whoever blocks hears nothing of what the blocked does meanwhile.

That the blocked cannot tell is not a rule of its own: their messages are answered, listed and told to their devices
by the same rules as any others, which know nothing of blocks.
"""

from collections.abc import Iterator

from prove.facts import Facts, Life
from prove.rules.timers import asked, told_timers
from prove.violation import Fault


def withheld(facts: Facts) -> Iterator[Fault]:
    """What somebody sent, edited, or set while they were certainly blocked, is never shown to who blocks."""
    for sight in facts.sights:
        message = sight.message
        life = facts.lives.get(message.client_id or "")
        if life is None or sight.person != life.recipient or not (blocks := facts.blocks.get(_pair(life))):
            continue
        written = [wish.span for wish in facts.edits(message.id) if wish.content == message.content]
        if any(facts.must_block(*_pair(life), span) for span in (life.span, *written)):
            text = f"{sight.person} was shown message {message.id} ({sight.where}), written by {life.sender}"
            yield f"{text} while they blocked them", (*(wish.first for wish in blocks), sight.line)
    for line, person, told in told_timers(facts):
        wishes = asked(facts, person, told) if told.by != person else []
        if wishes and all(facts.must_block(person, told.by, wish.span) for wish in wishes):
            text = f"{person} was told of a timer of {told.ttl_seconds} s, set by {told.by} while they blocked them"
            yield text, (*(wish.first for wish in facts.blocks[person, told.by]), line)


def _pair(life: Life) -> tuple[str, str]:
    return life.recipient, life.sender
