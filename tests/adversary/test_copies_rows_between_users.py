"""Somebody who can write to the database, and has an account: rows are copied and moved until one becomes another.

A ciphertext that is not bound to its place (CWE-345) opens wherever it is put; a password hash signs in whoever's row
it stands in; a session belongs to whom its row names. Here each is bound to its owner: what is moved fails closed, by
itself, and what was not touched goes on.
"""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from actions.presentation import UNREADABLE
from crypto import totp
from tests.adversary.attacker import PASSWORD, V1, Plundered
from tests.adversary.doors import ACCESS, DOORS, answered, refresh, ticket
from tests.handlers.raw import Person
from tests.instances import Instance

OWN_PASSWORD = "correct horse mallory"
COLUMNS = (
    "conversation_id, sender_id, recipient_id, client_made, sent_at, revision, alg, key_generation, body,"
    " sender_position, recipient_position"
)


@dataclass(frozen=True)
class Scene:
    """Two people with a secret, a third who is after it, and where."""

    at: Plundered
    alice: Person
    bob: Person
    mallory: Person
    secret: int
    content: str

    @property
    def ids(self) -> tuple[int, int, int]:
        return self.at.id_of(self.alice), self.at.id_of(self.bob), self.at.id_of(self.mallory)


@pytest.fixture
def scene(plundered: Plundered) -> Scene:
    alice, bob = plundered.join(), plundered.join()
    name = f"mallory.{alice.name}"
    made = plundered.ask("POST", "/api/auth/register/", {"username": name, "password": OWN_PASSWORD})
    assert made.status == 201
    mallory = Person(name, plundered.pair(name, OWN_PASSWORD)["access"])
    content = f"the secret of {alice.name}"
    secret = plundered.send(alice, bob, content)["id"]
    plundered.send(mallory, bob, "hello from mallory")
    plundered.send(mallory, mallory, "a note of mallory's")
    return Scene(plundered, alice, bob, mallory, secret, content)


@contextmanager
def put_back(scene: Scene, table: str, column: str, row: int) -> Iterator[None]:
    """Behind the block the column says what it said."""
    ((value,),) = scene.at.store.run(f"SELECT {column} FROM {table} WHERE id = ?", row)
    try:
        yield
    finally:
        scene.at.store.run(f"UPDATE {table} SET {column} = ? WHERE id = ?", value, row)


def sign_in(scene: Scene, who: Person, password: str) -> int:
    body = {"username": who.name, "password": password}
    return scene.at.ask("POST", "/api/auth/login/", body).status


def everything_read_by(scene: Scene, who: Person, through: Instance | None = None) -> str:
    """All that the server would tell them, on every way."""
    at = scene.at if through is None else Plundered(through, through, store=scene.at.store)
    paths = (
        *("/api/auth/messages/?limit=500", f"/api/auth/messages/?with={scene.alice.name}", "/api/conversations/"),
        *(f"/api/auth/messages/?with={scene.bob.name}", f"/api/messages/{scene.secret}/", "/api/events/?after=0"),
    )
    told = [at.ask("GET", path, token=who.token).body.decode() for path in paths]
    with at.socket(who.token, [V1]) as opened:
        opened.say({"type": "hello", "position": 0})
        opened.say({"type": "ping"})
        while (frame := opened.hear())["type"] != "pong":
            told.append(str(frame))
    return "\n".join(told)


def test_a_password_hash_signs_nobody_in_but_whom_it_was_made_for(scene: Scene) -> None:
    alice, _, mallory = scene.ids
    with put_back(scene, "users", "password", alice):
        copied = "UPDATE users SET password = (SELECT password FROM users WHERE id = ?) WHERE id = ?"
        scene.at.store.run(copied, mallory, alice)
        assert sign_in(scene, scene.alice, OWN_PASSWORD) == 401
        assert sign_in(scene, scene.alice, PASSWORD) == 401
        assert sign_in(scene, scene.mallory, OWN_PASSWORD) == 200
        assert sign_in(scene, scene.bob, PASSWORD) == 200
    assert sign_in(scene, scene.alice, PASSWORD) == 200


SESSION_MOVES = (
    "UPDATE sessions SET user_id = {alice} WHERE id = {mine}",
    "UPDATE sessions SET refresh_mac = (SELECT refresh_mac FROM sessions WHERE id = {mine}) WHERE id = {hers}",
    """UPDATE sessions SET confirmed = 0, parent_mac = (SELECT refresh_mac FROM sessions WHERE id = {mine})
        WHERE id = {hers}""",
)


def test_a_session_belongs_to_whom_it_was_begun_by_whatever_its_row_says(scene: Scene) -> None:
    alice, _, _ = scene.ids
    for moved in SESSION_MOVES:
        pair, hers = scene.at.pair(scene.mallory.name, OWN_PASSWORD), scene.at.pair(scene.alice.name)
        mine, theirs = _newest_session(scene, scene.mallory), _newest_session(scene, scene.alice)
        scene.at.store.run(moved.format(alice=alice, mine=mine, hers=theirs))
        if "user_id" in moved:
            assert [door.__name__ for door in DOORS if door(scene.at, pair["access"])] == []
            assert not refresh(scene.at, pair["refresh"])
        else:  # what mallory has is mallory's, still
            assert scene.at.ask("GET", "/api/users/me/", token=pair["access"]).json["username"] == scene.mallory.name
            renewed = scene.at.ask("POST", "/api/auth/refresh/", {"refresh": pair["refresh"]}).json["access"]
            assert scene.at.ask("GET", "/api/users/me/", token=renewed).json["username"] == scene.mallory.name
        assert all(door(scene.at, hers["access"]) for door in ACCESS)


def _newest_session(scene: Scene, who: Person) -> int:
    found = "SELECT id FROM sessions WHERE user_id = ? ORDER BY created_at DESC, used_at DESC LIMIT 1"
    ((session,),) = scene.at.store.run(found, scene.at.id_of(who))
    return int(session)


def test_a_ticket_moved_to_anothers_session_lets_nobody_in(scene: Scene) -> None:
    hers, mine = _newest_session(scene, scene.alice), _newest_session(scene, scene.mallory)
    for _ in range(2):
        shown = scene.at.ask("POST", "/api/auth/ws-ticket/", token=scene.mallory.token).json["ticket"]
        scene.at.store.run("UPDATE tickets SET session_id = ? WHERE session_id = ?", hers, mine)
        written_anew = shown.replace(f"{scene.ids[2]}.{mine}.", f"{scene.ids[0]}.{hers}.")
        assert written_anew != shown
        assert not ticket(scene.at, written_anew)
        assert not ticket(scene.at, shown)
    untouched = scene.at.ask("POST", "/api/auth/ws-ticket/", token=scene.mallory.token).json["ticket"]
    assert ticket(scene.at, untouched)


# How what alice and bob have written comes before mallory's eyes; each stands on what the ones above it have done.
MOVES = (
    "INSERT INTO members (user_id, conversation_id) VALUES ({mallory}, {talk})",
    """INSERT INTO timelines (user_id, position, kind, conversation_id, actor_id, message_id, at)
        SELECT {mallory}, {next}, kind, conversation_id, actor_id, message_id, at FROM timelines
        WHERE user_id = {bob} AND message_id = {secret}""",
    "UPDATE messages SET recipient_id = {mallory}, recipient_position = {next} WHERE id = {secret}",
    "UPDATE messages SET sender_id = {mallory}, recipient_id = {bob} WHERE id = {secret}",
    "UPDATE messages SET conversation_id = {own_talk} WHERE id = {secret}",
    "UPDATE messages SET conversation_id = {talk} WHERE id = {secret}",
    "UPDATE conversations SET pair_low = 0, pair_high = 0 WHERE id = {own_talk}",
    "UPDATE conversations SET pair_low = {low}, pair_high = {high} WHERE id = {talk}",
)


def test_no_row_that_is_moved_shows_what_others_wrote(scene: Scene) -> None:
    run, (_, bob, mallory) = scene.at.store.run, scene.ids
    low, high = sorted((mallory, bob))
    ((talk,),) = run("SELECT conversation_id FROM messages WHERE id = ?", scene.secret)
    ((own_talk,),) = run("SELECT id FROM conversations WHERE pair_low = ? AND pair_high = ?", low, high)
    ((head,),) = run("UPDATE heads SET position = position + 1 WHERE user_id = ? RETURNING position", mallory)
    told = {"bob": bob, "mallory": mallory, "secret": scene.secret, "talk": talk, "own_talk": own_talk}
    told |= {"next": head, "low": low, "high": high}
    seen = set()
    for move in MOVES:
        run(move.format(**told))
        read = everything_read_by(scene, scene.mallory)
        assert scene.content not in read, move
        seen.add(UNREADABLE in read)
    assert True in seen  # it did come before mallory's eyes


def test_a_message_put_into_anothers_mouth_is_told_as_unreadable(scene: Scene) -> None:
    """Copies of what mallory has written himself, under alice's name, in her talk with bob and in his own with bob."""
    run, alice = scene.at.store.run, scene.ids[0]
    own = scene.at.send(scene.mallory, scene.bob, "i owe mallory a fortune")["id"]
    ((talk,),) = run("SELECT conversation_id FROM messages WHERE id = ?", scene.secret)
    for number, change in enumerate((f"sender_id = {alice}", f"sender_id = {alice}, conversation_id = {talk}")):
        values = (b"copy %08d of %d" % (number, scene.secret))[:16].ljust(16, b"x"), own
        run(f"INSERT INTO messages (client_id, {COLUMNS}) SELECT ?, {COLUMNS} FROM messages WHERE id = ?", *values)
        ((copied,),) = run("SELECT max(id) FROM messages")
        run(f"UPDATE messages SET {change} WHERE id = ?", copied)
        shown = scene.at.ask("GET", f"/api/messages/{copied}/", token=scene.bob.token).json
        assert (shown["sender"], shown["content"]) == (scene.alice.name, UNREADABLE)
    listed: list[Any] = scene.at.ask("GET", "/api/auth/messages/", token=scene.bob.token).json
    said = {message["content"] for message in listed if message["sender"] == scene.alice.name}
    assert said == {scene.content, UNREADABLE}


def test_a_text_of_before_the_edit_does_not_come_back_in_its_place(scene: Scene) -> None:
    run = scene.at.store.run
    ((old,),) = run("SELECT body FROM messages WHERE id = ?", scene.secret)
    path, better = f"/api/messages/{scene.secret}/", {"content": "taken back"}
    assert scene.at.ask("PATCH", path, better, token=scene.alice.token).status == 200
    run("UPDATE messages SET body = ? WHERE id = ?", bytes(old), scene.secret)
    assert scene.at.ask("GET", path, token=scene.bob.token).json["content"] == UNREADABLE


def test_swapped_conversation_keys_open_nothing_and_spoil_those_two_talks_only(scene: Scene) -> None:
    """Seen by an instance that starts afterwards: one that runs still has the true keys in memory."""
    run, third = scene.at.store.run, scene.at.join()
    untouched = scene.at.send(scene.bob, third, "another talk")["id"]
    own = scene.at.send(scene.mallory, scene.bob, "mine")["id"]
    talks = [run("SELECT conversation_id FROM messages WHERE id = ?", n)[0][0] for n in (scene.secret, own)]
    keys = [run("SELECT wrapped FROM conversation_keys WHERE conversation_id = ?", talk)[0][0] for talk in talks]
    for talk, key in zip(talks, reversed(keys), strict=True):
        run("UPDATE conversation_keys SET wrapped = ? WHERE conversation_id = ?", bytes(key), talk)
    given = scene.at.server
    with Instance(given.home, database_url=given.environment.get("DATABASE_URL")) as fresh:
        for reader in (scene.bob, scene.mallory):
            read = everything_read_by(scene, reader, fresh)
            assert scene.content not in read
            assert UNREADABLE in read
        shown = fresh.call("GET", f"/api/messages/{untouched}/", token=third.token).json
        assert shown["content"] == "another talk"
        # Nothing new is sealed with a key that is another's.
        body = {"recipient": scene.bob.name, "content": "x"}
        assert fresh.call("POST", "/api/auth/send/", body, token=scene.mallory.token).status >= 500
        assert fresh.call("POST", "/api/auth/send/", body, token=third.token).status == 201


def enrol(scene: Scene, who: Person) -> tuple[bytes, list[str]]:
    """A second factor: the seed of one-time passwords, and recovery codes."""
    offered = scene.at.ask("POST", "/api/auth/totp/", token=who.token).json
    seed = base64.b32decode(offered["secret"])
    done = scene.at.ask("POST", "/api/auth/totp/confirm/", {"otp": code(seed)}, token=who.token)
    assert done.status == 200, done
    return seed, done.json["recovery_codes"]


def code(seed: bytes) -> str:
    return totp.code_at(seed, int(time.time()) // totp.STEP_SECONDS)


def pending(scene: Scene, who: Person, password: str) -> str:
    """The token of a sign-in that waits for a second factor."""
    reply = scene.at.ask("POST", "/api/auth/login/", {"username": who.name, "password": password})
    assert (reply.status, reply.json["code"]) == (401, "second_factor_required")
    token: str = reply.json["mfa_token"]
    return token


def completed(scene: Scene, token: str, **shown: str) -> int:
    """How a sign-in is completed with this; codes that were used count as unused, for whoever writes the database."""
    scene.at.store.run("UPDATE totps SET last_step = 0")
    return scene.at.ask("POST", "/api/auth/login/second-factor/", {"mfa_token": token, **shown}).status


def test_a_second_factor_is_good_for_whom_it_was_enrolled_only(scene: Scene) -> None:
    """Mallory knows her password, and puts his own second factor into the place of hers."""
    run, (alice, _, mallory) = scene.at.store.run, scene.ids
    (hers, own_codes), (his, his_codes) = enrol(scene, scene.alice), enrol(scene, scene.mallory)
    kept = run("SELECT credential_id, master_id, sealed FROM totps WHERE user_id = ?", alice)[0]
    assert completed(scene, pending(scene, scene.mallory, OWN_PASSWORD), otp=code(his)) == 200
    for columns in ("sealed", "sealed, credential_id"):
        values = run(f"SELECT {columns} FROM totps WHERE user_id = ?", mallory)[0]
        changed = ", ".join(f"{column} = ?" for column in columns.split(", "))
        run(f"UPDATE totps SET {changed} WHERE user_id = ?", *(_plain(value) for value in values), alice)
        for otp in (code(his), code(hers)):
            assert completed(scene, pending(scene, scene.alice, PASSWORD), otp=otp) == 401
    run("UPDATE totps SET credential_id = ?, master_id = ?, sealed = ? WHERE user_id = ?", *map(_plain, kept), alice)
    assert completed(scene, pending(scene, scene.alice, PASSWORD), otp=code(hers)) == 200

    run("UPDATE recovery_codes SET user_id = ? WHERE user_id = ?", alice, mallory)
    assert completed(scene, pending(scene, scene.alice, PASSWORD), recovery_code=his_codes[0]) == 401
    assert completed(scene, pending(scene, scene.alice, PASSWORD), recovery_code=own_codes[0]) == 200


def test_a_sign_in_that_waits_is_completed_for_whom_it_was_begun_only(scene: Scene) -> None:
    """Mallory holds her telephone, and not her password: what he has begun with his own is moved to her."""
    run, (alice, _, mallory) = scene.at.store.run, scene.ids
    (hers, own_codes), _ = enrol(scene, scene.alice), enrol(scene, scene.mallory)
    pending(scene, scene.alice, PASSWORD)
    ((stamp,),) = run("SELECT stamp FROM pending_logins WHERE user_id = ? LIMIT 1", alice)
    for change, values in (("user_id = ?", (alice,)), ("user_id = ?, stamp = ?", (alice, _plain(stamp)))):
        token = pending(scene, scene.mallory, OWN_PASSWORD)
        run(f"UPDATE pending_logins SET {change} WHERE user_id = ?", *values, mallory)
        for shown in (token, token.replace(str(mallory), str(alice))):
            assert completed(scene, shown, otp=code(hers)) == 401
            assert completed(scene, shown, recovery_code=own_codes[0]) == 401
    assert completed(scene, pending(scene, scene.alice, PASSWORD), otp=code(hers)) == 200


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def test_who_takes_anothers_name_in_the_database_still_reads_nothing_of_theirs(scene: Scene) -> None:
    """Names are no secret and not sealed: mallory can be called alice, and even so opens nothing of hers."""
    run, (alice, _, mallory) = scene.at.store.run, scene.ids
    hers = run("SELECT name, key FROM users WHERE id = ?", alice)[0]
    run("UPDATE users SET name = ?, key = ? WHERE id = ?", f"gone.{hers[0]}", f"gone.{hers[1]}", alice)
    run("UPDATE users SET name = ?, key = ? WHERE id = ?", *hers, mallory)
    assert sign_in(scene, scene.alice, PASSWORD) == 401
    token = scene.at.pair(hers[0], OWN_PASSWORD)["access"]
    with scene.at.socket(token, [V1]) as opened:
        opened.say({"type": "hello"})
        assert answered(opened)["type"] == "welcome"
    assert scene.content not in everything_read_by(scene, Person(hers[0], token))
