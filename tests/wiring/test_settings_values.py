"""What one value may be."""

import pytest

from wiring import settings_values as must


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///a.db",
        "sqlite:////var/lib/a.db",
        "postgresql://db/recado",
        "postgresql://u:p%40@db:5432/recado",
        "postgresql://u@[::1]:1/x?sslmode=verify-full&sslrootcert=/a",
        "postgresql:///x?host=/run/postgresql",
    ],
)
def test_urls_of_databases_are_taken(url: str) -> None:
    assert must.database(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "mysql://db/x",
        "recado.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://a.db",
        "sqlite:///:memory:",
        "sqlite:/a.db",
        "sqlite:///a.db?mode=ro",
        "sqlite:///a.db#x",
        "postgresql://",
        "postgresql://db",
        "postgresql://db/",
        "postgresql:///x",
        "postgresql://db/a/b",
        "postgresql://db:0/x",
        "postgresql://db:65536/x",
        "postgresql://db:p/x",
        "postgresql://db/x?password=y",
        "postgresql://db/x?service=y",
        "postgresql://db/x#y",
        "postgresql://[/x",
        "postgresql://u:<password>@db/x",
        "postgresql://u:${PW}@db/x",
        "postgresql://u:CHANGE_ME@db/x",
        "postgresql://d b/x",
    ],
)
def test_other_urls_are_no_databases(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|names|has|keeps) "):
        must.database(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://a",
        "redis://a:1",
        "redis://a:1/0",
        "rediss://u:p@a/15?ssl_ca_certs=/x",
        "redis://[::1]:1/",
        "unix:///run/redis.sock",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_urls_of_redis_are_taken(url: str) -> None:
    assert must.redis(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "redis://",
        "redis:///0",
        "redis://a/x",
        "redis://a/1/2",
        "redis://a:x",
        "unix://",
        "localhost:6379",
        "rediss://a?ssl_cert_reqs=none",
        "rediss://a?ssl_check_hostname=false",
        "redis://a?password=b",
        "redis://a#b",
    ],
)
def test_other_urls_are_no_redis(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|names|has) "):
        must.redis(url)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://A.example", "https://a.example"),
        ("HTTPS://a.example:443/", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:8080", "http://a.example:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[::1]", "https://[::1]"),
    ],
)
def test_an_origin_has_one_form_as_browsers_send_it(text: str, found: str) -> None:
    assert must.origin(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "a.example",
        "ftp://a.example",
        "https://",
        "https://a.example/x",
        "https://a.example?x",
        "https://u@a.example",
        "https://a.example:0",
        "https://a.example:x",
        "https://a_.example$",
        "https://a b",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        must.origin(text)


@pytest.mark.parametrize("name", ["*", "a b", "a/b", "u@a", "a:x", "a:0", "::1", "[::1", "", "*.example", "a?b"])
def test_what_is_no_host_header_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^must be hosts"):
        must.hosts((name,))


def test_hosts_to_listen_on() -> None:
    for text in ("localhost", "0.0.0.0", "::", "fe80::1", "my-host.example"):
        assert must.host(text) == text
    for text in ("", "[::]", "a b", "a/b", "*", "-a", "a:80"):
        with pytest.raises(ValueError, match=r"^must be"):
            must.host(text)


def test_a_url_is_shown_without_its_password() -> None:
    assert must.masked("postgresql://u:p@h/d") == "postgresql://u:***@h/d"
    assert must.masked("redis://:p@q@h") == "redis://:***@h"
    assert must.masked("redis://h:6379/0") == "redis://h:6379/0"
    assert must.masked("sqlite:////a:b@c/d") == "sqlite:////a:b@c/d"


def test_a_fault_is_one_printable_line() -> None:
    assert must.SettingsError("a\nb\x1b[0m\udc80", "c").faults == ("a?b?[0m?", "c")


@pytest.mark.parametrize(
    "uri",
    [
        "mailto:security@chat.example",
        "mailto:a+b@c.example?subject=x",
        "https://chat.example",
        "https://chat.example:8443/security?x=1#y",
        "tel:+1-201-555-0123",
    ],
)
def test_whoever_finds_a_weakness_is_told_where_to_write(uri: str) -> None:
    assert must.contact(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "security@chat.example",
        "http://chat.example",
        "javascript:alert(1)",
        "mailto:",
        "mailto:security",
        "https://",
        "https:///x",
        "https://user@chat.example/",
        "mailto:a@b.example\r\nContact: mailto:evil@evil.example",
        "https://chat.example/ x",
        "https://chat.example/\x07",
        "mailto:s\u00e9curit\u00e9@chat.example",
        "tel:",
    ],
)
def test_what_is_no_such_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"^must be "):
        must.contact(uri)


@pytest.mark.parametrize("uri", ["mailto:admin@chat.example", "https://chat.example/contact"])
def test_whom_a_push_service_can_write_to(uri: str) -> None:
    assert must.push_contact(uri) == uri


@pytest.mark.parametrize("text", ["tel:+1-555-0100", "admin@chat.example", "http://chat.example", "mailto:", ""])
def test_nobody_that_a_push_service_could_write_to(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        must.push_contact(text)


def test_push_services_of_the_operator() -> None:
    assert must.push_hosts(("push.example", ".push.example")) == ("push.example", ".push.example")
    assert must.push_hosts(()) == ()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "push",
            "Push.example",
            "push.example:8443",
            "https://push.example",
            "*.push.example",
            "a@b.example",
        ),
        *(
            "127.0.0.1",
            "[::1]",
            "::1",
            "2130706433",
            "0x7f.1",
            "localhost",
            "printer.local",
            "x.internal",
            "..a.example",
        ),
    ],
)
def test_what_is_no_public_host_is_no_push_service(name: str) -> None:
    with pytest.raises(ValueError, match="must be names of public hosts"):
        must.push_hosts(("push.example", name))
