"""Conversations at the chat page: what is unread, who is there, and what is done with the whole of one."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.flows.person import PATIENCE_MS, PHONE, Arrive, Person, comes_to, fits, person, two, write
from tests.flows.scene import Line, settle
from tests.instances import Instance

CLOSE_AND_OPEN = """(other) => {
  document.getElementById("composer").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  return new Promise((resolve) => {
    addEventListener("popstate", () => requestAnimationFrame(() => setTimeout(resolve)), { once: true });
    queueMicrotask(() => queueMicrotask(() => other.click()));
  });
}"""
HOSTILE_NAMES = ["<img src=x onerror=alert(1)>", "</bdi><script>alert(1)</script>", "__proto__", "مرحبا"]


@pytest.fixture
def sociable(chromium: Browser, tmp_path: Path) -> Iterator[Arrive]:
    """As `arrive`, where people are told who is there."""
    settings = {"RECADO_WEBSOCKET_PRESENCE": "true", "RECADO_WEBSOCKET_PRESENCE_GRACE_SECONDS": "1"}
    with Instance(tmp_path, settings=settings) as instance, ExitStack() as stack:

        def opens(**options: Any) -> Person:
            return stack.enter_context(person(chromium, instance, **options))

        yield opens


def is_told(who: Person, text: str) -> None:
    """Wait until the list's row has these last words."""
    expect(who.at("conversation").locator(".conversation-last")).to_have_text(text, timeout=PATIENCE_MS)


def test_what_is_unread_in_an_old_conversation_is_in_the_title(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    for name in ["forgotten", *(f"known{number}" for number in range(51))]:
        write(instance, instance.join(name), "alice", "hi")
    token = instance.sign_in("alice")
    for row in instance.call("GET", "/api/conversations/?limit=200", token=token).json[:-1]:
        read = f"/api/conversations/{row['peer']}/read/"
        assert instance.call("POST", read, {"up_to": row["last_message"]["id"]}, token=token).status == 204
    alice = arrive()
    alice.sign_in("alice")
    expect(alice.page).to_have_title("(1) Recado", timeout=PATIENCE_MS)
    expect(alice.at("conversation")).to_have_count(51)
    expect(alice.at("conversation").last).to_contain_text("forgotten")
    alice.at("more-conversations").click()
    expect(alice.at("conversation")).to_have_count(52, timeout=PATIENCE_MS)
    expect(alice.page).to_have_title("(1) Recado")


def test_typing_and_presence_are_shown_where_they_are_wanted(sociable: Arrive) -> None:
    alice, bob = sociable(), sociable()
    alice.register("alice")
    bob.register("bob")
    alice.open("bob")
    alice.write("hello")
    bob.choose("alice")
    for one in (alice, bob):
        one.sees_text("presence", "online")
        expect(one.at("conversation").get_by_test_id("online")).to_have_count(1)
    bob.at("composer").press_sequentially("hm")
    alice.sees_text("presence", "typing…")
    is_told(alice, "typing…")
    bob.at("composer").press("Enter")
    alice.reads("hello", "hm")
    alice.sees_text("presence", "online")
    is_told(alice, "hm")
    bob.page.close()
    alice.sees_text("presence", "last seen today")
    expect(alice.at("online")).to_have_count(0)
    for one in (alice, bob):
        one.complains_of_nothing()


def test_nobody_is_shown_as_there_while_there_is_no_connection(sociable: Arrive) -> None:
    alice, bob = sociable(), sociable()
    alice.register("alice")
    bob.register("bob")
    alice.open("bob")
    alice.write("hello")
    alice.sees_text("presence", "online")
    alice.context.set_offline(True)
    expect(alice.at("online")).to_have_count(0)
    expect(alice.at("presence")).to_have_text("")
    alice.context.set_offline(False)
    alice.sees_text("presence", "online")
    expect(alice.at("online")).to_have_count(2)


def test_a_muted_conversation_is_silent(arrive: Arrive, instance: Instance) -> None:
    token = instance.join("bob")
    carol = instance.join("carol")
    alice = arrive()
    alice.has_sound()
    alice.register("alice")
    alice.open("bob")
    alice.asks("mute")
    alice.at("thread-menu").click()
    expect(alice.at("menu-mute")).to_have_text("Unmute")
    alice.page.keyboard.press("Escape")
    alice.page.keyboard.press("Escape")
    expect(alice.at("composer")).to_have_count(0)
    write(instance, token, "alice", "psst")
    alice.sees_text("unread", "1")
    expect(alice.page).to_have_title("Recado")
    alice.page.wait_for_timeout(500)  # a tone comes a moment after its message
    assert alice.page.evaluate("tones") == 0
    expect(alice.at("announcer")).to_have_text("")
    write(instance, carol, "alice", "hello")
    expect(alice.page).to_have_title("(1) Recado")
    comes_to(alice.page, "() => tones > 0")
    alice.sees_text("announcer", "carol: hello")
    # It is kept, by the server.
    alice.page.reload()
    muted = alice.at("conversation").filter(has_text="bob")
    expect(muted).to_contain_text("Muted")
    muted.click()
    alice.asks("mute")
    expect(alice.at("conversation").filter(has_text="Muted")).to_have_count(0)
    alice.page.keyboard.press("Escape")
    write(instance, token, "alice", "psst, again")
    expect(alice.page).to_have_title("(2) Recado")
    # What was done at another device is known when she looks again.
    alice.looks_away()
    assert instance.call("PUT", "/api/mutes/carol/", token=instance.sign_in("alice")).status == 204
    alice.looks()
    expect(alice.at("conversation").filter(has_text="carol")).to_contain_text("Muted")
    expect(alice.page).to_have_title("(1) Recado")


def test_whoever_is_blocked_is_not_heard_until_they_are_unblocked(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    bob.write("hello")
    alice.reads("hello")
    alice.asks("block")
    alice.at("confirm-no").click()
    expect(alice.at("presence")).to_have_text("")
    alice.asks("block")
    alice.says_yes()
    alice.sees_text("presence", "You have blocked this person")
    expect(alice.at("thread-menu")).to_be_focused()
    bob.write("are you cross?")
    bob.reads("hello", "are you cross?")
    alice.asks("block")
    expect(alice.at("presence")).to_have_text("")
    bob.write("hello again")
    alice.reads("hello", "hello again")


def test_a_deleted_conversation_is_gone_and_begins_anew(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("I wrote this")
    bob.write("and I that")
    alice.reads("I wrote this", "and I that")
    alice.at("composer").fill("half a word")
    alice.asks("delete")
    alice.sees_text("confirm", "destroyed for both")
    alice.says_yes()
    alice.is_at("list-empty")
    expect(alice.at("composer")).to_have_count(0)
    expect(alice.at("new-conversation")).to_be_focused()  # where she came from
    # What was his stays with him.
    bob.reads("and I that")
    is_told(bob, "You: and I that")
    alice.page.reload()
    alice.is_live()
    alice.is_at("list-empty")
    bob.write("where were we?")
    alice.choose("bob")
    alice.reads("where were we?")
    expect(alice.at("composer")).to_have_value("")


def test_what_is_deleted_elsewhere_is_not_unread_here(arrive: Arrive, instance: Instance) -> None:
    elsewhere = instance.join("alice")
    token = instance.join("bob")
    for text in ("one", "two"):
        write(instance, token, "alice", text)
    alice = arrive()
    alice.sign_in("alice")
    expect(alice.page).to_have_title("(2) Recado")
    assert instance.call("DELETE", "/api/conversations/bob/", token=elsewhere).status == 204
    alice.is_at("list-empty")
    expect(alice.page).to_have_title("Recado")


def test_what_ends_by_itself_gives_way_in_the_list_to_what_was_before(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    token = instance.join("bob")
    write(instance, token, "alice", "this stays")
    alice = arrive()
    alice.sign_in("alice")
    is_told(alice, "this stays")
    write(instance, token, "alice", "this goes", ttl_seconds=4)
    is_told(alice, "this goes")
    is_told(alice, "this stays")
    # Also what is known from the list alone, and without a word of the server's.
    write(instance, token, "alice", "this goes as well", ttl_seconds=10)
    alice.page.goto("about:blank")
    alice.page.goto(instance.url)
    alice.is_live()
    is_told(alice, "this goes as well")
    alice.context.set_offline(True)
    is_told(alice, "")
    expect(alice.page).to_have_title("(1) Recado")
    alice.context.set_offline(False)
    is_told(alice, "this stays")


def test_what_was_refused_is_told_in_the_list_and_goes_with_its_conversation(
    arrive: Arrive, instance: Instance
) -> None:
    instance.register("alice")
    instance.register("carol")
    write(instance, instance.join("bob"), "alice", "hello")
    alice = arrive()
    Line(alice.context)
    alice.page.reload()
    alice.sign_in("alice")
    alice.choose("bob")
    alice.write("refuse this")
    is_told(alice, "Not sent. You: refuse this")
    alice.at("composer").fill("and a draft")
    alice.page.keyboard.press("Escape")
    is_told(alice, "Not sent. You: refuse this")
    alice.choose("bob")
    alice.asks("delete")
    alice.says_yes()
    alice.is_at("list-empty")
    # The server knows of no conversation with Carol: there is something to delete all the same.
    alice.open("CAROL")
    alice.write("hello")
    expect(alice.at("peer")).to_have_text("carol")
    alice.asks("delete")
    alice.says_yes()
    alice.is_at("list-empty")
    alice.open("carol")
    alice.write("refuse this as well")
    is_told(alice, "Not sent. You: refuse this as well")
    alice.asks("delete")
    alice.says_yes()
    alice.is_at("list-empty")
    comes_to(alice.page, "() => history.state === null")  # the way back is over, which a reload would be lost to
    alice.page.reload()
    alice.is_live()
    alice.is_at("list-empty")
    alice.open("bob")
    alice.is_at("thread-empty")


def test_whoever_opens_another_conversation_at_once_stays_in_it(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    for name in ("bob", "carol"):
        write(instance, instance.join(name), "alice", f"from {name}")
    alice = arrive()
    alice.sign_in("alice")
    for first, second in (("bob", "carol"), ("carol", "bob")):
        alice.choose(first)
        other = alice.at("conversation").filter(has_text=second).element_handle()
        # The step back of the browser's history comes after both.
        alice.page.evaluate(CLOSE_AND_OPEN, other)
        alice.reads(f"from {second}")
        settle(alice)
        expect(alice.at("peer")).to_have_text(second)
    alice.page.go_back()
    expect(alice.page.locator(".no-thread")).to_be_visible()
    alice.page.go_forward()
    alice.reads("from bob")


def test_a_draft_stays_where_it_was_begun(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    instance.register("carol")
    bob.write("hello")
    alice.reads("hello")
    alice.at("composer").fill("for bob")
    alice.open("carol")
    expect(alice.at("composer")).to_have_value("")
    is_told(alice, "Draft: for bob")
    alice.at("composer").fill("for carol")
    alice.choose("bob")
    expect(alice.at("composer")).to_have_value("for bob")
    expect(alice.at("conversation").filter(has_text="carol")).to_contain_text("Draft: for carol")
    alice.keeps("page/drafts", [{"peer": "bob", "text": "for bob"}, {"peer": "carol", "text": "for carol"}])
    alice.page.reload()
    expect(alice.at("conversation").filter(has_text="carol")).to_contain_text("Draft: for carol")
    expect(alice.at("conversation").filter(has_text="bob")).to_contain_text("Draft: for bob")
    alice.choose("bob")
    expect(alice.at("composer")).to_have_value("for bob")
    alice.at("send").click()
    bob.reads("hello", "for bob")
    expect(alice.at("conversation").filter(has_text="bob")).to_contain_text("You: for bob")


def test_a_display_name_stands_beside_the_name_and_is_text(arrive: Arrive, instance: Instance) -> None:
    token = instance.join("bob")
    alice = arrive()
    alice.register("alice")
    write(instance, token, "alice", "hello")
    count = "() => document.querySelectorAll('script, iframe, img, h1, style, base, link, object').length"
    before = alice.page.evaluate(count)
    for name in HOSTILE_NAMES:
        assert instance.call("PATCH", "/api/users/me/", {"display_name": name}, token=token).status == 200
        shown = instance.call("GET", "/api/users/me/", token=token).json["display_name"]
        alice.page.reload()
        alice.is_live()
        alice.choose("bob")
        expect(alice.at("peer")).to_have_text("bob")
        expect(alice.at("presence").locator("bdi")).to_have_text(shown)
        assert alice.page.evaluate(count) == before


def test_unread_messages_begin_at_a_line_that_can_be_gone_to(arrive: Arrive, instance: Instance) -> None:
    token = instance.join("alice")
    instance.register("bob")
    for number in range(120):
        write(instance, token, "bob", f"news {number}")
    bob = arrive()
    bob.sign_in("bob")
    bob.sees_text("unread", "120")
    expect(bob.page).to_have_title("(120) Recado")
    bob.choose("alice")
    # They begin three pages back: it opens there, and what stands below is not read yet.
    expect(bob.at("unread-line")).to_be_in_viewport(timeout=PATIENCE_MS)
    expect(bob.message("news 0")).to_be_in_viewport()
    expect(bob.message("news 1")).to_be_in_viewport()
    expect(bob.message("news 119")).to_have_count(0)
    expect(bob.at("jump-unread")).to_have_count(0)
    expect(bob.at("jump")).not_to_contain_text("New")
    expect(bob.at("unread")).to_have_text(re.compile(r"^1[01]\d"))
    bob.at("jump").click()
    expect(bob.message("news 119")).to_be_in_viewport()
    expect(bob.at("unread")).to_have_count(0)
    bob.at("jump-unread").click()
    expect(bob.message("news 0")).to_be_in_viewport(timeout=PATIENCE_MS)
    bob.at("jump").click()
    expect(bob.message("news 119")).to_be_in_viewport()
    assert bob.all_texts() == [f"news {number}" for number in range(120)]
    # Where they are known, they are there at once.
    bob.page.goto("about:blank")
    for number in range(120, 150):
        write(instance, token, "bob", f"news {number}")
    bob.page.goto(instance.url)
    bob.sees_text("unread", "30")
    bob.choose("alice")
    expect(bob.at("unread-line")).to_be_in_viewport(timeout=PATIENCE_MS)
    expect(bob.message("news 120")).to_be_in_viewport()
    expect(bob.message("news 149")).not_to_be_in_viewport()
    # Read is what was seen.
    bob.sees_text("unread", "1")


def test_a_conversation_opens_where_its_unread_begin_also_when_one_more_has_come(
    arrive: Arrive, instance: Instance
) -> None:
    instance.register("alice")
    token = instance.join("bob")
    for number in range(30):
        write(instance, token, "alice", f"news {number}")
    alice = arrive()
    alice.sign_in("alice")
    alice.sees_text("unread", "30")
    write(instance, token, "alice", "news 30")
    alice.sees_text("unread", "31")
    alice.choose("bob")
    expect(alice.at("unread-line")).to_be_in_viewport(timeout=PATIENCE_MS)
    expect(alice.message("news 0")).to_be_in_viewport()
    expect(alice.at("jump")).not_to_contain_text("New")
    expect(alice.at("unread")).to_have_text(re.compile(r"^[12]\d"))


def test_a_phone_has_room_for_everything(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance, **PHONE)
    name = "x" * 60
    assert instance.call("PATCH", "/api/users/me/", {"display_name": name}, token=instance.sign_in("bob")).status == 200
    bob.write("https://example.org/" + "y" * 200)
    alice.sees_text("message-text", "example.org")
    alice.page.reload()
    alice.choose("bob")
    alice.sees_text("presence", "xxx")
    fits(alice)
    for opener, name in (("message-menu", "menu"), ("thread-menu", "menu"), ("emoji-open", "emoji-picker")):
        alice.at(opener).tap()
        expect(alice.at(name)).to_be_in_viewport(ratio=1)
        fits(alice)
        alice.at(opener).tap()
        expect(alice.at(name)).to_have_count(0)
    alice.at("message-menu").tap()
    alice.at("menu-reply").tap()
    alice.sees_text("writing", "example.org")
    fits(alice)
    alice.write("a reply")
    bob.sees_text("quote", "example.org")
    for one in (alice, bob):
        fits(one)
    for question, action in (("timer-dialog", "timer"), ("confirm", "block"), ("confirm", "delete")):
        alice.at("thread-menu").tap()
        alice.at(f"menu-{action}").tap()
        expect(alice.at(question)).to_be_in_viewport(ratio=1)
        fits(alice)
        if action != "delete":
            alice.at(question).get_by_role("button", name="Cancel").tap()
    # After its deletion Back leads out of the page's conversations, not into it again.
    alice.at("confirm-yes").tap()
    expect(alice.at("confirm")).to_have_count(0)
    alice.is_at("list-empty")
    comes_to(alice.page, "() => history.state === null")  # the way back is gone a moment later
