"""The attacker deletes a conversation again and again while it is written to and its messages run out.

Locks that are taken in another order, or held too long, made servers stall or fail (CVE-2026-45078, CVE-2026-4635).
"""

from concurrent.futures import ThreadPoolExecutor

from tests.adversary.attacker import Plundered
from tests.handlers.raw import Person

TIMES = 20


def test_what_is_deleted_meanwhile_stops_nobody_and_leaves_no_gap(plundered: Plundered) -> None:
    alice, bob = plundered.join(), plundered.join()
    plundered.send(alice, bob, "the first")

    def write(sender: Person, recipient: Person) -> set[int]:
        body = {"recipient": recipient.name, "content": "a text"}
        return {
            plundered.ask(
                "POST", "/api/auth/send/", body | ({"ttl_seconds": 1} if number % 2 else {}), token=sender.token
            ).status
            for number in range(TIMES)
        }

    def delete(who: Person, other: Person) -> set[int]:
        path = f"/api/conversations/{other.name}/"
        return {plundered.ask("DELETE", path, token=who.token).status for _ in range(TIMES // 5)}

    def read(who: Person, other: Person) -> set[int]:
        paths = ("/api/conversations/", f"/api/auth/messages/?with={other.name}", "/api/events/?after=0&limit=500")
        return {plundered.ask("GET", paths[number % 3], token=who.token).status for number in range(TIMES)}

    pairs = ((alice, bob), (bob, alice))
    with ThreadPoolExecutor(6) as pool:
        done = [(act, pool.submit(act, *pair)) for act in (write, delete, read) for pair in pairs]
        told = {act: {status for each, future in done if each is act for status in future.result()} for act, _ in done}
    assert (told[write], told[read]) == ({201}, {200})
    assert told[delete] <= {202, 204}  # 202: it goes on

    for who, other in pairs:
        events = plundered.ask("GET", "/api/events/?after=0&limit=500", token=who.token).json
        positions = [event["position"] for event in events["events"]]
        assert positions == list(range(1, events["position"] + 1))
        listed = plundered.ask("GET", f"/api/auth/messages/?with={other.name}&limit=500", token=who.token).json
        assert {message["content"] for message in listed} <= {"a text"}
        assert plundered.ask("DELETE", f"/api/conversations/{other.name}/", token=who.token).status == 204
        assert plundered.ask("GET", f"/api/auth/messages/?with={other.name}", token=who.token).json == []
    # It can be begun anew.
    message = plundered.send(alice, bob, "a new beginning")
    assert plundered.ask("GET", f"/api/messages/{message['id']}/", token=bob.token).json["content"] == "a new beginning"
