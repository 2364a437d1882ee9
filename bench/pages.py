"""M7: a page of 50 out of very many messages costs what it costs out of few, and is found by indexes only."""

import asyncio
import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg2

from actions import conversations, listen, messages
from bench import calls, plans
from bench.api import CallFailed, Client
from bench.filling import BYTES_PER_MESSAGE, PEERS, STRANGERS, Cast, fill
from bench.goals import CONVERSATIONS, DEEP, EVENTS, LARGE, OLD_EVENTS, OWN, QUIET, SMALL, WITH_PEER
from bench.machine import pinned
from bench.plans import Ask, Cost
from bench.results import Run
from bench.stage import Bench
from bench.subjects import Subject

PAGE = 50
FEW = 1_000
TURNS = 30  # messages each way that are real, at either end of the long conversation
CREATED, OK, NO_CONTENT = 201, 200, 204
LARGEST_ID = 2**53 - 1
TEXT = "message "


@dataclass(frozen=True, slots=True)
class Page:
    """One call: its path and who makes it, where its messages are in the answer, and the action behind it."""

    path: str
    token: str
    texts: Callable[[Any], list[str]]
    count: int
    ask: Ask


@dataclass(slots=True)
class Shelf:
    """A server with a filled database, and the pages that are read from it."""

    subject: Subject
    pages: Mapping[str, Page]
    costs: Mapping[str, Cost]
    messages: int
    seconds: float


def pages(bench: Bench) -> Iterator[Run]:
    """M7: the two take turns within each round."""
    shelves = {LARGE: _filled(bench, LARGE, bench.size.table), SMALL: _filled(bench, SMALL, FEW)}
    with shelves[LARGE].subject, shelves[SMALL].subject:
        for turn in range(bench.size.rounds):
            for case in shelves[LARGE].pages:
                found = {title: _read(bench, shelf, case) for title, shelf in shelves.items()}
                told = compared(found)
                for title, values in told.items():
                    yield Run("M7", case, title, turn, values)
                both = " and ".join(f"{told[title]['cost_us']:,.0f} µs" for title in (LARGE, SMALL))
                bench.tell(f"M7 {case}: {both} of CPU")


def compared(found: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The figures of one round, those of the large table in relation to the small one.

    What a call costs is CPU, the server's and the databases' together: time is also that of everybody else.
    """
    told = {title: {**values, "cost_us": _cost(values)} for title, values in found.items()}
    few = told[SMALL]
    times = {f"times_{key}": told[LARGE][key] / few[key] for key in ("cost_us", "wall_us") if few[key]}
    return {LARGE: told[LARGE] | times, SMALL: few}


def _cost(values: Mapping[str, float]) -> float:
    return values["cpu_us"] + values.get("database_cpu_us", 0.0)


def _read(bench: Bench, shelf: Shelf, case: str) -> dict[str, float]:
    page, cost = shelf.pages[case], shelf.costs[case]
    with pinned(bench.cores.load), Client(shelf.subject.url) as client:
        count = bench.size.calls // 5
        values = calls.repeated(shelf.subject, client, page.path, page.token, count, bench.database_pids)
    return {
        **values,
        "pages": cost.pages,
        "statements": cost.statements,
        "other_scans": len(cost.other_scans),
        "messages": shelf.messages,
        "filling_seconds": shelf.seconds,
    }


def _filled(bench: Bench, title: str, count: int) -> Shelf:
    """A server whose database is filled: real messages at both ends, what cannot be opened between them."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < 2 * BYTES_PER_MESSAGE * count:
        raise CallFailed(f"{count:,} messages need {2 * BYTES_PER_MESSAGE * count / 1e9:.0f} GB of free disk")
    url = bench.new_database()
    subject = bench.main(database_url=url, title=title)
    subject.start()
    try:
        library = _Library(subject)
        last = library.write_old()
        subject.stop()  # tables are changed
        bench.tell(f"M7 {title}: {count:,} messages are filled in")
        seconds = fill(url, library.cast, count, bench.tell)
        bench.tell(f"M7 {title}: filled in {seconds:.0f} s")
        subject.start()
        library.write_new()
        found = library.pages(last)
        with pinned(bench.cores.load):
            library.check(found)
            asked = {case: (page.token, page.ask) for case, page in found.items()}
            costs = asyncio.run(plans.costs(subject.environment, asked))
    except psycopg2.Error as error:
        raise CallFailed(f"the database cannot be filled: {error}") from error
    finally:
        subject.stop()
    for case, cost in costs.items():
        if title == LARGE and cost.other_scans:
            bench.tell(f"M7 {case}: {', '.join(cost.other_scans)}")
    return Shelf(subject, found, costs, count, seconds)


class _Library:
    """The people of one database, and what they really write."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        # Names that end alike look alike: each of these differs in its letters.
        prefix = f"page{secrets.token_hex(3)}"
        self.cast = Cast(
            reader=f"{prefix}reader",
            peers=[f"{prefix}peer{number}" for number in range(PEERS)],
            strangers=[(f"{prefix}from{number}", f"{prefix}to{number}") for number in range(STRANGERS)],
        )
        self.quiet = (f"{prefix}quiet", f"{prefix}calm")
        self.tokens: dict[str, str] = {}

    def write_old(self) -> int:
        """Make everybody, and every conversation; the id of the last message."""
        everybody = [self.cast.reader, *self.cast.peers, *self.quiet]
        everybody += [name for pair in self.cast.strangers for name in pair]
        with Client(self.subject.url) as client:
            self.tokens = {name: client.join(name) for name in everybody}
            for pair in (*self.cast.strangers, *((self.cast.reader, peer) for peer in self.cast.peers)):
                self._talk(client, pair, 1)
            self._talk(client, self.quiet, TURNS)
            return self._talk(client, (self.cast.reader, self.cast.peers[0]), TURNS)

    def write_new(self) -> None:
        """Read everything, and write again: what is newest in each conversation can be opened."""
        with Client(self.subject.url) as client:
            token = self.tokens[self.cast.reader]
            for peer in self.cast.peers:
                path = f"/api/conversations/{peer}/read/"
                client.wanted(NO_CONTENT, "POST", path, {"up_to": LARGEST_ID}, token=token)
                self._talk(client, (self.cast.reader, peer), 1)
            self._talk(client, (self.cast.reader, self.cast.peers[0]), TURNS)

    def _talk(self, client: Client, pair: tuple[str, str], turns: int) -> int:
        last = 0
        for turn in range(turns):
            for sender, recipient in (pair, pair[::-1]):
                said = {"recipient": recipient, "content": f"{TEXT}{turn} ".ljust(100, ".")}
                sent = client.wanted(CREATED, "POST", "/api/auth/send/", said, token=self.tokens[sender])
                last = int(sent["id"])
        return last

    def pages(self, last_old: int) -> dict[str, Page]:
        """Case → page."""
        mine, theirs, peer = self.tokens[self.cast.reader], self.tokens[self.quiet[0]], self.cast.peers[0]
        with Client(self.subject.url) as client:
            head = int(client.wanted(OK, "GET", "/api/events/?after=0&limit=1", token=mine)["position"])
        listed, before = f"/api/auth/messages/?limit={PAGE}", last_old + 1
        newest = head - PAGE
        return {
            OWN: Page(listed, mine, _texts, PAGE, lambda app, caller: messages.list_own(app, caller, limit=PAGE + 1)),
            WITH_PEER: Page(
                f"{listed}&with={peer}", mine, _texts, PAGE,
                lambda app, caller: messages.list_own(app, caller, limit=PAGE + 1, peer=peer),
            ),
            DEEP: Page(
                f"{listed}&before={before}", mine, _texts, PAGE,
                lambda app, caller: messages.list_own(app, caller, limit=PAGE + 1, before=before),
            ),
            QUIET: Page(
                listed, theirs, _texts, PAGE, lambda app, caller: messages.list_own(app, caller, limit=PAGE + 1)
            ),
            CONVERSATIONS: Page(
                f"/api/conversations/?limit={PAGE}", mine, _last_texts, PEERS,
                lambda app, caller: conversations.list_own(app, caller, limit=PAGE + 1, before=None),
            ),
            EVENTS: Page(
                f"/api/events/?after={newest}&limit={PAGE}", mine, _event_texts, PAGE, _events_after(newest)
            ),
            OLD_EVENTS: Page(f"/api/events/?after=0&limit={PAGE}", mine, _event_texts, PAGE, _events_after(0)),
        }  # fmt: skip

    def check(self, pages: Mapping[str, Page]) -> None:
        """Each page has what it should, and all of it can be opened."""
        with Client(self.subject.url) as client:
            for case, page in pages.items():
                answer = client.wanted(OK, "GET", page.path, token=page.token)
                texts = page.texts(answer)
                if len(texts) != page.count or not all(text.startswith(TEXT) for text in texts):
                    raise CallFailed(f"{case}: not the page that was wanted: {json.dumps(answer)[:300]}")


def _texts(answer: Any) -> list[str]:
    return [message["content"] for message in answer]


def _last_texts(answer: Any) -> list[str]:
    return [conversation["last_message"]["content"] for conversation in answer]


def _event_texts(answer: Any) -> list[str]:
    return [event["message"]["content"] for event in answer["events"]]


def _events_after(position: int) -> Ask:
    return lambda app, caller: listen.events_after(app, caller, position=position, epoch=None, limit=PAGE, wait=0)
