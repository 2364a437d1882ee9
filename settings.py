"""Settings: read once from settings.toml and the environment, checked whole, then passed on, never imported.

`load` collects every fault before it gives up, one line each; no line, and no repr, shows a password. An
option is a field of a section: its annotation says what it takes, `settings.toml` teaches what it does.
Secrets are no settings: `secret_files.py` reads them and makes those that are missing.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import quote, unquote, urlsplit

from wiring import settings_values as must
from wiring.secret_files import create_secrets, read_private, secret_texts
from wiring.settings_values import SettingsError, masked, matching, meant, within

__all__ = ["Settings", "SettingsError", "create_secrets", "load", "masked", "secret_texts"]

# The file itself is named by RECADO_SETTINGS; the tests and the benchmarks have variables of their own.
_NOT_OPTIONS = re.compile(r"RECADO_(SETTINGS|(TEST|BENCH)_.*)")
# What Kubernetes and Docker set for a neighbour that is called "recado".
_NEIGHBOURS = re.compile(r"RECADO_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)")
_CUSTOMARY = {"server.port": "PORT", "database.url": "DATABASE_URL", "redis.url": "REDIS_URL"}
# These may carry a password, so they are never shown, and may stand in a file of their own.
_HUSHED = frozenset({"database.url", "redis.url"})


class _Section:
    """Base of the sections: shows no password."""

    __slots__ = ()

    def __repr__(self) -> str:
        values = asdict(self).items()  # type: ignore[call-overload]  # each section is a dataclass
        shown = (f"{key}={masked(value) if isinstance(value, str) else value!r}" for key, value in values)
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, slots=True, repr=False)
class Server(_Section):
    """[server]: where it listens, and whom it believes."""

    host: Annotated[str, must.host] = "127.0.0.1"
    port: Annotated[int, within(0, 65535)] = 8000
    data_dir: Annotated[str, must.path] = "data"
    public_url: Annotated[str, lambda text: text and must.origin(text)] = ""
    allowed_origins: Annotated[tuple[str, ...], must.origins] = ()
    allowed_hosts: Annotated[tuple[str, ...], must.hosts] = ()
    trusted_proxies: Annotated[tuple[str, ...], must.networks] = ()
    security_contact: Annotated[str, lambda text: text and must.contact(text)] = ""
    max_body_bytes: Annotated[int, within(4096, 16_777_216)] = 262_144


@dataclass(frozen=True, slots=True, repr=False)
class Database(_Section):
    """[database]: where everything durable lies. After `load`, `url` is never empty."""

    url: Annotated[str, lambda text: text and must.database(text)] = ""
    threads: Annotated[int, within(1, 64)] = 4
    migrate: Annotated[bool, bool] = True

    @property
    def engine(self) -> str:
        """sqlite or postgresql."""
        return self.url.partition(":")[0]


@dataclass(frozen=True, slots=True, repr=False)
class Redis(_Section):
    """[redis]: the bus between several instances; an empty `url` means the bus within this one."""

    url: Annotated[str, lambda text: text and must.redis(text)] = ""
    prefix: Annotated[str, matching(r"[a-z0-9_-]{1,32}", "1 to 32 of a-z, 0-9, _ and -")] = "recado"


@dataclass(frozen=True, slots=True, repr=False)
class Auth(_Section):
    """[auth]: passwords, tokens, sessions."""

    bcrypt_rounds: Annotated[int, within(4, 16)] = 12
    hash_threads: Annotated[int, within(1, 64)] = 2
    access_minutes: Annotated[int, within(1, 60)] = 10
    refresh_idle_days: Annotated[int, within(1, 400)] = 14
    refresh_absolute_days: Annotated[int, within(1, 400)] = 30
    max_sessions: Annotated[int, within(1, 1000)] = 20
    registration: Annotated[bool, bool] = True
    password_min_length: Annotated[int, within(8, 64)] = 8
    websocket_query_token: Annotated[bool, bool] = True
    second_factor: Annotated[str, matching("off|optional|required", "off, optional or required")] = "optional"


@dataclass(frozen=True, slots=True, repr=False)
class Messages(_Section):
    """[messages]: how long a text may be, and how long it and the log may stay."""

    max_length: Annotated[int, within(1, 1_048_576)] = 16_384
    max_ttl_seconds: Annotated[int, within(1, 315_360_000)] = 31_536_000
    sweep_seconds: Annotated[int, within(1, 3600)] = 5
    events_days: Annotated[int, within(1, 3650)] = 90


@dataclass(frozen=True, slots=True, repr=False)
class Limits(_Section):
    """[limits]: how fast somebody may go."""

    enabled: Annotated[bool, bool] = True


@dataclass(frozen=True, slots=True, repr=False)
class Websocket(_Section):
    """[websocket]: bounds of one connection."""

    max_frame_bytes: Annotated[int, within(1024, 16_777_216)] = 262_144
    max_queued_bytes: Annotated[int, within(65_536, 1_073_741_824)] = 1_048_576
    max_total_queued_bytes: Annotated[int, within(1_048_576, 1_099_511_627_776)] = 268_435_456
    frames_per_second: Annotated[int, within(1, 1_000_000)] = 1000
    frames_burst: Annotated[int, within(10, 1_000_000)] = 2000
    flood_seconds: Annotated[int, within(1, 3600)] = 10
    sockets_per_user: Annotated[int, within(1, 1000)] = 20
    presence: Annotated[bool, bool] = True
    presence_grace_seconds: Annotated[int, within(1, 300)] = 10
    ping_seconds: Annotated[int, within(1, 3600)] = 25
    ping_timeout_seconds: Annotated[int, within(1, 3600)] = 20
    heartbeat_seconds: Annotated[int, within(1, 3600)] = 25


@dataclass(frozen=True, slots=True, repr=False)
class Push(_Section):
    """[push]: telling devices that do not answer that something is new."""

    enabled: Annotated[bool, bool] = True
    contact: Annotated[str, lambda text: text and must.push_contact(text)] = ""
    delay_seconds: Annotated[int, within(1, 3600)] = 5
    extra_hosts: Annotated[tuple[str, ...], must.push_hosts] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Audit(_Section):
    """[audit]: the log that shows tampering: where its checkpoints go, and how long it is kept."""

    checkpoint_file: Annotated[str, must.path] = "audit-checkpoints.jsonl"
    checkpoint_minutes: Annotated[int, within(1, 1440)] = 5
    checkpoint_records: Annotated[int, within(1, 1_000_000)] = 1000
    keep_days: Annotated[int, within(1, 3650)] = 180


@dataclass(frozen=True, slots=True, repr=False)
class Log(_Section):
    """[log]: what is written to standard error."""

    level: Annotated[str, matching("debug|info|warning|error", "debug, info, warning or error")] = "info"
    format: Annotated[str, matching("json|text", "json or text")] = "json"


@dataclass(frozen=True, slots=True, repr=False)
class Metrics(_Section):
    """[metrics]: a listener of its own; port 0 means none."""

    host: Annotated[str, must.host] = "127.0.0.1"
    port: Annotated[int, within(0, 65535)] = 0


@dataclass(frozen=True, slots=True, repr=False)
class Secrets(_Section):
    """[secrets]: the directory of the key files."""

    dir: Annotated[str, must.path] = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections. `base` is the directory of the settings file, which relative paths start from."""

    base: Path
    server: Server = field(default_factory=Server)
    database: Database = field(default_factory=Database)
    redis: Redis = field(default_factory=Redis)
    auth: Auth = field(default_factory=Auth)
    messages: Messages = field(default_factory=Messages)
    limits: Limits = field(default_factory=Limits)
    websocket: Websocket = field(default_factory=Websocket)
    push: Push = field(default_factory=Push)
    audit: Audit = field(default_factory=Audit)
    log: Log = field(default_factory=Log)
    metrics: Metrics = field(default_factory=Metrics)
    secrets: Secrets = field(default_factory=Secrets)

    @property
    def data_dir(self) -> Path:
        """Where this server keeps its files."""
        return self.base / self.server.data_dir

    @property
    def secrets_dir(self) -> Path:
        """Where the key files are."""
        return self.base / self.secrets.dir if self.secrets.dir else self.data_dir / "secrets"


_SECTIONS: dict[str, type[Any]] = {
    "server": Server,
    "database": Database,
    "redis": Redis,
    "auth": Auth,
    "messages": Messages,
    "limits": Limits,
    "websocket": Websocket,
    "push": Push,
    "audit": Audit,
    "log": Log,
    "metrics": Metrics,
    "secrets": Secrets,
}
_OPTIONS = {
    f"{section}.{key}": hint
    for section, kind in _SECTIONS.items()
    for key, hint in get_type_hints(kind, include_extras=True).items()
}
_VARIABLES = {f"RECADO_{name.replace('.', '_').upper()}": name for name in _OPTIONS}
# Which options, when they are unsafe together, why.
_UNSAFE: tuple[tuple[frozenset[str], Callable[[Settings], bool], str], ...] = (
    (
        frozenset({"auth.refresh_idle_days", "auth.refresh_absolute_days"}),
        lambda s: s.auth.refresh_idle_days > s.auth.refresh_absolute_days,
        "[auth] refresh_idle_days: is longer than refresh_absolute_days, which ends every session",
    ),
    (
        frozenset({"metrics.port", "server.port"}),
        lambda s: 0 != s.metrics.port == s.server.port,
        "[metrics] port: is the port of [server], where everybody could read the metrics",
    ),
    (
        frozenset({"server.max_body_bytes", "messages.max_length"}),
        lambda s: s.server.max_body_bytes < s.messages.max_length + 1024,
        "[server] max_body_bytes: is less than [messages] max_length and 1024 bytes",
    ),
    (
        frozenset({"websocket.max_frame_bytes", "messages.max_length"}),
        lambda s: s.websocket.max_frame_bytes < s.messages.max_length + 1024,
        "[websocket] max_frame_bytes: is less than [messages] max_length and 1024 bytes",
    ),
    (
        frozenset({"websocket.max_queued_bytes", "websocket.max_frame_bytes"}),
        lambda s: s.websocket.max_queued_bytes < s.websocket.max_frame_bytes,
        "[websocket] max_queued_bytes: is less than one frame, max_frame_bytes",
    ),
    (
        frozenset({"websocket.max_total_queued_bytes", "websocket.max_queued_bytes"}),
        lambda s: s.websocket.max_total_queued_bytes < s.websocket.max_queued_bytes,
        "[websocket] max_total_queued_bytes: is less than max_queued_bytes, that of one connection",
    ),
    (
        frozenset({"websocket.ping_timeout_seconds", "websocket.ping_seconds"}),
        lambda s: s.websocket.ping_timeout_seconds > s.websocket.ping_seconds,
        "[websocket] ping_timeout_seconds: is longer than ping_seconds, so the next ping comes first",
    ),
)


def load(environ: Mapping[str, str], path: Path) -> Settings:
    """The settings of the file, then of the environment over it; SettingsError with every fault.

    RECADO_<SECTION>_<KEY> wins over the customary PORT, DATABASE_URL and REDIS_URL, and those over the file.
    """
    reading = _Reading()
    reading.file(path)
    reading.environment(environ)
    settings = Settings(base=path.absolute().parent, **reading.sections())
    for names, unsafe, why in _UNSAFE:
        if not names & reading.faulty and unsafe(settings):
            reading.faults.append(why)
    if reading.faults:
        raise SettingsError(*reading.faults)
    return replace(settings, database=replace(settings.database, url=_located(settings)))


def _located(settings: Settings) -> str:
    """The URL of the database, that of SQLite with its absolute path."""
    url = settings.database.url
    if url and settings.database.engine != "sqlite":
        return url
    path = settings.base / unquote(urlsplit(url).path[1:]) if url else settings.data_dir / "recado.db"
    return f"sqlite:///{quote(str(path))}"


class _Reading:
    """What was read so far, and what is wrong with it."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.faults: list[str] = []
        self.faulty: set[str] = set()

    def sections(self) -> dict[str, Any]:
        given: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
        for name, value in self.values.items():
            section, _, key = name.partition(".")
            given[section][key] = value
        return {section: kind(**given[section]) for section, kind in _SECTIONS.items()}

    def file(self, path: Path) -> None:
        try:
            content = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            self.faults.append(f"{path}: cannot be read: {error.strerror}")
            return
        except ValueError as error:
            why = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8"
            self.faults.append(f"{path}: is not TOML: {why}")
            return
        for section, table in content.items():
            if section not in _SECTIONS:
                self.faults.append(f"{path.name} [{section}]: there is no such section{meant(section, _SECTIONS)}")
            elif not isinstance(table, dict):
                self.faults.append(f"{path.name} {section}: is a section: write [{section}]")
            else:
                self._table(path.name, section, table)

    def _table(self, file: str, section: str, table: dict[str, Any]) -> None:
        for key, value in table.items():
            name, where = f"{section}.{key}", f"{file} [{section}] {key}"
            if name not in _OPTIONS:
                keys = [known.partition(".")[2] for known in _OPTIONS if known.startswith(f"{section}.")]
                elsewhere = [f"[{known.replace('.', '] ')}" for known in _OPTIONS if known.endswith(f".{key}")]
                hint = meant(key, keys) or (f"; it belongs to {elsewhere[0]}" if elsewhere else "")
                self.faults.append(f"{where}: there is no such option{hint}")
            else:
                self._take(name, where, value, must.from_toml)
                if name in _HUSHED and name in self.values and masked(value) != value:
                    self._refuse(name, f"{where}: holds a password: secrets come from the environment only")

    def environment(self, environ: Mapping[str, str]) -> None:
        for name, variable in _CUSTOMARY.items():
            own = f"RECADO_{name.replace('.', '_').upper()}"
            # Compose and the like set what is not given to nothing.
            if environ.get(variable) and own not in environ and not environ.get(f"{own}_FILE"):
                self._take(name, variable, environ[variable], must.from_text)
        for variable in sorted(environ):
            if variable.startswith("RECADO_"):
                self._variable(variable, environ)

    def _variable(self, variable: str, environ: Mapping[str, str]) -> None:
        value = environ[variable]
        named = variable.removesuffix("_FILE")
        if variable in _VARIABLES:
            self._take(_VARIABLES[variable], variable, value, must.from_text)
        elif _VARIABLES.get(named) in _HUSHED:
            if value and named in environ:
                self._refuse(_VARIABLES[named], f"{variable}: is set together with {named}: choose one")
            elif value:
                self._take(_VARIABLES[named], variable, value, _from_private)
        elif not _is_of_others(variable, value):
            self.faults.append(f"{variable}: there is no such setting{meant(variable, _VARIABLES)}")

    def _take(self, name: str, where: str, raw: Any, read: Callable[[Any, Any], Any]) -> None:
        hint = _OPTIONS[name]
        try:
            self.values[name] = hint.__metadata__[0](read(hint.__origin__, raw))
        except ValueError as error:
            shown = "" if name in _HUSHED else f", not {masked(repr(raw))[:60]}"
            self._refuse(name, f"{where}: {error}{shown}")

    def _refuse(self, name: str, fault: str) -> None:
        self.faulty.add(name)
        self.faults.append(fault)


def _is_of_others(variable: str, value: str) -> bool:
    """Whether a RECADO_ variable is none of ours to judge. What secrets there are, `secret_texts` knows."""
    neighbour = _NEIGHBOURS.fullmatch(variable) or value.startswith(("tcp://", "udp://"))
    return bool(neighbour or _NOT_OPTIONS.fullmatch(variable) or variable.startswith("RECADO_SECRETS_"))


def _from_private(kind: Any, file: str) -> Any:
    return must.from_text(kind, read_private(Path(file)))
