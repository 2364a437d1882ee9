"""The chat page in two tabs of one browser: one connection, the same state, and nothing lost when one of them goes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.flows.person import PATIENCE_MS, Arrive, Person, comes_to, write
from tests.instances import Instance

# A sign-in that does not come by the page: the cookie is another person's from then on.
SIGN_IN_BESIDE = """(username) => fetch("/api/auth/login/", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Recado-Session": "cookie" },
    body: JSON.stringify({ username, password: "correct horse battery" }),
}).then(({ status }) => status)"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """One that knows three people."""
    with Instance(tmp_path, settings={"RECADO_WEBSOCKET_HEARTBEAT_SECONDS": "1"}) as running:
        for name in ("alice", "bob", "carol"):
            running.register(name)
        yield running


def two_tabs(arrive: Arrive, *, opened: str = "bob") -> tuple[Person, Page, Page]:
    """Alice in two tabs, the same conversation open in both; the first one holds the connection."""
    alice = arrive()
    alice.sign_in("alice")
    first = alice.page
    alice.open(opened)
    second = alice.tab()
    alice.on(second).is_live()
    alice.open(opened)
    return alice, first, second


def bob_at(arrive: Arrive) -> Person:
    """Bob, with Alice open."""
    bob = arrive()
    bob.sign_in("bob")
    bob.open("alice")
    return bob


def stored(instance: Instance) -> list[str]:
    """What the server has between Alice and Bob, oldest first."""
    reply = instance.call("GET", "/api/auth/messages/?limit=500&with=alice", token=instance.sign_in("bob"))
    return [message["content"] for message in reply.json][::-1]


def test_both_tabs_show_the_same_by_one_connection(arrive: Arrive) -> None:
    bob = bob_at(arrive)
    alice, first, second = two_tabs(arrive)
    alice.on(first).write("of the first")
    alice.on(second).write("of the second")
    bob.reads("of the first", "of the second")
    bob.write("to both")
    everything = ["of the first", "of the second", "to both"]
    for tab in (first, second):
        alice.on(tab).reads(*everything)
    # Changes from the tab that does not hold the connection.
    alice.on(second).changes("of the second", "of the second, better")
    alice.on(second).does("delete", "of the first")
    alice.says_yes()
    for tab in (first, second):
        alice.on(tab).reads("of the second, better", "to both")
    bob.reads("of the second, better", "to both")
    # A follower types; a draft is seen, and gone, in both.
    alice.on(second).at("composer").press_sequentially("begun")
    bob.sees_text("presence", "typing")
    expect(alice.on(first).at("composer")).to_have_value("begun")
    alice.at("composer").press("Enter")
    for tab in (first, second):
        expect(alice.on(tab).at("composer")).to_have_value("")
        alice.reads("of the second, better", "to both", "begun")
    assert [url for url in alice.sockets if url.endswith("/ws/chat/")] == alice.sockets[:1]


def test_what_is_read_in_one_tab_is_read_in_the_other(arrive: Arrive, instance: Instance) -> None:
    instance.call("POST", "/api/auth/send/", {"recipient": "alice", "content": "one"}, token=instance.sign_in("bob"))
    bob = bob_at(arrive)
    alice, first, second = two_tabs(arrive, opened="carol")
    for tab in (first, second):
        alice.on(tab).sees_text("unread", "1")
    bob.write("two")
    for tab in (first, second):
        alice.on(tab).sees_text("unread", "2")
        expect(tab).to_have_title("(2) Recado")
    alice.on(second).choose("bob")
    for tab in (first, second):
        expect(alice.on(tab).at("unread")).to_have_count(0)
        expect(tab).to_have_title("Recado")
    expect(bob.at("message").last).to_have_attribute("data-state", "read", timeout=PATIENCE_MS)


def test_what_one_tab_shows_is_heard_in_none_and_what_nobody_sees_in_one(arrive: Arrive, instance: Instance) -> None:
    tokens = {name: instance.sign_in(name) for name in ("bob", "carol")}
    alice = arrive()
    alice.has_sound()
    alice.sign_in("alice")
    alice.open("carol")
    first, second = alice.page, alice.tab()
    alice.on(second).is_live()
    alice.open("bob")
    write(instance, tokens["bob"], "alice", "seen in the second")
    alice.reads("seen in the second")
    alice.on(first)
    write(instance, tokens["carol"], "alice", "seen in the first")
    alice.reads("seen in the first")
    for tab in (first, second):
        tab.wait_for_timeout(500)  # a tone comes a moment after its message
        assert tab.evaluate("tones") == 0
        alice.on(tab).looks_away()
    write(instance, tokens["bob"], "alice", "seen in none")
    comes_to(first, "() => tones > 0")
    assert second.evaluate("tones") == 0


def test_whoever_is_muted_or_blocked_in_one_tab_is_in_the_other(arrive: Arrive, instance: Instance) -> None:
    bob = bob_at(arrive)
    alice, first, second = two_tabs(arrive)
    bob.write("hello")
    for tab in (first, second):
        alice.on(tab).reads("hello")
    alice.on(second).asks("mute")
    alice.on(first).sees_text("conversation", "Muted")
    alice.asks("block")
    alice.says_yes()
    alice.on(second).sees_text("presence", "You have blocked this person")
    alice.asks("block")
    alice.asks("mute")
    alice.on(first).at("thread-menu").click()
    expect(alice.at("menu-block")).to_have_text("Block")
    expect(alice.at("menu-mute")).to_have_text("Mute")


def test_when_the_tab_with_the_connection_is_closed_the_other_goes_on_and_nothing_is_lost_or_doubled(
    arrive: Arrive, instance: Instance
) -> None:
    bob = bob_at(arrive)
    alice, first, second = two_tabs(arrive)
    alice.on(first).write("before")
    alice.on(second).reads("before")
    alice.on(first).write("last words")
    alice.on(second).write("of the second")
    bob.write("meanwhile")
    first.close()
    alice.on(second).write("alone")
    alice.is_live()
    expect(alice.at("message")).to_have_count(5, timeout=PATIENCE_MS)
    expect(bob.at("message")).to_have_count(5, timeout=PATIENCE_MS)
    alice.reads(*bob.texts())
    assert sorted(stored(instance)) == sorted(["before", "last words", "of the second", "meanwhile", "alone"])
    assert stored(instance) == bob.texts()
    assert [text for text in bob.texts() if text in ("of the second", "alone")] == ["of the second", "alone"]
    bob.write("heard?")
    alice.sees_text("message-list", "heard?")
    assert len(alice.sockets) == 2


def test_both_tabs_may_be_reloaded_at_once(arrive: Arrive, instance: Instance) -> None:
    bob = bob_at(arrive)
    alice, first, second = two_tabs(arrive)
    alice.write("before")
    bob.reads("before")
    for tab in (first, second):
        tab.evaluate("() => void setTimeout(() => location.reload(), 50)")
    bob.write("meanwhile")
    for tab in (first, second):
        tab.wait_for_function("performance.getEntriesByType('navigation')[0].type === 'reload'")
        alice.on(tab).is_live()
        alice.choose("bob")
        alice.reads("before", "meanwhile")
    alice.write("after")
    bob.reads("before", "meanwhile", "after")
    for tab in (first, second):
        alice.on(tab).reads("before", "meanwhile", "after")
    assert stored(instance) == ["before", "meanwhile", "after"]


def test_drafts_of_two_tabs_stand_beside_each_other_after_a_reload(arrive: Arrive) -> None:
    alice, first, second = two_tabs(arrive)
    alice.on(second).open("carol")
    alice.at("composer").fill("to carol")
    alice.on(first).at("composer").fill("to bob")
    for tab in (first, second):
        expect(alice.on(tab).at("conversation")).to_have_count(2)
    first.close()
    alice.on(second).keeps("page/drafts", [{"peer": "bob", "text": "to bob"}, {"peer": "carol", "text": "to carol"}])
    second.reload()
    for peer in ("bob", "carol"):
        alice.on(second).choose(peer)
        expect(alice.at("composer")).to_have_value(f"to {peer}")


def test_signing_out_in_one_tab_empties_the_other_which_tells_what_was_not_sent(
    arrive: Arrive, instance: Instance
) -> None:
    alice, first, second = two_tabs(arrive)
    alice.on(first).write("before")
    alice.on(second).reads("before")
    instance.kill()
    alice.on(second).is_at("banner")
    alice.write("never sent")
    expect(alice.on(first).at("message")).to_have_count(2)
    # What would be lost is asked about.
    alice.on(first).at("sign-out").click()
    alice.sees_text("confirm", "1 message is not sent yet")
    alice.at("confirm-no").click()
    expect(alice.at("message")).to_have_count(2)
    alice.at("sign-out").click()
    alice.says_yes()
    for tab in (first, second):
        alice.on(tab).is_at("sign-view")
        assert not re.search("before|never sent|bob", tab.content())
    alice.on(second).sees_text("notice", "1 message was not sent")
    # The word to the server has to be said again; until then the browser is still signed in.
    alice.on(first).sees_text("notice", "may still be signed in")
    instance.start()
    alice.at("notice").get_by_role("button").click()
    alice.sees_text("notice", "You are signed out.")
    for tab in (first, second):
        tab.reload()
        alice.on(tab).is_at("sign-view")


def test_a_cookie_that_has_become_somebody_elses_shows_nothing_of_the_one_before(arrive: Arrive) -> None:
    alice, first, second = two_tabs(arrive)
    alice.write("a secret of ours")
    alice.reads("a secret of ours")
    first.close()
    alice.is_live()
    assert second.evaluate(SIGN_IN_BESIDE, "carol") == 200
    second.reload()
    alice.sees_text("notice", "Somebody else signed in")
    assert not re.search("secret|bob", second.content())
    second.reload()
    alice.is_live()
    expect(alice.at("me")).to_have_text("carol")
    alice.is_at("list-empty")
