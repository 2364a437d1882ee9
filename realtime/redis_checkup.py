"""What a Redis says about itself, for the doctor: its version, how far away it is, whether it asks for a password."""

import asyncio
import time
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, AuthorizationError, RedisError

SECONDS = 3.0


class Unreachable(Exception):
    """It does not answer, or not to us. The text is a reason, never the URL."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """`needs_password` tells whether it refuses whoever shows none."""

    version: str
    milliseconds: float
    needs_password: bool


async def look(url: str) -> Vitals:
    """Ask, changing nothing. Raises `Unreachable`."""
    client = _client(url)
    try:
        async with asyncio.timeout(SECONDS):
            await client.ping()
            began = time.perf_counter()
            await client.ping()
            took = (time.perf_counter() - began) * 1000
            server = await client.info("server")
            version = str(server.get("valkey_version") or server["redis_version"])
            return Vitals(version, took, await _needs_password(url))
    except AuthenticationError:
        raise Unreachable("it refuses this user and password") from None
    except (RedisError, OSError) as error:  # TimeoutError is an OSError
        raise Unreachable(type(error).__name__) from None
    finally:
        await client.aclose()


async def _needs_password(url: str) -> bool:
    stranger = _client(url)
    for secret in ("username", "password"):
        stranger.connection_pool.connection_kwargs.pop(secret, None)
    try:
        await stranger.ping()
    except (AuthenticationError, AuthorizationError):
        return True
    except RedisError as error:
        return "NOAUTH" in str(error)
    finally:
        await stranger.aclose()
    return False


def _client(url: str) -> Redis:
    client: Redis = Redis.from_url(url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS, retry=None)
    return client
