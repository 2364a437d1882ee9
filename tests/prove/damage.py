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
    events = list(log.page.events)
    turn(events)
    entries[at] = replace(log, page=replace(log.page, events=events))


def close_up(entries: list[Entry], person: str = "p1") -> None:
    """The head of a person's final log is where its events end."""
    at, log = first(entries, h.Logged, lambda each: each.person == person)
    entries[at] = replace(log, page=replace(log.page, position=len(log.page.events)))


def with_sent(entries: list[Entry], at: int, **fields: Any) -> h.Answered:
    """The answer that stands there, with other fields."""
    answer = entries[at]
    assert isinstance(answer, h.Answered)
    return replace(answer, sent=replace(answer.sent, **fields))


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


def swapped_in_the_log(entries: list[Entry], which: int = -2) -> None:
    def turn(events: list[wire.Told]) -> None:
        places = [n for n, told in enumerate(events) if isinstance(told, wire.MessageTold)]
        one, two = places[which], places[-1]
        events[one], events[two] = (
            replace(events[two], position=events[one].position),
            replace(events[one], position=events[two].position),
        )

    with_events(entries, turn)


def swapped_far_apart(entries: list[Entry]) -> None:
    swapped_in_the_log(entries, which=0)


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
    close_up(entries)


def acknowledged_and_lost(entries: list[Entry]) -> None:
    """Out of one log, without a gap."""

    def turn(events: list[wire.Told]) -> None:
        at = max(n for n, told in enumerate(events) if isinstance(told, wire.MessageTold))
        events[at:] = [replace(told, position=told.position - 1) for told in events[at + 1 :]]

    with_events(entries, turn)
    close_up(entries)


def never_heard(entries: list[Entry]) -> None:
    """One event is taken from one device, whenever it was told."""
    answered = {(each.device, each.sent.position) for each in entries if isinstance(each, h.Answered)}
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
    newest = max(told.message.id for each in entries if isinstance(each, h.Logged) for told in each.page.events
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
    entries[at] = with_sent(entries, at, message=replace(answer.sent.message, delivered_at="now"))


def second_answer_differs(entries: list[Entry]) -> None:
    at, answer = first(entries, h.Answered, lambda each: each.sent.position > 0)
    message = replace(answer.sent.message, id=answer.sent.message.id + 1)
    entries.insert(at + 1, with_sent(entries, at, duplicate=True, message=message))


def stored_as_new_twice(entries: list[Entry]) -> None:
    at, answer = first(entries, h.Answered, lambda each: each.via == "rest" and not each.sent.duplicate)
    entries.insert(at + 1, answer)


def duplicate_at_once(entries: list[Entry]) -> None:
    tries = [each.client_id for each in entries if isinstance(each, h.Tried)]
    at, _ = first(entries, h.Answered, lambda each: tries.count(each.sent.client_id) == 1)
    entries[at] = with_sent(entries, at, duplicate=True)


def position_of_another(entries: list[Entry]) -> None:
    at, answer = first(entries, h.Answered, lambda each: each.sent.position > 0)
    entries[at] = with_sent(entries, at, position=answer.sent.position + 1)


def edit_lost(entries: list[Entry]) -> None:
    """An edit that was answered is nowhere."""
    _, log = first(entries, h.Logged, lambda each: each.person == "p1")
    edited = next(told.message for told in log.page.events if isinstance(told, wire.EditedTold))
    _, tried = first(entries, h.Tried, lambda each: each.client_id == edited.client_id)

    def turn(events: list[wire.Told]) -> None:
        for n, told in enumerate(events):
            if isinstance(told, wire.MessageTold | wire.EditedTold) and told.message.id == edited.id:
                events[n] = replace(told, message=replace(told.message, content=tried.content))

    with_events(entries, turn)


def deleted_and_there(entries: list[Entry]) -> None:
    """The list still has it."""
    _, log = first(entries, h.Logged, lambda each: each.person == "p1")
    gone = next(told.id for told in log.page.events if isinstance(told, wire.DeletedTold))
    _, answer = first(entries, h.Answered, lambda each: each.sent.message.id == gone)
    at, listed = first(entries, h.Listed, lambda each: each.person == "p1")
    entries[at] = replace(listed, messages=[*listed.messages, answer.sent.message])


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
    entries[at] = replace(entries[at], standing=replace(entries[at].standing, position=1))


def other_welcome(entries: list[Entry], **fields: Any) -> None:
    """A device that resumes is told something else."""
    at, welcomed = first(entries, h.Welcomed, lambda each: each.standing.outcome == "recovered")
    entries[at] = replace(welcomed, standing=replace(welcomed.standing, **fields))


def another_count(entries: list[Entry]) -> None:
    """One more is unread than there is."""
    at, listed = first(entries, h.Listed)
    talk = listed.talks[0]
    entries[at] = replace(listed, talks=[replace(talk, unread=talk.unread + 1), *listed.talks[1:]])


def timer_of_nobody(entries: list[Entry], **fields: Any) -> None:
    """Something else is told of what one has set to the other."""
    at, heard = first(
        entries, h.Heard, lambda each: tells(wire.TimerTold)(each) and each.told.by != h.person_of(each.device)
    )
    entries[at] = replace(heard, told=replace(heard.told, **fields))


def timer_told_again(entries: list[Entry]) -> None:
    def turn(events: list[wire.Told]) -> None:
        last = next(told for told in reversed(events) if isinstance(told, wire.TimerTold))
        events.append(replace(last, position=len(events) + 1))

    with_events(entries, turn)
    close_up(entries)


def timer_not_in_the_log(entries: list[Entry]) -> None:
    """No timer that somebody has set stands in the log, and there is no gap."""

    def turn(events: list[wire.Told]) -> None:
        left = [told for told in events if not isinstance(told, wire.TimerTold)]
        events[:] = [replace(told, position=position) for position, told in enumerate(left, 1)]

    with_events(entries, turn)
    close_up(entries)


def timer_forgotten(entries: list[Entry]) -> None:
    """What was set last is not there in the end, for anybody."""
    for at, each in enumerate(entries):
        if isinstance(each, h.Listed):
            talks = [replace(talk, ttl_seconds=None) for talk in each.talks]
            entries[at] = replace(each, talks=talks, timers=dict.fromkeys(each.timers))


def timer_for_one(entries: list[Entry]) -> None:
    """One of the two sees another time."""
    at, listed = first(entries, h.Listed, lambda each: any(each.timers.values()))
    entries[at] = replace(listed, timers={peer: seconds and seconds + 1 for peer, seconds in listed.timers.items()})


def timer_answered_otherwise(entries: list[Entry]) -> None:
    at, done = first(entries, h.Fulfilled, lambda each: each.timer is not None)
    entries[at] = replace(done, timer=replace(done.timer, ttl_seconds=1))


def timer_never_heard(entries: list[Entry]) -> None:
    """A device is told of no timer; whoever believes it has all goes by none."""
    entries[:] = [each for each in entries if not (isinstance(each, h.Heard) and isinstance(each.told, wire.TimerTold))]


def another_timer_in_the_list(entries: list[Entry]) -> None:
    at, listed = first(entries, h.Listed)
    talk = listed.talks[0]
    talk = replace(talk, ttl_seconds=1 + (talk.ttl_seconds or 0))
    entries[at] = replace(listed, talks=[talk, *listed.talks[1:]])


def block_without_effect(entries: list[Entry]) -> None:
    """Somebody had blocked everybody from the very beginning."""
    blocks: list[Entry] = []
    for peer in ("p1", "p2"):
        blocks.append(h.Blocking(device="p0/1", ref=f"block {peer}", peer=peer, ends=False, via="rest"))
        blocks.append(h.Fulfilled(device="p0/1", ref=f"block {peer}"))
    entries[1:1] = blocks


def late(entries: list[Entry], seconds: float = 60.0) -> None:
    """A message was acknowledged a minute before its recipient, connected all the time, heard of it."""
    at, heard = first(
        entries,
        h.Heard,
        lambda each: tells(wire.MessageTold)(each) and each.told.message.recipient == h.person_of(each.device),
    )
    entries[at:] = [replace(each, at=seconds) for each in entries[at:]]
    welcome = next(
        n for n in reversed(range(at)) if isinstance(entries[n], h.Welcomed) and entries[n].device == heard.device
    )
    acked = h.Answered(
        device="p9/1", via="v1", sent=wire.Sent(heard.told.message.client_id or "", heard.told.message, 0, True)
    )
    entries.insert(welcome + 1, acked)


def all_at_once(entries: list[Entry]) -> None:
    """Thirty devices are sent away, and told to come back in the same moment."""
    bye = wire.Bye(1012, "restart", 1500)
    entries += [h.Dismissed(device=f"p0/{n}", bye=bye) for n in range(30)]


def in_one_crowd(entries: list[Entry]) -> None:
    """They are told to come back one after another, and come together."""
    entries += [h.Dismissed(device=f"p0/{n}", bye=wire.Bye(1012, "restart", n * 100)) for n in range(30)]
    entries += [h.Opened(device=f"p0/{n}", via="v1", position=1, at=9.0) for n in range(30)]


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
    "a reset for no reason": ("the welcome is true", lambda entries: other_welcome(entries, outcome="reset")),
    "another epoch": ("one epoch", lambda entries: other_welcome(entries, epoch="e2")),
    "a count of unread is wrong": ("unread counts are true", another_count),
    "a timer that nobody set": ("no timer is told without a cause", lambda entries: timer_of_nobody(
        entries, ttl_seconds=7)),
    "a timer that a third has set": ("no timer is told without a cause", lambda entries: timer_of_nobody(
        entries, by="p9")),
    "a timer of another talk": ("no timer is told without a cause", lambda entries: timer_of_nobody(
        entries, peer="p9")),
    "a timer is told that is set already": ("no timer is told without a cause", timer_told_again),
    "a timer is in no log": ("timers are reflected", timer_not_in_the_log),
    "a timer that was answered is lost": ("timers are reflected", timer_forgotten),
    "a timer is another one for one of the two": ("timers are reflected", timer_for_one),
    "a timer is answered with another": ("timers are reflected", timer_answered_otherwise),
    "a device is not told of a timer": ("every device goes by the same timer", timer_never_heard),
    "a list tells another timer": ("every device goes by the same timer", another_timer_in_the_list),
    "a block has no effect": ("who blocks hears nothing of the blocked", block_without_effect),
    "a message comes a minute late": ("who is connected hears in time", late),
    "those sent away are told the same time": ("who is sent away comes back spread", all_at_once),
    "those sent away come all at once": ("who is sent away comes back spread", in_one_crowd),
    "something that no contract has": ("nothing strange was heard", lambda entries: entries.append(
        h.Strange(device="p0/1", text="?"))),
    "an internal error": ("no refusal without a cause", lambda entries: entries.append(
        h.Refused(device="p0/1", error=wire.Error("internal", "", "x"), final=False))),
    "refused for good": ("no refusal without a cause", lambda entries: entries.append(
        h.Refused(device="p0/1", error=wire.Error("not_found", "", "x"), final=True))),
    "no answer at all": ("everything is answered in the end", lambda entries: entries.append(
        h.Unfinished(device="p0/1", ref="x", kind="edit"))),
    "a log is missing": ("every log was read", lambda entries: entries.pop(first(entries, h.Logged)[0])),
    "no end": ("every log was read", lambda entries: entries.pop(first(entries, h.Drained)[0])),
}  # fmt: skip
