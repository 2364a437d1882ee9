"""History → violations. Pure: whoever was there wrote the history, here it is only read.

The judge believes nothing but what clients were shown, and demands nothing that the contract does not promise: a try
without an answer may have taken effect, now or later; one that was answered has, from then on and for ever.
"""

from collections.abc import Iterable

from prove.facts import gather
from prove.history import Entry
from prove.rules import blocks, changes, devices, logs, messages, receipts, timers, times
from prove.violation import Rule, Violation

# Name → rule, those first whose evidence is plainest.
RULES: dict[str, Rule] = {
    "every log was read": logs.all_read,
    "nothing strange was heard": devices.nothing_strange,
    "positions have no gap and no double": logs.positions,
    "one epoch": logs.one_epoch,
    "every message once in a log": logs.once,
    "ids grow with positions": logs.ids_grow,
    "positions follow commit order": logs.commit_order,
    "what was acknowledged is in both logs": messages.acknowledged,
    "nothing that nobody sent": messages.sent_by_somebody,
    "contents intact": messages.intact,
    "a repeat gets the first answer": messages.first_answer,
    "no refusal without a cause": messages.refusals,
    "everything is answered in the end": messages.unanswered,
    "lists agree with logs": messages.lists,
    "unread counts are true": messages.unread,
    "who blocks hears nothing of the blocked": blocks.withheld,
    "the same order on every device": devices.agree,
    "every device has everything": devices.whole,
    "nothing twice on a connection": devices.once_each,
    "the welcome is true": devices.welcomes,
    "who is connected hears in time": times.heard,
    "who is sent away comes back spread": times.spread,
    "edits are reflected": changes.edits,
    "deletions are reflected": changes.deletions,
    "what was to expire has": changes.expiries,
    "nothing is gone without a cause": changes.causes,
    "nothing deleted comes back": changes.no_return,
    "receipts are true": receipts.true,
    "receipts never go back": receipts.forward,
    "receipts come in the end": receipts.complete,
    "timers are reflected": timers.reflected,
    "no timer is told without a cause": timers.caused,
    "every device goes by the same timer": timers.kept,
}


def check(entries: Iterable[Entry]) -> list[Violation]:
    """Every violation, in the order of the rules."""
    facts = gather(entries)
    return [Violation(name, text, lines) for name, rule in RULES.items() for text, lines in rule(facts)]
