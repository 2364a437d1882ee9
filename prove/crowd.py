"""Everybody: the people, their devices, what they write to whom. One ticker drives all devices.

Only the first device of a person blocks and unblocks, one thing at a time, so that what holds is known.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from functools import partial
from random import Random

from prove.api import Account, Api
from prove.client import Device
from prove.history import Record, Strange, person_of
from prove.line import Line
from prove.outbox import Kind
from prove.polls import PollLine
from prove.sockets import SocketLine

TICK_SECONDS = 0.1
SECOND_DEVICE_SHARE = 0.25
POLLS_OF = 7  # each of so many has no socket
FRIENDS = 4
READ_SHARE = 0.4
EDIT_SHARE = 0.1
DELETE_SHARE = 0.05
TTL_SHARE = 0.03
MOST_TTL_SECONDS = 4
OWN_NOTE_SHARE = 0.02
BLOCK_SHARE = 0.02
BLOCK_SECONDS = (1.0, 8.0)
TIMER_SHARE = 0.06
TIMER_SECONDS = (3_600, 31_536_000)
USUAL_TIMERS = (None, None, 86_400, 604_800)
USUAL_SHARE = 0.5  # else a time that nobody else sets
INSIST_SHARE = 0.4  # of what the blocked write, to whom blocks them
MOST_LENGTH = 600
WORDS = (
    "olá",
    "va",
    "你好",
    "мир",
    "👋🏽",
    "naïve",
    "\\ \" ' < &",
    "\u202e",
    "e\u0301",
    "👩\u200d🚀",
    "tab\tline\nend",
)
SIGN_INS_AT_ONCE = 8


def people_of(clients: int, random: Random) -> dict[str, list[str]]:
    """So many devices in all; some people have two."""
    people: dict[str, list[str]] = {}
    left = clients
    while left > 0:
        count = 2 if left > 1 and random.random() < SECOND_DEVICE_SHARE else 1
        name = f"person{len(people) + 1:03}"
        people[name] = [f"{name}/{n}" for n in range(1, count + 1)]
        left -= count
    return people


def friends_of(people: Sequence[str], index: int) -> list[str]:
    """Whom somebody writes to: those around them, so that talks have two sides."""
    around = (*range(-FRIENDS // 2, 0), *range(1, FRIENDS // 2 + 1))
    return sorted({people[(index + step) % len(people)] for step in around} - {people[index]}) or [people[index]]


def text(random: Random, number: int) -> str:
    """A content that no other message has."""
    words = random.choices(WORDS, k=random.randint(1, 12))
    long = "x" * random.randrange(MOST_LENGTH) if random.random() < 0.2 else ""
    return f"{number} {' '.join(words)}{long}."


class Crowd:
    """The lines of all devices, and the load. `rate`: wishes a second, all together."""

    def __init__(self, api: Api, people: dict[str, list[str]], record: Record, random: Random, rate: float) -> None:
        names = list(people)
        self.people = names
        self.friends = {name: friends_of(names, index) for index, name in enumerate(names)}
        self.wishing = False
        self.mortal = False  # whether anything was to expire
        self.lines: list[Line] = []
        self.accounts: dict[str, Account] = {}
        # Of each first device: whom it blocks, and until when.
        self.blocks: dict[str, tuple[str, float]] = {}
        self._api = api
        self._random = random
        self._count = 0
        for name, devices in people.items():
            for each in devices:
                account = Account(api, name, each, partial(_note, record, each))
                self.accounts.setdefault(name, account)
                line = PollLine if len(self.lines) % POLLS_OF == POLLS_OF // 2 else SocketLine
                self.lines.append(line(Device(each, record, polls=line is PollLine), account, api, random))
        self._pause = len(self.lines) / rate

    async def sign_up(self) -> None:
        """Accounts for all people, sessions for all devices."""
        bound = asyncio.Semaphore(SIGN_INS_AT_ONCE)

        async def sign_in(line: Line) -> None:
            async with bound:
                await line.account.sign_in()

        async def register(name: str) -> None:
            async with bound:
                await self._api.register(name)

        await asyncio.gather(*(register(name) for name in self.people))
        await asyncio.gather(*(sign_in(line) for line in self.lines))

    async def live(self) -> None:
        """Keep all devices connected and talking, until it is cancelled. A fault of the program ends it."""
        async with asyncio.TaskGroup() as group:
            for line in self.lines:
                group.create_task(line.run())
            group.create_task(self._tick())
            group.create_task(self._renew())

    def begin(self) -> None:
        """From now on people have wishes."""
        self.wishing = True
        now = time.monotonic()
        for line in self.lines:
            line.next_wish = now + self._random.uniform(0, self._pause)

    async def _tick(self) -> None:
        while True:
            now = time.monotonic()
            for line in self.lines:
                if self.wishing and now >= line.next_wish:
                    line.next_wish = now + self._random.expovariate(1 / self._pause)
                    self._wish(line.device, now)
                self._end_block(line.device, now)
                line.tick(now)
            await asyncio.sleep(TICK_SECONDS)

    async def _renew(self) -> None:
        while True:
            for line in self.lines:
                await line.renew()
            await asyncio.sleep(1)

    def timed_by(self, person: str) -> list[str]:
        """With whom this person may have a timer."""
        return sorted({person, *self.friends[person]})

    def _wish(self, device: Device, now: float) -> None:
        """One of the things that people do. Also while they are not connected: then it waits."""
        if device.unread and self._random.random() < READ_SHARE:
            device.wish_read(self._random.choice(list(device.unread)))
        if self._random.random() < BLOCK_SHARE:
            self._begin_block(device, now)
        if self._random.random() < TIMER_SHARE:
            self._set_timer(device)
        self._count += 1
        roll = self._random.random()
        own = device.changeable if roll < EDIT_SHARE + DELETE_SHARE else []
        if own and roll < EDIT_SHARE:
            device.wish_edit(self._random.choice(own), text(self._random, self._count))
        elif own:
            device.wish_delete(self._random.choice(own))
        else:
            to = self._recipient(device.person)
            ttl = self._random.randint(1, MOST_TTL_SECONDS) if self._random.random() < TTL_SHARE else None
            self.mortal = self.mortal or ttl is not None
            client_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            device.wish_send(to, text(self._random, self._count), client_id, ttl)

    def _recipient(self, person: str) -> str:
        if self._random.random() < OWN_NOTE_SHARE:
            return person
        blockers = [person_of(name) for name, (peer, _) in self.blocks.items() if peer == person]
        if blockers and self._random.random() < INSIST_SHARE:
            return self._random.choice(blockers)
        return self._friend(person)

    def _set_timer(self, device: Device) -> None:
        """One at a time of each talk, so that its tries can be told from those of the next."""
        peer = self._recipient(device.person)
        if any(job.kind is Kind.TIMER and job.fields["peer"] == peer for job in device.outbox):
            return
        is_usual = self._random.random() < USUAL_SHARE
        device.wish_timer(peer, self._random.choice(USUAL_TIMERS) if is_usual else self._random.randint(*TIMER_SECONDS))

    def _begin_block(self, device: Device, now: float) -> None:
        peer = self._friend(device.person)
        may = device.name.endswith("/1") and device.name not in self.blocks and not _is_blocking(device)
        if may and peer != device.person:
            device.wish_block(peer)
            self.blocks[device.name] = (peer, now + self._random.uniform(*BLOCK_SECONDS))

    def _end_block(self, device: Device, now: float) -> None:
        """When its time is over, or that of the load, and not before it has begun."""
        peer, until = self.blocks.get(device.name, ("", 0.0))
        if peer and not _is_blocking(device) and (now >= until or not self.wishing):
            del self.blocks[device.name]
            device.wish_unblock(peer)

    def _friend(self, person: str) -> str:
        return self._random.choice(self.friends[person])


def _is_blocking(device: Device) -> bool:
    """Whether a block, or the end of one, waits for its answer."""
    return any(job.kind in (Kind.BLOCK, Kind.UNBLOCK) for job in device.outbox)


def _note(record: Record, device: str, text: str) -> None:
    """Something that must not happen to a device."""
    record(Strange(device=device, text=text))
