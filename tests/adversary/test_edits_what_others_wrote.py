"""Edits and deletions of messages that are somebody else's, by their recipient and by strangers, on every way in.

Servers let members edit what others had written (GHSA-8cmp-fc56-7g44), or what was theirs before they were removed
(CVE-2023-32678).
"""

from typing import Any

from tests.adversary.attacker import V1, Target
from tests.adversary.doors import answered
from tests.handlers.raw import Person

MISSING = 2**53 - 2


def shown(target: Target, who: Person) -> list[Any]:
    messages: list[Any] = target.ask("GET", "/api/auth/messages/?limit=500", token=who.token).json
    return messages


def bare(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name not in ("request_id", "ref")}


def test_only_who_wrote_a_message_changes_it_and_for_all_others_it_is_not_there(target: Target) -> None:
    alice, bob, mallory = target.join(), target.join(), target.join()
    message = target.send(alice, bob, "as it was written")
    note = target.send(alice, alice, "a note of her own")
    before = shown(target, alice), shown(target, bob)
    for who in (bob, mallory):
        with target.socket(who.token, [V1]) as opened:
            opened.say({"type": "hello"})
            assert answered(opened)["type"] == "welcome"
            for asked in ("PATCH", "DELETE"):
                body = {"content": "as it was not"} if asked == "PATCH" else None
                told = [
                    target.ask(asked, f"/api/messages/{n}/", body, token=who.token)
                    for n in (message["id"], note["id"], MISSING)
                ]
                assert {reply.status for reply in told} == {404}
                assert bare(told[0].json) == bare(told[1].json) == bare(told[2].json)
                frame = {"type": "edit", **body} if body else {"type": "delete"}
                heard = []
                for n in (message["id"], note["id"], MISSING):
                    opened.say(frame | {"id": n, "ref": "r"})
                    heard.append(answered(opened))
                assert {answer["code"] for answer in heard} == {"not_found"}
                assert bare(heard[0]) == bare(heard[1]) == bare(heard[2])
    assert (shown(target, alice), shown(target, bob)) == before
    # The sender does change it: what was refused above was refused for who asked.
    changed = target.ask("PATCH", f"/api/messages/{message['id']}/", {"content": "better"}, token=alice.token)
    assert (changed.status, shown(target, bob)[0]["content"]) == (200, "better")


def test_no_other_field_of_a_message_can_be_edited(target: Target) -> None:
    alice, bob, mallory = target.join(), target.join(), target.join()
    message = target.send(alice, bob, "as it was written")
    path = f"/api/messages/{message['id']}/"
    for field, value in {
        "id": 1,
        "sender": bob.name,
        "recipient": mallory.name,
        "timestamp": "2020-01-01T00:00:00.000Z",
        "edited_at": None,
        "read_at": "2020-01-01T00:00:00.000Z",
        "expires_at": None,
        "revision": 7,
        "__proto__": {"admin": True},
    }.items():
        reply = target.ask("PATCH", path, {"content": "x", field: value}, token=alice.token)
        assert (reply.status, reply.json["errors"][0]["field"]) == (400, field)
    assert target.ask("GET", path, token=bob.token).json == message
    assert target.ask("GET", path, token=mallory.token).status == 404


def test_a_message_is_sent_in_no_name_but_ones_own(target: Target) -> None:
    alice, bob, mallory = target.join(), target.join(), target.join()
    forged = {"sender": alice.name, "sender_id": 1, "id": 1, "timestamp": "2020-01-01T00:00:00.000Z", "read_at": "x"}
    body = {"recipient": bob.name, "content": "by mallory", **forged}
    by_api = target.ask("POST", "/api/auth/send/", body, token=mallory.token).json
    assert (by_api["sender"], by_api["recipient"]) == (mallory.name, bob.name)
    assert by_api["id"] > 1
    assert not by_api["timestamp"].startswith("2020")
    with target.socket(mallory.token) as plain:
        for field, value in forged.items():
            plain.say({"recipient": bob.name, "content": "still by mallory", field: value})
            heard = plain.hear()
            assert heard.get("sender", mallory.name) == mallory.name
            assert "error" in heard or heard["id"] > by_api["id"]
    with target.socket(mallory.token, [V1]) as v1:
        v1.say({"type": "hello"})
        assert answered(v1)["type"] == "welcome"
        sent = {"type": "send", "client_id": "6f9619ff-8b86-4011-842d-00c04fc964ff", "recipient": bob.name}
        v1.say(sent | {"content": "x", "sender": alice.name})
        assert (answered(v1)["code"]) == "invalid"
    assert {message["sender"] for message in shown(target, bob)} == {mallory.name}
