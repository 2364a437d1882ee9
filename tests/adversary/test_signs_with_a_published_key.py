"""The attacker signs with a key that everybody can read: nothing of this repository is a key that would be taken."""

import base64
import re
import subprocess
from pathlib import Path

import pytest

from crypto.errors import WeakKey
from crypto.keyring import Key, make_key, parse_ring
from tests.handlers.raw import rows
from tests.instances import ROOT, Instance

# What people copy from; the tests' own vectors are tried below.
SHOWN = ("README.md", "CHANGELOG.md", "settings.toml", "docker-compose.yml", "Dockerfile", "Makefile", "docs", "deploy")
LIKE_A_KEY = re.compile(r"(?<![A-Za-z0-9_/+-])[A-Za-z0-9_-]{43}=?(?![A-Za-z0-9_/+=-])")
LIKE_A_HEX_KEY = re.compile(r"(?<![A-Za-z0-9])[0-9a-fA-F]{64}(?![A-Za-z0-9])")
# Keys that stand in books and on web pages, and what people make up.
MADE_UP = {
    "jwt.io": b"your-256-bit-secret".ljust(32, b"\0"),
    "jwt.io, the longer one": b"a-string-secret-at-least-256-bit",
    "a word": b"change-me-change-me-change-me-ok",
    "nothing": bytes(32),
    "one byte": b"\xa5" * 32,
    "counting": bytes(range(32)),
    "counting down": bytes(range(64, 32, -1)),
    "a phrase of numbers": b"01234567890123456789012345678901",
    "half of it": make_key().secret[:16] * 2,
    "Fernet's specification": base64.urlsafe_b64decode("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="),
    "the examples of AES-256": bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
    "Fernet of a word": base64.urlsafe_b64encode(b"supersecretsupersecret!!")[:32],
}


def candidates(text: str) -> list[bytes]:
    """What in a text could be read as a key; chance makes none without capitals and digits, as names are."""
    words = [word for word in LIKE_A_KEY.findall(text) if re.search("[A-Z]", word) and re.search("[0-9]", word)]
    found = [base64.urlsafe_b64decode(word.rstrip("=") + "=") for word in words]
    return [*found, *map(bytes.fromhex, LIKE_A_HEX_KEY.findall(text))]


def taken(secret: bytes) -> bool:
    try:
        Key("a", secret)
    except WeakKey:
        return False
    return True


def shown(root: Path) -> list[Path]:
    named = [root / name for name in SHOWN]
    return [file for path in named for file in (sorted(path.rglob("*")) if path.is_dir() else [path]) if file.is_file()]


def test_nothing_that_people_copy_from_holds_a_key() -> None:
    assert [path.name for path in shown(ROOT) if any(map(taken, candidates(path.read_text(errors="replace"))))] == []


def test_a_key_in_a_text_is_found() -> None:
    key = make_key()
    word = base64.urlsafe_b64encode(key.secret).decode()
    for text in (f"SECRET={word}", f"a {word.rstrip('=')} b", f'key = "{key.secret.hex()}"'):
        assert [each for each in candidates(text) if taken(each)] == [key.secret], text


PRIVATE = re.compile(r"\.(keys|pem|key|p12|db|sqlite3?|log|env)$|(^|/)\.env")


def test_no_key_file_was_ever_added_to_the_repository() -> None:
    listed = subprocess.run(
        ["git", "log", "--all", "--pretty=", "--name-only", "--diff-filter=A"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    # An unpacked archive has no history.
    assert sorted(filter(PRIVATE.search, set(listed.stdout.split()))) == []
    assert all(map(PRIVATE.search, ("data/secrets/master.keys", ".env", "web/.env.local", "tls.key", "data/recado.db")))


@pytest.mark.parametrize("secret", MADE_UP.values(), ids=MADE_UP)
def test_a_key_that_was_made_up_is_refused(secret: bytes) -> None:
    with pytest.raises(WeakKey):
        parse_ring(f"a {base64.urlsafe_b64encode(secret).decode()}")


def test_two_installations_have_no_key_and_no_account_in_common(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with Instance(tmp_path / name) as running:
            files = sorted((running.home / "secrets").glob("*.keys"))
            made.append({key.secret for file in files for key in parse_ring(file.read_text()).keys})
            assert len(files) >= 6
            assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
            assert rows(running)["users"] == 0
    assert not made[0] & made[1]
