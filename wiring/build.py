"""Everything is built here, once, and passed on: the rooms do not know one another."""

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import models.audit
import models.facts
import models.keys
import models.migrate
from actions.app import App, Hashing, Policy
from actions.audit_keeper import Keeper
from actions.push_queue import Push
from crypto import envelope
from crypto.keyring import ADDED, PURPOSES, Keys, Ring, format_ring, make_key, parse_ring
from handlers.base import Doorway
from handlers.origins import Origins, parse_networks
from handlers.pace import Allowance
from handlers.pulse import Pulse
from models.db import Database
from models.writer import Writer
from realtime.buckets import Buckets, MemoryBuckets
from realtime.bus import Bus, LocalBus
from realtime.hub import Hub
from realtime.presence import LocalPresence, Presence
from settings import Settings
from wiring.canaries import make_canaries, rings_of, strangers
from wiring.secret_files import create_secrets, secret_texts
from wiring.settings_values import SettingsError

WEB = Path(__file__).parent.parent / "web" / "dist"
MOST_WAITING_HASHES = 64


def milliseconds() -> int:
    """The system's clock."""
    return time.time_ns() // 1_000_000


async def open_database(settings: Settings) -> Database:
    """The database, migrated if the settings say so; `SettingsError` when it is not as this version needs it."""
    if settings.database.engine == "sqlite":
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = Database(settings.database.url, threads=settings.database.threads)
    try:
        if settings.database.migrate:
            await models.migrate.up(db)
        state = await models.migrate.state(db)
    except models.migrate.Changed as error:
        await db.close()
        raise SettingsError(f"database: {error}") from error
    except BaseException:
        await db.close()
        raise
    if state.pending:
        await db.close()
        raise SettingsError("database: migrations are pending: run `python server.py migrate`")
    return db


async def load_keys(settings: Settings, environ: Mapping[str, str], db: Database) -> Keys:
    """The key rings; made now when the database is as fresh as they are, or has never known their purpose.

    `SettingsError` when one is missing, weak, or cannot open what the database holds.
    """
    texts = secret_texts(settings, environ, PURPOSES)
    canaries = await models.facts.canaries(db)
    missing = [purpose for purpose, text in texts.items() if text is None]
    lost = [purpose for purpose in missing if purpose not in ADDED or any(known == purpose for known, _ in canaries)]
    if lost and canaries:
        raise SettingsError(
            f"secrets: {', '.join(lost)}: no key, but the database holds what was sealed with one:"
            f" restore the key files in {settings.secrets_dir}"
        )
    if missing:
        try:
            create_secrets(settings.secrets_dir, {purpose: format_ring(Ring((make_key(),))) for purpose in missing})
        except SettingsError as error:
            wanted = f"secrets: {', '.join(missing)}: no key: `python server.py keys init` makes it where it can write"
            raise SettingsError(wanted, *error.faults) from error
        texts = secret_texts(settings, environ, PURPOSES)
    keys = parse_keys(texts)
    await check_keys(keys, db)
    models.audit.keep(db, Keeper(lambda: keys.audit))
    await models.audit.adopt(db)
    return keys


def parse_keys(texts: Mapping[str, str | None]) -> Keys:
    """The rings from their texts; `SettingsError` with a line for each one that is not good."""
    rings: dict[str, Ring] = {}
    faults = []
    for purpose, text in texts.items():
        try:
            rings[purpose] = parse_ring(text or "")
        except ValueError as error:
            faults.append(f"secrets: {purpose}: {error}")
    if faults:
        raise SettingsError(*faults)
    try:
        return Keys(**rings)
    except ValueError as error:
        raise SettingsError(f"secrets: {error}") from error


async def check_keys(keys: Keys, db: Database) -> None:
    """`SettingsError` when these are not the database's keys, or one is missing that something is sealed with."""
    offered = make_canaries(keys)
    stored = await models.facts.add_missing_canaries(db, offered)
    faults = [
        f"secrets: {purpose}: this is not the database's own key (it needs {' or '.join(ids)})"
        for purpose, ids in strangers(rings_of(keys), stored).items()
    ]
    if faults:
        raise SettingsError(*faults)
    # A ring that was given a new current key: the older ones may go as soon as this is known.
    if not offered.keys() <= stored.keys():
        await models.facts.add_canaries(db, offered)
    missing = await models.keys.masters(db) - {key.id for key in keys.master.keys}
    if missing:
        raise SettingsError(
            *(
                f"secrets: master: key {key_id} is missing, and the database holds what is sealed with it"
                for key_id in sorted(missing)
            )
        )


def build_app(settings: Settings, db: Database, keys: Keys) -> App:
    """Everything an action may reach, not yet started."""
    hub = Hub(settings.websocket.max_total_queued_bytes)
    app: App = App(
        db=db,
        writer=Writer(db),
        keys=keys,
        # The keys change while it runs: see live_keys.py.
        bus=_bus(settings, hub, lambda: app.keys.bus),
        hub=hub,
        buckets=_buckets(settings),
        here=MemoryBuckets(),
        hashing=Hashing(threads=settings.auth.hash_threads, most_waiting=MOST_WAITING_HASHES),
        policy=_policy(settings),
        clock=milliseconds,
        presence=_presence(settings),
        push=build_push(settings),
    )
    return app


def build_push(settings: Settings) -> Push:
    """What pushing needs, but for who carries pushes out: only a server has that, no command."""
    server = settings.server
    site = server.public_url if server.public_url.startswith("https://") else ""
    known = "" if server.security_contact.startswith("tel:") else server.security_contact
    return Push(
        contact=settings.push.contact or known or site,
        delay=settings.push.delay_seconds * 1000,
        extra_hosts=settings.push.extra_hosts,
    )


def build_doorway(settings: Settings, app: App) -> Doorway:
    """What every handler is given."""
    return Doorway(
        app=app,
        origins=Origins(
            trusted_proxies=parse_networks(settings.server.trusted_proxies),
            allowed_origins=frozenset(settings.server.allowed_origins),
            allowed_hosts=frozenset(settings.server.allowed_hosts),
            public=settings.server.public_url,
        ),
        max_body_bytes=settings.server.max_body_bytes,
        max_frame_bytes=settings.websocket.max_frame_bytes,
        max_queued_bytes=settings.websocket.max_queued_bytes,
        websocket_query_token=settings.auth.websocket_query_token,
        cookie_days=settings.auth.refresh_absolute_days,
        heartbeat_seconds=settings.websocket.heartbeat_seconds,
        pulse=Pulse(settings.websocket.ping_seconds, settings.websocket.ping_timeout_seconds),
        allowance=_allowance(settings) if settings.limits.enabled else None,
        security_contact=settings.server.security_contact,
    )


def _allowance(settings: Settings) -> Allowance:
    bounds = settings.websocket
    return Allowance(bounds.frames_per_second, bounds.frames_burst, bounds.flood_seconds)


def _policy(settings: Settings) -> Policy:
    return Policy(
        bcrypt_rounds=settings.auth.bcrypt_rounds,
        access_minutes=settings.auth.access_minutes,
        refresh_idle_days=settings.auth.refresh_idle_days,
        refresh_absolute_days=settings.auth.refresh_absolute_days,
        registration=settings.auth.registration,
        password_min_length=settings.auth.password_min_length,
        max_sessions=settings.auth.max_sessions,
        max_length=settings.messages.max_length,
        max_ttl_seconds=settings.messages.max_ttl_seconds,
        events_days=settings.messages.events_days,
        limits_enabled=settings.limits.enabled,
        sockets_per_user=settings.websocket.sockets_per_user,
        presence=settings.websocket.presence,
        second_factor=settings.auth.second_factor,
    )


def _bus(settings: Settings, hub: Hub, ring: Callable[[], Ring]) -> Bus:
    if not settings.redis.url:
        return LocalBus(hub)
    # Loaded only where it is used: the client alone takes a good part of a fast start.
    from realtime.redis_bus import ORIGIN_BYTES, RedisBus  # noqa: PLC0415

    return RedisBus(
        settings.redis.url,
        hub,
        secrets.token_bytes(ORIGIN_BYTES),
        lambda payload: envelope.seal_envelope(ring(), payload),
        lambda sealed: envelope.open_envelope(ring(), sealed),
        settings.redis.prefix,
    )


def _presence(settings: Settings) -> Presence:
    grace = settings.websocket.presence_grace_seconds
    if not (settings.redis.url and settings.websocket.presence):
        return LocalPresence(grace)
    from realtime.redis_presence import RedisPresence  # noqa: PLC0415

    return RedisPresence(settings.redis.url, settings.redis.prefix, grace_seconds=grace)


def _buckets(settings: Settings) -> Buckets:
    if not settings.redis.url:
        return MemoryBuckets()
    from realtime.leases import Leases  # noqa: PLC0415
    from realtime.redis_buckets import RedisBuckets  # noqa: PLC0415

    return Leases(RedisBuckets(settings.redis.url, settings.redis.prefix))
