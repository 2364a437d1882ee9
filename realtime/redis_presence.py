"""Who is online, on all instances: the Redis twin. Redis holds ids of people, by instance, and no times of theirs.

- Each instance keeps one set of the people it has, `<prefix>:p:<instance>`, and a place in the list of all
  instances, `<prefix>:p`, which runs out unless it is renewed. Renewing costs the same for any number of people.
- An instance that dies has no say any more once its place has run out; any other takes over what it left behind,
  piece by piece, and tells who is gone.
- What is asked and changed goes to Redis in one script each, so that of two instances that change one person
  exactly one learns that it was the last, or the first.
- Without Redis it knows of this instance only. When Redis is back it may have forgotten everything, and each instance
  notices in its own time: whoever is told about until then is told about again behind it, as it is for all.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Collection, Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from realtime.presence import Clock, Here

log = logging.getLogger("recado.presence")

MAX_BATCH = 2000
_ID = re.compile(r"[0-9]{1,16}")
# The place of an instance runs out after so many graces; it is renewed after each.
GRACES_TO_LIVE = 3
# What a dead instance leaves behind stays as long as so many lives, for others to take over.
LIVES_TO_KEEP = 20
# So long after Redis was away, or has forgotten, the others have noticed as well.
GRACES_TO_SETTLE = 2

_START = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local list, own = ARGV[1], ARGV[2]
local others = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', list, '(' .. now, '+inf')) do
  if name ~= own then others[#others + 1] = list .. ':' .. name end
end
local function elsewhere(ids)
  local found = {}
  for k = 1, #ids do found[k] = 0 end
  for _, key in ipairs(others) do
    for k, is in ipairs(redis.call('SMISMEMBER', key, unpack(ids))) do
      if is == 1 then found[k] = 1 end
    end
  end
  return found
end
"""
# ARGV: the list, the own name, ids. Answers one digit per id: 1 when another instance has them.
_AMONG = (
    _START
    + """
local ids = {}
for k = 3, #ARGV do ids[k - 2] = ARGV[k] end
return table.concat(elsewhere(ids))
"""
)
# ARGV: the list, the own name, how long to keep in ms, how many have come, the ids of these and of who has gone.
# Answers a digit for the own place, whether it is there, and one per id as above.
_MOVE = (
    _START
    + """
local key, ids = list .. ':' .. own, {}
for k = 5, #ARGV do
  ids[k - 4] = ARGV[k]
  redis.call(k - 4 <= tonumber(ARGV[4]) and 'SADD' or 'SREM', key, ARGV[k])
end
redis.call('PEXPIRE', key, ARGV[3])
return (redis.call('ZSCORE', list, own) and '1' or '0') .. table.concat(elsewhere(ids))
"""
)
# ARGV: the list, the own name, how long to keep and how long to live in ms, how many to take over at most.
# Answers whether the own place was there, then who was left behind by a dead instance and is nowhere else.
_RENEW = (
    _START
    + """
local known = redis.call('ZSCORE', list, own)
redis.call('ZADD', list, now + ARGV[4], own)
redis.call('PEXPIRE', list, ARGV[3])
redis.call('PEXPIRE', list .. ':' .. own, ARGV[3])
local answer = {known and 1 or 0}
local dead = redis.call('ZRANGEBYSCORE', list, '-inf', now, 'LIMIT', 0, 1)[1]
if dead then
  local left = redis.call('SPOP', list .. ':' .. dead, ARGV[5])
  if #left < tonumber(ARGV[5]) then redis.call('ZREM', list, dead) end
  if #left > 0 then
    local own_too = redis.call('SMISMEMBER', list .. ':' .. own, unpack(left))
    for k, is in ipairs(elsewhere(left)) do
      if is == 0 and own_too[k] == 0 then answer[#answer + 1] = left[k] end
    end
  end
end
return table.concat(answer, ' ')
"""
)


class RedisPresence:
    """A `Presence`. Its place among the instances lives for three times the grace."""

    def __init__(
        self,
        url: str,
        prefix: str = "recado",
        *,
        grace_seconds: float = 10.0,
        timeout_seconds: float = 0.25,
        retry_seconds: float = 1.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self.fell_back = 0  # times it answered from this instance alone
        self._here = Here(grace_seconds, clock)
        self.come = self._here.come
        self.go = self._here.go
        self._list = f"{prefix}:p"
        self._name = secrets.token_hex(8)
        self._grace_seconds = grace_seconds
        self._life = int(grace_seconds * 1000) * GRACES_TO_LIVE
        self._timeout_seconds = timeout_seconds
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._is_away = False
        self._away_until = 0.0
        self._renewed = self._renew_at = -float("inf")
        self._unsaved: dict[int, None] = {}  # of whom Redis does not know yet whether they are here
        self._restored: set[int] = set()  # of these nothing has changed: Redis has only forgotten them
        self._told_alone: dict[int, bool] = {}  # what was told of them while Redis was away
        self._reported: list[int] = []  # by the last turn: to be told now
        self._again: set[int] = set()  # who is to be told about again, when all have noticed that Redis is back
        self._settled_at = -float("inf")
        self._pool: Any = BlockingConnectionPool.from_url(
            url, max_connections=2, timeout=timeout_seconds, socket_connect_timeout=timeout_seconds
        )
        redis = Redis(connection_pool=self._pool)
        self._among, self._move, self._renew = (redis.register_script(text) for text in (_AMONG, _MOVE, _RENEW))

    async def turn(self) -> list[int]:
        """See `Presence`."""
        self._unsaved.update(dict.fromkeys(self._here.changes()))
        changed: list[int] = []
        try:
            if self._clock() >= self._renew_at:
                changed += await self._renew_place()
            while self._unsaved:
                changed += await self._save(list(self._unsaved)[:MAX_BATCH])
            if self._again and self._clock() >= self._settled_at:
                changed += self._again
                self._again = set()
        except _Away:
            changed += self._alone()
        self._reported = changed
        return changed

    async def among(self, user_ids: Collection[int]) -> set[int]:
        """See `Presence`."""
        found = {user_id for user_id in user_ids if user_id in self._here}
        others = [user_id for user_id in user_ids if user_id not in found]
        try:
            for start in range(0, len(others), MAX_BATCH):
                some = others[start : start + MAX_BATCH]
                digits = await self._digits(self._among, some, len(some))
                found.update(user_id for user_id, digit in zip(some, digits, strict=True) if digit == "1")
        except _Away:
            self.fell_back += 1
            self._again.update(self._reported)  # those who are elsewhere may not be told now
        return found

    async def aclose(self) -> None:
        """See `Presence`."""
        await self._pool.disconnect()

    async def _renew_place(self) -> list[int]:
        """Take our place again; the people of a dead instance who are gone with it."""
        began = self._clock()
        known, *left = (await self._ask(self._renew, (self._life * LIVES_TO_KEEP, self._life, MAX_BATCH))).split()
        if known == "0":
            self._restore(silent_for=began - self._renewed)
        self._renewed = began
        # While there is somebody to take over, the next turn goes on.
        self._renew_at = began if left else began + self._grace_seconds
        return [int(user_id) for user_id in left if _ID.fullmatch(user_id)]

    def _restore(self, *, silent_for: float) -> None:
        """We are new, or Redis has lost our place: give it everybody. Have others seen us fade, tell of them again."""
        known = [user_id for user_id in self._here if user_id not in self._unsaved]
        self._restored.update(known)
        self._unsaved.update(dict.fromkeys(known))
        if silent_for > self._life / 1000:
            self._again.update(known)
        if self._renewed > -float("inf"):
            self._unsettle()

    def _unsettle(self) -> None:
        self._settled_at = self._clock() + GRACES_TO_SETTLE * self._grace_seconds

    async def _save(self, people: Sequence[int]) -> list[int]:
        """Bring these into line; those of whom no other instance has said the same."""
        came = [user_id for user_id in people if user_id in self._here]
        went = [user_id for user_id in people if user_id not in self._here]
        arguments = (self._life * LIVES_TO_KEEP, len(came), *came, *went)
        digits = await self._digits(self._move, arguments, 1 + len(people))
        if digits[0] == "0":
            self._renew_at = -float("inf")
            self._unsettle()
        settled = self._clock() >= self._settled_at
        changed = []
        for user_id, digit in zip(came + went, digits[1:], strict=True):
            del self._unsaved[user_id]
            restored = user_id in self._restored
            self._restored.discard(user_id)
            told = self._told_alone.pop(user_id, None) is not None
            if told or not (settled or restored):
                self._again.add(user_id)
            if digit == "0" and not (told or restored):
                changed.append(user_id)
        return changed

    def _alone(self) -> list[int]:
        """Whom to tell about as far as this instance knows; told once."""
        self.fell_back += 1
        changed = []
        for user_id in self._unsaved:
            is_here = user_id in self._here
            if user_id not in self._restored and self._told_alone.get(user_id) is not is_here:
                self._told_alone[user_id] = is_here
                changed.append(user_id)
        return changed

    async def _digits(self, script: Any, arguments: Sequence[int], count: int) -> str:
        digits = await self._ask(script, arguments)
        if len(digits) != count:
            raise self._gone_away("too few answers")
        return digits

    async def _ask(self, script: Any, arguments: Sequence[int]) -> str:
        """Run a script; `_Away` when Redis is out of reach, or was a moment ago."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._away_until:
            raise _Away
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply: bytes = await script(args=[self._list, self._name, *arguments])
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            raise self._gone_away(type(error).__name__) from None
        if self._is_away:
            self._is_away = False
            log.info("presence is known of all instances again")
        return reply.decode(errors="replace")

    def _gone_away(self, reason: str) -> "_Away":
        self._away_until = asyncio.get_running_loop().time() + self._retry_seconds
        self._renew_at = -float("inf")  # at once when it is back: it may have forgotten everything
        self._unsettle()
        if not self._is_away:
            self._is_away = True
            log.warning("presence is known of this instance only: %s", reason)
        return _Away()


class _Away(Exception):
    """Redis is out of reach."""
