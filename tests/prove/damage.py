"""A true history, and ways to damage it so that one promise is broken: for each rule of the checker at least one."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from msgspec.structs import replace

from prove import history as h
from prove import wire
from prove.history import Entry
from tests.prove.toy import World

E = TypeVar("E")
Damage = Callable[[list[Entry]], None]


@cache
def true_history() -> tuple[Entry, ...]:
    """A run in which much happens."""
    return tuple(World(7).run(900))


def first(entries: Sequence[Entry], kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> tuple[int, E]:
    """The first entry of this kind that fits, and where it stands."""
    return next((n, each) for n, each in enumerate(entries) if isinstance(each, kind) and fits(each))


def change(entries: list[Entry], kind: type[Any], fits: Callable[[Any], bool] = lambda _: True, **fields: Any) -> Any:
    """Other fields for the first entry that fits; what it was."""
    at, entry = first(entries, kind, fits)
    entries[at] = replace(entry, **fields)
    return entry


def tells(kind: type) -> Callable[[h.Heard], bool]:
    return lambda heard: isinstance(heard.told, kind)


def with_events(entries: list[Entry], turn: Callable[[list[wire.Told]], Any], person: str = "p1") -> None:
    """Other events in a person's final log."""
    at, log = first(entries, h.Logged, lambda each: each.person == person)
    events = list(log.events)
    turn(events)
    entries[at] = replace(log, events=events)


def other_text(entries: list[Entry]) -> None:
    at, heard = first(entries, h.Heard, tells(wire.MessageTold))
    message = replace(heard.told.message, content="something else")
    entries[at] = replace(heard, told=replace(heard.told, message=message))


def other_text_in_the_log(entries: list[Entry]) -> None:
    def turn(events: list[wire.Told]) -> None:
        at = next(n for n, told in enumerate(events) if isinstance(told, wire.MessageTold))
        events[at] = replace(events[at], message=replace(events[at].message, content="something else"))

    with_events(entries, turn)


def a_message_of_nobody(entries: list[Entry]) -> None:
    at, heard = first(entries, h.Heard, tells(wire.MessageTold))
    message = replace(heard.told.message, client_id="never sent")
    entries[at] = replace(heard, told=replace(heard.told, message=message))


def swapped_in_the_log(entries: list[Entry], far: int = 1) -> None:
    def turn(events: list[wire.Told]) -> None:
        one, two = [n for n, told in enumerate(events) if isinstance(told, wire.MessageTold)][::far][-2:]
        events[one], events[two] = (
            replace(events[two], position=events[one].position),
            replace(events[one], position=events[two].position),
        )

    with_events(entries, turn)


def swapped_far_apart(entries: list[Entry]) -> None:
    swapped_in_the_log(entries, far=12)


def swapped_on_a_device(entries: list[Entry]) -> None:
    at, one = first(entries, h.Heard, tells(wire.MessageTold))
    device, position = one.device, one.told.position
    after, two = first(
        entries,
        h.Heard,
        lambda each: each.device == device and each.told.position > position and tells(wire.MessageTold)(each),
    )
    entries[at] = replace(one, told=replace(two.told, position=position))
    entries[after] = replace(two, told=replace(one.told, position=two.told.position))


def a_gap(entries: list[Entry]) -> None:
    with_events(entries, lambda events: events.pop(3))


def a_double_position(entries: list[Entry]) -> None:
    with_events(entries, lambda events: events.insert(3, events[3]))


def a_message_twice(entries: list[Entry]) -> None:
    def turn(events: list[wire.Told]) -> None:
        message = next(told.message for told in events if isinstance(told, wire.MessageTold))
        events.append(wire.MessageTold(len(events) + 1, message))

    with_events(entries, turn)
    at, log = first(entries, h.Logged, lambda each: each.person == "p1")
    entries[at] = replace(log, position=len(log.events))


def acknowledged_and_lost(entries: list[Entry]) -> None:
    """Out of one log, without a gap."""

    def turn(events: list[wire.Told]) -> None:
        at = max(n for n, told in enumerate(events) if isinstance(told, wire.MessageTold))
        events[at:] = [replace(told, position=told.position - 1) for told in events[at + 1 :]]

    with_events(entries, turn)
    at, log = first(entries, h.Logged, lambda each: each.person == "p1")
    entries[at] = replace(log, position=len(log.events))


def never_heard(entries: list[Entry]) -> None:
    """One event is taken from one device, whenever it was told."""
    answered = {(each.device, each.position) for each in entries if isinstance(each, h.Answered)}
    _, heard = first(
        entries,
        h.Heard,
        lambda each: each.told.position > 5 and (each.device, each.told.position) not in answered,
    )
    position, device = heard.told.position, heard.device
    entries[:] = [
        each
        for each in entries
        if not (isinstance(each, h.Heard) and each.device == device and each.told.position == position)
    ]


def heard_again(entries: list[Entry]) -> None:
    at, heard = first(entries, h.Heard)
    entries.insert(at + 1, heard)


def receipt_from_the_future(entries: list[Entry]) -> None:
    at, heard = first(entries, h.Heard, tells(wire.ReceiptTold))
    newest = max(told.message.id for each in entries if isinstance(each, h.Logged) for told in each.events
                 if isinstance(told, wire.MessageTold))  # fmt: skip
    entries[at] = replace(heard, told=replace(heard.told, up_to=newest + 1))


def delivered_too_early(entries: list[Entry]) -> None:
    """No device of the one who is said to have it has said so."""
    at, heard = first(entries, h.Heard, lambda each: tells(wire.ReceiptTold)(each) and each.told.kind == "delivered")
    entries[:at] = [
        each
        for each in entries[:at]
        if not (isinstance(each, h.Acked | h.Reading) and h.person_of(each.device) == heard.told.by)
    ]


def receipt_goes_back(entries: list[Entry]) -> None:
    def turn(events: list[wire.Told]) -> None:
        newest = {}
        for told in events:
            if isinstance(told, wire.ReceiptTold):
                key = (told.kind, told.by)
                if key in newest:
                    events[told.position - 1] = replace(told, up_to=newest[key].up_to - 1)
                    return
                newest[key] = told

    with_events(entries, turn)


def no_receipts(entries: list[Entry]) -> None:
    def turn(events: list[wire.Told]) -> None:
        events[:] = [told for told in events if not isinstance(told, wire.ReceiptTold)]

    with_events(entries, turn)


def delivered_field_without_cause(entries: list[Entry]) -> None:
    at, answer = first(entries, h.Answered)
    entries[at] = replace(answer, message=replace(answer.message, delivered_at="now"))


def second_answer_differs(entries: list[Entry]) -> None:
    at, answer = first(entries, h.Answered, lambda each: each.position is not None)
    entries.insert(at + 1, replace(answer, duplicate=True, message=replace(answer.message, id=answer.message.id + 1)))


def stored_as_new_twice(entries: list[Entry]) -> None:
    at, answer = first(entries, h.Answered, lambda each: each.via == "rest" and not each.duplicate)
    entries.insert(at + 1, answer)


def duplicate_at_once(entries: list[Entry]) -> None:
    tries = [each.client_id for each in entries if isinstance(each, h.Tried)]
    change(entries, h.Answered, lambda each: tries.count(each.client_id) == 1, duplicate=True)


def position_of_another(entries: list[Entry]) -> None:
    at, answer = first(entries, h.Answered, lambda each: each.position is not None)
    entries[at] = replace(answer, position=answer.position + 1)


def edit_lost(entries: list[Entry]) -> None:
    """An edit that was answered is nowhere."""
    _, log = first(entries, h.Logged, lambda each: each.person == "p1")
    edited = next(told.message for told in log.events if isinstance(told, wire.EditedTold))
    _, tried = first(entries, h.Tried, lambda each: each.client_id == edited.client_id)

    def turn(events: list[wire.Told]) -> None:
        for n, told in enumerate(events):
            if isinstance(told, wire.MessageTold | wire.EditedTold) and told.message.id == edited.id:
                events[n] = replace(told, message=replace(told.message, content=tried.content))

    with_events(entries, turn)


def deleted_and_there(entries: list[Entry]) -> None:
    """The list still has it."""
    _, log = first(entries, h.Logged, lambda each: each.person == "p1")
    gone = next(told.id for told in log.events if isinstance(told, wire.DeletedTold))
    _, answer = first(entries, h.Answered, lambda each: each.message.id == gone)
    at, listed = first(entries, h.Listed, lambda each: each.person == "p1")
    entries[at] = replace(listed, messages=[*listed.messages, answer.message])


def deleted_by_nobody(entries: list[Entry]) -> None:
    at, heard = first(entries, h.Heard, tells(wire.MessageTold))
    message = heard.told.message
    entries[:] = [
        each for each in entries if not (isinstance(each, h.Changing) and each.id == message.id and not each.content)
    ]
    at, heard = first(entries, h.Heard, tells(wire.MessageTold))
    entries[at] = replace(heard, told=wire.DeletedTold(heard.told.position, heard.told.message.id, "p0"))


def not_in_the_list(entries: list[Entry]) -> None:
    at, listed = first(entries, h.Listed)
    entries[at] = replace(listed, messages=listed.messages[1:])


def old_talk(entries: list[Entry]) -> None:
    at, listed = first(entries, h.Listed)
    entries[at] = replace(listed, talks=listed.talks[1:])


def old_head(entries: list[Entry]) -> None:
    """A device comes back behind what was acknowledged."""
    at = max(n for n, each in enumerate(entries) if isinstance(each, h.Welcomed))
    entries[at] = replace(entries[at], position=1)


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a text is changed on its way": ("contents intact", other_text),
    "a text is changed in the log": ("contents intact", other_text_in_the_log),
    "a message that nobody sent": ("nothing that nobody sent", a_message_of_nobody),
    "two messages change places in a log": ("ids grow with positions", swapped_in_the_log),
    "the log's order is not that of the commits": ("positions follow commit order", swapped_far_apart),
    "a device has another order": ("the same order on every device", swapped_on_a_device),
    "a position is missing": ("positions have no gap and no double", a_gap),
    "a position is there twice": ("positions have no gap and no double", a_double_position),
    "a message is there twice": ("every message once in a log", a_message_twice),
    "an acknowledged message is lost": ("what was acknowledged is in both logs", acknowledged_and_lost),
    "a device lacks an event": ("every device has everything", never_heard),
    "an event is told twice": ("nothing twice on a connection", heard_again),
    "a receipt for what was not sent yet": ("receipts are true", receipt_from_the_future),
    "a receipt before the acknowledgement": ("receipts are true", delivered_too_early),
    "delivered_at before any acknowledgement": ("receipts are true", delivered_field_without_cause),
    "a receipt goes back": ("receipts never go back", receipt_goes_back),
    "receipts never come": ("receipts come in the end", no_receipts),
    "a repeat is answered with another message": ("a repeat gets the first answer", second_answer_differs),
    "a repeat is stored as new": ("a repeat gets the first answer", stored_as_new_twice),
    "the first try is called a duplicate": ("a repeat gets the first answer", duplicate_at_once),
    "an answer names another position": ("a repeat gets the first answer", position_of_another),
    "an answered edit is lost": ("edits are reflected", edit_lost),
    "an answered deletion is not done": ("deletions are reflected", deleted_and_there),
    "a message vanishes": ("nothing is gone without a cause", deleted_by_nobody),
    "a list lacks a message": ("lists agree with logs", not_in_the_list),
    "a talk is missing": ("lists agree with logs", old_talk),
    "the head goes back": ("the welcome is true", old_head),
    "a reset for no reason": ("the welcome is true", lambda entries: change(
        entries, h.Welcomed, lambda each: each.outcome == "recovered", outcome="reset")),
    "another epoch": ("one epoch", lambda entries: change(
        entries, h.Welcomed, lambda each: each.outcome == "recovered", epoch="e2")),
    "something that no contract has": ("nothing strange was heard", lambda entries: entries.append(
        h.Strange(device="p0/1", text="?"))),
    "an internal error": ("no refusal without a cause", lambda entries: entries.append(
        h.Refused(device="p0/1", ref="x", code="internal", detail="", final=False))),
    "refused for good": ("no refusal without a cause", lambda entries: entries.append(
        h.Refused(device="p0/1", ref="x", code="not_found", detail="", final=True))),
    "no answer at all": ("everything is answered in the end", lambda entries: entries.append(
        h.Unfinished(device="p0/1", ref="x", kind="edit"))),
    "a log is missing": ("every log was read", lambda entries: entries.pop(first(entries, h.Logged)[0])),
    "no end": ("every log was read", lambda entries: entries.pop(first(entries, h.Drained)[0])),
}  # fmt: skip
