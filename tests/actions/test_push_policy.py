"""Whom a push may be sent to: the push services that are known, at public addresses, and nobody else."""

import pytest

from actions.push_policy import HOSTS, Barred, host_of, is_name, is_public, origin_of, refuse_private

GOOD = [
    "https://fcm.googleapis.com/fcm/send/dQw4w9WgXcQ:APA91bE",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABk_x-y",
    "https://web.push.apple.com/QGuQyavXutnMH9dMkkwGVG",
    "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAD%2f%2b",
    "https://fcm.googleapis.com:443/fcm/send/a",
    "https://fcm.googleapis.com",
    "https://fcm.googleapis.com/a@b:80/c",
]
BAD = {
    "nothing": "",
    "plain http": "http://fcm.googleapis.com/a",
    "another scheme": "ftp://fcm.googleapis.com/a",
    "a file": "file:///etc/passwd",
    "no scheme": "//fcm.googleapis.com/a",
    "capitals": "HTTPS://FCM.googleapis.com/a",
    "another port": "https://fcm.googleapis.com:8443/a",
    "port 80": "https://fcm.googleapis.com:80/a",
    "port 0443": "https://fcm.googleapis.com:0443/a",
    "an empty port": "https://fcm.googleapis.com:/a",
    "a user": "https://user@fcm.googleapis.com/a",
    "a user and a password": "https://fcm.googleapis.com:x@evil.example/a",
    "a user that looks like a host": "https://fcm.googleapis.com@evil.example/a",
    "an empty user": "https://@fcm.googleapis.com/a",
    "another host": "https://evil.example/a",
    "a host that ends alike": "https://evilfcm.googleapis.com/a",
    "a host below": "https://x.fcm.googleapis.com/a",
    "a host above": "https://googleapis.com/a",
    "a host that begins alike": "https://fcm.googleapis.com.evil.example/a",
    "the suffix alone": "https://notify.windows.com/a",
    "the suffix, joined": "https://evilnotify.windows.com/a",
    "a label that is empty": "https://.notify.windows.com/a",
    "two stops": "https://a..notify.windows.com/a",
    "a stop at the end": "https://fcm.googleapis.com./a",
    "a hyphen first": "https://-a.notify.windows.com/a",
    "a long label": f"https://{'a' * 64}.notify.windows.com/a",
    "a long name": f"https://{'a.' * 130}notify.windows.com/a",
    "an underscore": "https://a_b.notify.windows.com/a",
    "Punycode of a look-alike": "https://xn--fcm-1sa.googleapis.com/a",
    "a look-alike": "https://fcm.gооgleapis.com/a",
    "a wide stop": "https://fcm。googleapis。com/a",
    "IPv4": "https://127.0.0.1/a",
    "IPv4, public": "https://93.184.216.34/a",
    "IPv4, short": "https://127.1/a",
    "IPv4, as a number": "https://2130706433/a",
    "IPv4, octal": "https://0177.0.0.1/a",
    "IPv4, hexadecimal": "https://0x7f.0.0.1/a",
    "IPv4, one hexadecimal number": "https://0x7f000001/a",
    "IPv6": "https://[::1]/a",
    "IPv6, mapped": "https://[::ffff:127.0.0.1]/a",
    "IPv6, with a zone": "https://[fe80::1%25eth0]/a",
    "metadata": "https://169.254.169.254/latest/meta-data/",
    "metadata by name": "https://metadata.google.internal/",
    "localhost": "https://localhost/a",
    "local": "https://printer.local/a",
    "a single label": "https://redis/a",
    "a back slash": "https://fcm.googleapis.com\\@evil.example/a",
    "a back slash in the path": "https://fcm.googleapis.com/a\\b",
    "a fragment": "https://fcm.googleapis.com/a#b",
    "a query without a path": "https://fcm.googleapis.com?a",
    "a blank": "https://fcm.googleapis.com/a b",
    "a blank before": " https://fcm.googleapis.com/a",
    "a line break": "https://fcm.googleapis.com/a\r\nHost: evil.example",
    "a line break at the end": "https://fcm.googleapis.com/a\n",
    "a tab in the scheme": "ht\ttps://fcm.googleapis.com/a",
    "NUL": "https://fcm.googleapis.com\0.evil.example/a",
    "not ASCII": "https://fcm.googleapis.com/é",
    "too long": "https://fcm.googleapis.com/" + "a" * 2022,
    "more slashes": "https:///fcm.googleapis.com/a",
    "an escaped host": "https://fcm%2egoogleapis.com/a",
}
PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",  # CGNAT
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",  # metadata of clouds
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.251",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:93.184.216.34",  # a mapped one is never what a resolver should give
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",  # Teredo
    "2001:db8::1",
    "2001:2::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a9fe:a9fe::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of a cloud
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "5f00::1",
    "3fff::1",
    "4000::1",
    "93.184.216.34%eth0",
    "2606:2800:220:1::1%eth0",
    "",
    "localhost",
    "0x7f.0.0.1",
    "127.1",
    "0177.0.0.1",
]
GLOBAL = ["93.184.216.34", "1.1.1.1", "142.250.0.188", "17.253.144.10", "2606:2800:220:1::1", "2a00:1450:4001::1"]


@pytest.mark.parametrize("endpoint", GOOD)
def test_endpoints_of_known_push_services_are_taken(endpoint: str) -> None:
    host = host_of(endpoint)
    assert origin_of(endpoint) == f"https://{host}"
    assert any(host == known or host.endswith(known) for known in HOSTS)


@pytest.mark.parametrize("why", BAD)
def test_all_other_endpoints_are_refused(why: str) -> None:
    with pytest.raises(Barred) as refused:
        host_of(BAD[why])
    assert not BAD[why] or BAD[why] not in str(refused.value)


def test_the_operator_can_name_a_host_or_all_below_one() -> None:
    for endpoint in ("https://push.example/a", "https://a.push.example/a"):
        with pytest.raises(Barred):
            host_of(endpoint)
    assert host_of("https://push.example/a", ("push.example",)) == "push.example"
    assert host_of("https://a.push.example/a", (".push.example",)) == "a.push.example"
    for endpoint, extra in (("https://a.push.example/a", "push.example"), ("https://push.example/a", ".push.example")):
        with pytest.raises(Barred):
            host_of(endpoint, (extra,))


@pytest.mark.parametrize("why", ["IPv4", "IPv6", "localhost", "local", "a single label", "metadata by name", "a user"])
def test_what_is_no_public_name_stays_refused_even_if_somebody_named_it(why: str) -> None:
    host = BAD[why].removeprefix("https://").partition("/")[0]
    with pytest.raises(Barred):
        host_of(BAD[why], (host,))
    assert not is_name(host)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_of_the_public_internet_are_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(Barred):
        refuse_private([GLOBAL[0], address])


@pytest.mark.parametrize("address", GLOBAL)
def test_public_addresses_are_taken(address: str) -> None:
    assert is_public(address)
    refuse_private([address])
