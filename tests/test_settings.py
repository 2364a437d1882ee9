"""Settings: one file that teaches, the environment over it, every fault at once, and no password shown."""

import re
import tomllib
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

import settings
from settings import SettingsError, load

SHIPPED = Path(settings.__file__).with_name("settings.toml")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text("")
    return path


def faults(environ: dict[str, str], path: Path = SHIPPED) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(environ, path)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


def fault(environ: dict[str, str], path: Path = SHIPPED) -> str:
    (line,) = faults(environ, path)
    return line


def options() -> dict[str, object]:
    return {
        f"{section}.{option.name}": option.default
        for section, kind in settings._SECTIONS.items()
        for option in fields(kind)
    }


def test_the_shipped_file_holds_every_option_with_its_default() -> None:
    content = tomllib.loads(SHIPPED.read_text("utf-8"))
    held = {f"{section}.{key}": value for section, table in content.items() for key, value in table.items()}
    defaults = {name: list(value) if isinstance(value, tuple) else value for name, value in options().items()}
    assert held == defaults
    assert list(held) == list(defaults)


def test_the_shipped_file_teaches_each_option() -> None:
    lines = SHIPPED.read_text("utf-8").splitlines()
    for above, line in pairwise(lines):
        if re.match(r"\w+ = ", line):
            assert above.startswith("# "), line
    assert all(len(line) <= 110 for line in lines)


def test_an_empty_file_means_the_defaults(file: Path) -> None:
    assert load({}, file) == load({}, file)
    shipped = load({}, SHIPPED)
    assert load({}, file).auth == shipped.auth
    assert load({}, file).server.port == 8000
    assert load({}, file).log.format == "json"


def test_the_file_says_what_the_environment_does_not(file: Path) -> None:
    file.write_text('[auth]\naccess_minutes = 5\nregistration = false\n[server]\nallowed_hosts = ["Chat.Example"]\n')
    found = load({"RECADO_AUTH_ACCESS_MINUTES": " 7 "}, file)
    assert found.auth.access_minutes == 7
    assert found.auth.registration is False
    assert found.server.allowed_hosts == ("chat.example",)


@pytest.mark.parametrize(("name", "default"), options().items())
def test_each_option_has_a_variable(name: str, default: object, file: Path) -> None:
    variable = f"RECADO_{name.replace('.', '_').upper()}"
    if isinstance(default, bool):
        text, value = "no" if default else "yes", not default
    elif isinstance(default, int):
        value = default - 1 if name == "auth.refresh_idle_days" else default + 1
        text = str(value)
    elif isinstance(default, tuple):
        text, value = TUPLES[name]
    else:
        text = value = TEXTS[name]
    section, _, key = name.partition(".")
    assert getattr(getattr(load({variable: text}, file), section), key) == value


TEXTS = {
    "server.host": "0.0.0.0",
    "server.data_dir": "/var/lib/recado",
    "server.public_url": "https://chat.example",
    "server.security_contact": "mailto:security@chat.example",
    "database.url": "postgresql://db/recado",
    "redis.url": "redis://cache:6379/1",
    "redis.prefix": "mine",
    "auth.second_factor": "required",
    "push.contact": "mailto:admin@chat.example",
    "audit.checkpoint_file": "/var/log/recado/checkpoints",
    "log.level": "debug",
    "log.format": "text",
    "metrics.host": "::1",
    "secrets.dir": "/run/keys",
}
TUPLES = {
    "push.extra_hosts": ("push.example, .push.example", ("push.example", ".push.example")),
    "server.allowed_origins": (
        "https://A.example:443/, http://b.example:8080",
        ("https://a.example", "http://b.example:8080"),
    ),
    "server.allowed_hosts": ("a.example:8000,[::1]:8000,,", ("a.example:8000", "[::1]:8000")),
    "server.trusted_proxies": ("10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
}


def test_the_customary_variables_win_over_the_file_and_lose_to_ours(file: Path) -> None:
    file.write_text('[server]\nport = 1\n[database]\nurl = "sqlite:///a.db"\n[redis]\nurl = "redis://a"\n')
    environ = {"PORT": "2", "DATABASE_URL": "postgres://u:p@b/c", "REDIS_URL": "redis://b"}
    found = load(environ, file)
    assert (found.server.port, found.redis.url) == (2, "redis://b")
    assert found.database.url == "postgresql://u:p@b/c"
    assert found.database.engine == "postgresql"
    ours = {"RECADO_SERVER_PORT": "3", "RECADO_DATABASE_URL": "sqlite:////x.db", "RECADO_REDIS_URL": ""}
    found = load(environ | ours, file)
    assert (found.server.port, found.database.url, found.redis.url) == (3, "sqlite:////x.db", "")
    assert load({"PORT": "not ours", "RECADO_SERVER_PORT": "3"}, file).server.port == 3


def test_an_empty_customary_variable_is_none(file: Path) -> None:
    assert load({"PORT": "", "DATABASE_URL": "", "REDIS_URL": ""}, file) == load({}, file)


def test_paths_start_from_the_settings_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = file.parent
    found = load({}, file)
    assert found.data_dir == base / "data"
    assert found.secrets_dir == base / "data" / "secrets"
    assert found.database.url == f"sqlite:///{base}/data/recado.db"
    found = load({"DATABASE_URL": "sqlite:///my%20db/a.db", "RECADO_SECRETS_DIR": "keys"}, file)
    assert found.database.url == f"sqlite:///{base}/my%20db/a.db"
    assert found.secrets_dir == base / "keys"
    monkeypatch.chdir(base)
    assert load({}, Path("settings.toml")).data_dir == base / "data"
    assert load({"RECADO_SERVER_DATA_DIR": "/srv/x"}, file).database.url == "sqlite:////srv/x/recado.db"


def test_a_url_may_stand_in_a_private_file(file: Path) -> None:
    secret = file.with_name("url")
    secret.write_text("postgresql://u:hunter2@db/recado\n")
    secret.chmod(0o600)
    environ = {"RECADO_DATABASE_URL_FILE": str(secret), "DATABASE_URL": "sqlite:///x"}
    assert load(environ, file).database.url == "postgresql://u:hunter2@db/recado"
    secret.chmod(0o640)
    assert "chmod 600" in fault(environ, file)
    assert "choose one" in fault(environ | {"RECADO_DATABASE_URL": "sqlite:///x"}, file)
    assert load({"RECADO_DATABASE_URL_FILE": "", "PORT": "1"}, file).database.engine == "sqlite"


def test_all_faults_are_told_at_once(file: Path) -> None:
    file.write_text("[auth]\naccess_minutes = true\nmax_sesions = 3\n[sever]\nport = 1\n[limits]\nport = 1\n")
    environ = {
        "RECADO_AUTH_BCRYPT_ROUNDS": "99",
        "RECADO_LIMITS_ENABLED": "maybe",
        "RECADO_LOG_LEVLE": "x",
        "PORT": "1e3",
    }
    assert faults(environ, file) == (
        "settings.toml [auth] access_minutes: must be a whole number, without quotes, not True",
        "settings.toml [auth] max_sesions: there is no such option; did you mean max_sessions?",
        "settings.toml [sever]: there is no such section; did you mean server?",
        "settings.toml [limits] port: there is no such option; it belongs to [server] port",
        "PORT: must be a whole number, not '1e3'",
        "RECADO_AUTH_BCRYPT_ROUNDS: must be from 4 to 16, not '99'",
        "RECADO_LIMITS_ENABLED: must be true or false, not 'maybe'",
        "RECADO_LOG_LEVLE: there is no such setting; did you mean RECADO_LOG_LEVEL?",
    )


@pytest.mark.parametrize(
    "line",
    [
        '[server]\nport = "8000"',
        "[server]\nport = 8000.0",
        '[auth]\nregistration = "true"',
        "[auth]\nregistration = 1",
        "[log]\nlevel = 1",
        '[server]\nallowed_origins = "https://a.example"',
        "[server]\nallowed_hosts = [1]",
        "server = 1",
        "[[server]]\nport = 1",
    ],
)
def test_the_file_is_read_strictly(line: str, file: Path) -> None:
    file.write_text(line)
    assert fault({}, file).startswith("settings.toml ")


def test_a_file_that_cannot_be_read_is_a_fault(file: Path) -> None:
    assert fault({}, file.with_name("none.toml")).endswith("cannot be read: No such file or directory")
    assert "cannot be read" in fault({}, file.parent)
    file.write_text("[server\n")
    assert "is not TOML" in fault({}, file)
    file.write_bytes(b"\xff")
    assert fault({}, file).endswith("is not TOML: not UTF-8")
    assert len(faults({"PORT": "x"}, file)) == 2


def test_variables_of_others_are_left_alone(file: Path) -> None:
    environ = {
        "RECADO_TEST_NO_SKIPS": "1",
        "RECADO_BENCH_SECONDS": "9",
        "RECADO_SETTINGS": "x",
        "RECADO_SERVICE_HOST": "10.0.0.1",
        "RECADO_SERVICE_PORT_HTTP": "80",
        "RECADO_PORT": "tcp://10.0.0.1:80",
        "RECADO_PORT_80_TCP_ADDR": "10.0.0.1",
        "RECADO_SECRETS_MASTER": "k secret",
        "OTHER": "x",
    }
    assert load(environ, file) == load({}, file)
    assert "did you mean RECADO_SERVER_PORT?" in fault({"RECADO_PORT": "8000"}, file)


UNSAFE = {
    "idle": {"RECADO_AUTH_REFRESH_IDLE_DAYS": "31"},
    "metrics": {"RECADO_METRICS_PORT": "8000"},
    "body": {"RECADO_SERVER_MAX_BODY_BYTES": "16384"},
    "frame": {"RECADO_WEBSOCKET_MAX_FRAME_BYTES": "16384"},
    "queue": {"RECADO_WEBSOCKET_MAX_QUEUED_BYTES": "65536", "RECADO_WEBSOCKET_MAX_FRAME_BYTES": "65537"},
    "all queues": {
        "RECADO_WEBSOCKET_MAX_TOTAL_QUEUED_BYTES": "1048576",
        "RECADO_WEBSOCKET_MAX_QUEUED_BYTES": "1048577",
    },
    "ping": {"RECADO_WEBSOCKET_PING_TIMEOUT_SECONDS": "26"},
    "origins": {"RECADO_SERVER_ALLOWED_ORIGINS": "https://a.example,*"},
    "origin pattern": {"RECADO_SERVER_ALLOWED_ORIGINS": "https://*.example"},
    "hosts": {"RECADO_SERVER_ALLOWED_HOSTS": "*"},
    "proxies": {"RECADO_SERVER_TRUSTED_PROXIES": "0.0.0.0/0"},
    "proxies, half": {"RECADO_SERVER_TRUSTED_PROXIES": "::1,128.0.0.0/1"},
    "proxies, v6": {"RECADO_SERVER_TRUSTED_PROXIES": "::/0"},
    "zero": {"RECADO_MESSAGES_MAX_LENGTH": "0"},
    "negative": {"RECADO_MESSAGES_MAX_TTL_SECONDS": "-1"},
    "short passwords": {"RECADO_AUTH_PASSWORD_MIN_LENGTH": "7"},
    "sample password": {"DATABASE_URL": "postgresql://recado:changeme@db/recado"},
}


@pytest.mark.parametrize("environ", UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_combination_stops_the_start(environ: dict[str, str], file: Path) -> None:
    assert ": " in fault(environ, file)


def test_a_combination_is_not_judged_by_what_is_wrong_already(file: Path) -> None:
    assert "whole number" in fault(
        {"RECADO_AUTH_REFRESH_ABSOLUTE_DAYS": "x", "RECADO_AUTH_REFRESH_IDLE_DAYS": "31"}, file
    )


def test_a_password_in_the_file_is_a_fault(file: Path) -> None:
    for url in ("postgresql://u:hunter2@db/x", "postgres://u:hunter2@db/x"):
        file.write_text(f'[database]\nurl = "{url}"\n')
        assert "secrets come from the environment only" in fault({}, file)
        assert "hunter2" not in fault({}, file)
    file.write_text('[redis]\nurl = "redis://:hunter2@cache"\n')
    assert "secrets come from the environment only" in fault({}, file)
    file.write_text('[database]\nurl = "postgresql://u@db/x"\n')
    assert load({}, file).database.url == "postgresql://u@db/x"


def test_no_repr_shows_a_password(file: Path) -> None:
    found = load({"DATABASE_URL": "postgres://u:hunt@er2@db:1/x", "REDIS_URL": "rediss://:hunter2@cache/0"}, file)
    assert "hunt@er2" in found.database.url
    for shown in (repr(found), str(found), f"{found.database}", repr(found.redis)):
        assert "hunt" not in shown
        assert "er2" not in shown
    assert "postgresql://u:***@db:1/x" in repr(found)
    assert "port=8000" in repr(found)


def test_settings_cannot_be_changed(file: Path) -> None:
    found = load({}, file)
    with pytest.raises(AttributeError):
        found.server.port = 1
    with pytest.raises((AttributeError, TypeError)):
        found.server.other = 1


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(sorted([*settings._VARIABLES, "PORT", "DATABASE_URL", "REDIS_URL", "RECADO_X"])),
    st.text(max_size=30) | st.from_regex(r"(postgres|sqlite|redis|http)s?://[a-z:@/\[\]?#%0-9]{0,20}", fullmatch=True),
)
@example("DATABASE_URL", "postgresql://[")
def test_any_value_is_taken_or_refused_in_one_line(file: Path, variable: str, text: str) -> None:
    try:
        load({variable: text}, file)
    except SettingsError as error:
        (line,) = error.faults
        assert line.startswith((variable, "["))
        assert line.isprintable()


@given(st.text("abchunter2:/@?#[]%&=\n .", min_size=6, max_size=12))
def test_no_fault_repeats_a_part_of_a_url(password: str) -> None:
    for variable in ("DATABASE_URL", "REDIS_URL"):
        for scheme in ("postgresql", "redis", "sqlite", "mysql"):
            shown = ""
            try:
                found = load({variable: f"{scheme}://user:Q{password}Q@host/db"}, SHIPPED)
                shown = repr(found.database) + repr(found.redis)
            except SettingsError as error:
                shown = str(error)
            assert "Q" not in shown
