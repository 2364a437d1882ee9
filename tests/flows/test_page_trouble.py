"""The chat page on a bad day: no network, a dead server, a session that ends elsewhere.

Nothing is lost or doubled, and nothing is shown to another.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect

from tests.flows.person import PASSWORD, PATIENCE_MS, Arrive, Person, comes_to, person
from tests.flows.relay import Relay
from tests.instances import Instance

# What the browser still holds of somebody: names of databases' rows, and of everything else that it could keep.
KEPT = """async () => {
    const answered = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const rows = [];
    for (const { name } of await indexedDB.databases()) {
        const db = await answered(indexedDB.open(name));
        for (const store of db.objectStoreNames) {
            const keys = await answered(db.transaction(store).objectStore(store).getAllKeys());
            rows.push(...keys.filter((key) => key !== "seal")); // made anew, by whoever comes, for rows to come
        }
        db.close();
    }
    return [...rows, ...Object.keys(localStorage), ...Object.keys(sessionStorage)];
}"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """One that is noticed to be gone quickly."""
    with Instance(tmp_path, settings={"RECADO_WEBSOCKET_HEARTBEAT_SECONDS": "1"}) as running:
        for name in ("alice", "bob", "carol"):
            running.register(name)
        yield running


@pytest.fixture
def relay(instance: Instance) -> Iterator[Relay]:
    """The network of one of them."""
    with Relay(instance) as between:
        yield between


def enter(arrive: Arrive, name: str, **options: Any) -> Person:
    """Somebody who has signed in at the page."""
    one = arrive(**options)
    one.sign_in(name)
    return one


def stored(instance: Instance, name: str, peer: str) -> list[str]:
    """What the server has between two people, oldest first."""
    reply = instance.call("GET", f"/api/auth/messages/?limit=500&with={peer}", token=instance.sign_in(name))
    return [message["content"] for message in reply.json][::-1]


def write(instance: Instance, name: str, peer: str, *texts: str) -> None:
    """Somebody writes from another device."""
    token = instance.sign_in(name)
    for text in texts:
        reply = instance.call("POST", "/api/auth/send/", {"recipient": peer, "content": text}, token=token)
        assert reply.status == 201, reply


def nothing_is_left(page: Page, *words: str) -> None:
    """No word of the chat in the document, and nothing of it in the browser."""
    expect(page.get_by_test_id("sign-view")).to_be_visible(timeout=PATIENCE_MS)
    assert not re.search("|".join(words), page.content())
    comes_to(page, f"() => ({KEPT})().then((kept) => kept.length === 0)")


def waits(who: Person, *texts: str) -> None:
    """Wait until these are the last messages of the open conversation, none of them sent."""
    for at, text in enumerate(reversed(texts)):
        message = who.at("message").nth(-1 - at)
        expect(message.get_by_test_id("message-text")).to_have_text(text, timeout=PATIENCE_MS)
        expect(message).to_have_attribute("data-state", "sending")


def test_what_is_written_without_a_network_goes_out_once_and_in_order_when_it_is_back(
    arrive: Arrive, instance: Instance
) -> None:
    write(instance, "carol", "alice", "hello")
    write(instance, "bob", "alice", "before")
    alice, bob = enter(arrive, "alice"), enter(arrive, "bob")
    expect(alice.at("conversation")).to_have_count(2)
    alice.context.set_offline(True)
    alice.sees("banner", state="offline")
    alice.sees_text("banner", "This device has no network.")
    alice.sees("connection", state="offline")
    for peer in ("bob", "carol"):
        alice.choose(peer)
        for turn in range(3):
            alice.write(f"to {peer} {turn}")
        waits(alice, *(f"to {peer} {turn}" for turn in range(3)))
    alice.context.set_offline(False)
    alice.is_live()
    expect(alice.at("banner")).to_have_count(0)
    alice.reads("hello", "to carol 0", "to carol 1", "to carol 2")
    alice.choose("bob")
    alice.reads("before", "to bob 0", "to bob 1", "to bob 2")
    bob.choose("alice")
    bob.reads("before", "to bob 0", "to bob 1", "to bob 2")
    assert stored(instance, "carol", "alice") == ["hello", "to carol 0", "to carol 1", "to carol 2"]
    assert stored(instance, "bob", "alice") == ["before", "to bob 0", "to bob 1", "to bob 2"]


def test_without_a_network_the_page_opens_as_it_was_left_and_goes_on(arrive: Arrive, instance: Instance) -> None:
    write(instance, "carol", "alice", "hello")
    write(instance, "bob", "alice", "before")
    alice = enter(arrive, "alice")
    expect(alice.at("conversation")).to_have_count(2)
    alice.choose("bob")
    alice.reads("before")
    comes_to(alice.page, "() => navigator.serviceWorker.controller !== null")
    alice.at("composer").fill("begun")
    alice.keeps("page/drafts", [{"peer": "bob", "text": "begun"}])
    alice.context.set_offline(True)
    alice.sees("connection", state="offline")
    alice.page.reload()
    alice.sees("connection", state="offline")
    expect(alice.at("conversation")).to_have_count(2)
    # Whom one has written with is found by name as well; of whom there is none here, nothing is said that is not known.
    alice.open("bob")
    alice.reads("before")
    expect(alice.at("composer")).to_have_value("begun")
    alice.write("from the cellar")
    waits(alice, "from the cellar")
    alice.at("new-conversation").fill("stranger")
    alice.at("new-conversation").press("Enter")
    alice.sees("name-check", state="failed")
    expect(alice.at("peer")).to_have_text("bob")
    alice.context.set_offline(False)
    alice.is_live()
    alice.reads("before", "from the cellar")
    assert stored(instance, "bob", "alice") == ["before", "from the cellar"]


def test_a_reload_without_a_server_loses_nothing_and_try_now_brings_it_back(arrive: Arrive, instance: Instance) -> None:
    write(instance, "carol", "alice", "hello")
    write(instance, "bob", "alice", "before")
    alice, bob = enter(arrive, "alice"), enter(arrive, "bob")
    for peer in ("carol", "bob"):
        alice.choose(peer)
    alice.reads("before")
    # The next try is a minute away, unless somebody asks for it.
    busy = '{"status": 429, "code": "too_many_requests", "detail": "Wait."}'
    alice.context.route("**/api/**", lambda route: route.fulfill(status=429, body=busy, headers={"Retry-After": "60"}))
    alice.page.reload()
    alice.sees("banner", state="waiting")
    alice.sees_text("banner", "No connection to Recado")
    alice.choose("bob")
    alice.write("one")
    waits(alice, "one")
    alice.at("composer").fill("begun and not")
    alice.keeps("page/drafts", [{"peer": "bob", "text": "begun and not"}])
    alice.page.reload()
    alice.choose("carol")
    alice.write("two")
    alice.choose("bob")
    expect(alice.at("composer")).to_have_value("begun and not")
    alice.write("three")
    waits(alice, "one", "three")
    alice.context.unroute("**/api/**")
    alice.at("banner").get_by_role("button").click()
    alice.is_live()
    alice.reads("before", "one", "three")
    bob.choose("alice")
    bob.reads("before", "one", "three")
    assert stored(instance, "carol", "alice") == ["hello", "two"]


def test_a_silent_network_is_noticed_and_what_came_meanwhile_stands_behind_the_line(
    arrive: Arrive, instance: Instance, relay: Relay
) -> None:
    write(instance, "bob", "alice", "one")
    write(instance, "carol", "alice", "hello")
    alice, bob = enter(arrive, "alice", place=relay), enter(arrive, "bob")
    bob.choose("alice")
    alice.choose("bob")
    alice.reads("one")
    alice.choose("carol")
    alice.reads("hello")
    relay.freeze()
    alice.write("into the silence")
    bob.write("two")
    bob.write("three")
    bob.reads("one", "two", "three")
    alice.is_at("banner")
    expect(alice.at("unread")).to_have_count(0)
    relay.mend()
    alice.is_live()
    alice.reads("hello", "into the silence")
    alice.sees_text("unread", "2")
    expect(bob.at("message").last).to_have_attribute("data-state", "delivered", timeout=PATIENCE_MS)
    alice.choose("bob")
    alice.reads("one", "two", "three")
    line = alice.page.locator("[data-testid=unread-line] ~ [data-testid=message]")
    expect(line).to_have_count(2)
    expect(bob.at("message").last).to_have_attribute("data-state", "read", timeout=PATIENCE_MS)
    assert stored(instance, "carol", "alice") == ["hello", "into the silence"]


def test_what_is_read_without_a_network_is_told_when_it_is_back(
    arrive: Arrive, instance: Instance, relay: Relay
) -> None:
    write(instance, "carol", "alice", "hello")
    alice, bob = enter(arrive, "alice", place=relay), enter(arrive, "bob")
    alice.choose("carol")
    bob.open("alice")
    bob.write("read me")
    expect(bob.at("message").last).to_have_attribute("data-state", "delivered", timeout=PATIENCE_MS)
    alice.sees_text("unread", "1")
    relay.cut()
    alice.is_at("banner")
    alice.choose("bob")
    expect(alice.at("unread")).to_have_count(0)
    alice.choose("carol")
    relay.mend()
    alice.is_live()
    expect(bob.at("message").last).to_have_attribute("data-state", "read", timeout=PATIENCE_MS)
    expect(alice.at("unread")).to_have_count(0)


def test_an_instance_that_is_killed_while_messages_are_under_way_gets_each_of_them_once(
    arrive: Arrive, instance: Instance
) -> None:
    alice, bob = enter(arrive, "alice"), enter(arrive, "bob")
    alice.open("bob")
    bob.open("alice")
    everything = [f"a{turn}" for turn in range(12)]
    for turn, text in enumerate(everything):
        alice.write(text)
        if turn == 5:
            instance.kill()
    alice.is_at("banner")
    instance.start()
    for one in (alice, bob):
        one.is_live()
        one.reads(*everything)
    assert stored(instance, "bob", "alice") == everything


def test_behind_a_balancer_another_instance_takes_over(
    arrive: Arrive, chromium: Browser, tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    with (
        Instance(tmp_path, database_url=postgres_url, redis_url=redis_url) as first,
        Instance(tmp_path, database_url=postgres_url, redis_url=redis_url) as second,
        Relay(first) as balancer,
        person(chromium, balancer) as alice,
        person(chromium, second) as bob,
    ):
        for name, one in (("alice", alice), ("bob", bob)):
            second.register(name)
            one.sign_in(name)
        alice.open("bob")
        bob.open("alice")
        theirs = [f"a{turn}" for turn in range(12)]
        for turn, text in enumerate(theirs):
            alice.write(text)
            if turn == 5:
                first.kill()
                balancer.instance = second
        bob.reads(*theirs)
        alice.is_live()
        bob.write("across")
        alice.reads(*theirs, "across")
        assert stored(second, "bob", "alice") == [*theirs, "across"]
        for one in (alice, bob):
            one.complains_of_nothing()


def test_answers_that_come_late_land_where_they_belong(arrive: Arrive, instance: Instance) -> None:
    write(instance, "carol", "alice", "of carol")
    write(instance, "bob", "alice", "of bob")
    alice = enter(arrive, "alice")
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    alice.page.route("**/api/auth/messages/?*with=bob*", hold)
    alice.choose("bob")
    alice.write("written before the past is there")
    expect(alice.at("message").last).to_have_attribute("data-state", "sent", timeout=PATIENCE_MS)
    alice.choose("carol")
    alice.reads("of carol")
    assert waiting
    for route in waiting:
        route.continue_()
    alice.page.unroute("**/api/auth/messages/?*with=bob*")
    alice.choose("bob")
    alice.reads("of bob", "written before the past is there")
    alice.choose("carol")
    alice.reads("of carol")


def test_a_session_that_is_ended_elsewhere_takes_everything_with_it_and_tells_what_was_not_sent(
    arrive: Arrive, instance: Instance
) -> None:
    write(instance, "bob", "alice", "a secret of ours")
    alice = enter(arrive, "alice")
    alice.choose("bob")
    alice.reads("a secret of ours")
    alice.at("composer").fill("begun words")
    refusing = [True]
    alice.context.route_web_socket(
        "**/ws/chat/", lambda line: line.close(code=1013) if refusing else line.connect_to_server()
    )
    alice.page.reload()
    alice.is_at("banner")
    alice.choose("bob")
    alice.write("never sent")
    alice.write("nor this")
    waits(alice, "never sent", "nor this")
    elsewhere = instance.sign_in("alice")
    sessions = instance.call("GET", "/api/auth/sessions/", token=elsewhere).json
    [other] = [session["id"] for session in sessions if not session["current"]]
    assert instance.call("DELETE", f"/api/auth/sessions/{other}/", token=elsewhere).status == 204
    alice.page.reload()
    alice.sees_text("notice", "Your session has ended")
    alice.sees_text("notice", "2 messages were not sent")
    nothing_is_left(alice.page, "secret", "begun words", "never sent", "bob")
    refusing.clear()
    alice.sign_in("alice")
    alice.choose("bob")
    alice.reads("a secret of ours")


def test_a_password_that_is_changed_elsewhere_ends_the_session_here_in_every_tab(
    arrive: Arrive, instance: Instance
) -> None:
    write(instance, "bob", "alice", "a secret of ours")
    alice = enter(arrive, "alice")
    first, second = alice.page, alice.tab()
    alice.on(second).is_live()
    for tab in (first, second):
        alice.on(tab).choose("bob")
        alice.reads("a secret of ours")
    change = {"current": PASSWORD, "new": "another good one, quite"}
    reply = instance.call("POST", "/api/auth/password/", change, token=instance.sign_in("alice"))
    assert reply.status in (200, 204), reply
    for tab in (first, second):
        alice.on(tab).sees_text("notice", "Your session has ended")
        nothing_is_left(tab, "secret", "bob")


def test_an_account_that_is_erased_elsewhere_is_gone_from_here(arrive: Arrive, instance: Instance) -> None:
    write(instance, "bob", "alice", "a secret of ours")
    alice = enter(arrive, "alice")
    alice.choose("bob")
    alice.reads("a secret of ours")
    reply = instance.call("DELETE", "/api/auth/account/", {"password": PASSWORD}, token=instance.sign_in("alice"))
    assert reply.status in (200, 202, 204), reply
    alice.sees_text("notice", "Your session has ended")
    nothing_is_left(alice.page, "secret", "bob")
    alice.fill("alice")
    alice.sees_text("sign-error", "do not fit together")


def test_a_second_step_that_becomes_required_is_enrolled_and_what_waits_goes_out_then(
    arrive: Arrive, instance: Instance
) -> None:
    write(instance, "bob", "alice", "a secret of ours")
    alice = enter(arrive, "alice")
    alice.choose("bob")
    alice.reads("a secret of ours")
    instance.stop()
    alice.is_at("banner")
    alice.write("written before")
    waits(alice, "written before")
    instance.environment["RECADO_AUTH_SECOND_FACTOR"] = "required"
    instance.start()
    alice.is_at("enrol-view")
    assert not re.search("secret|written|bob", alice.page.content())
    instance.stop()
    del instance.environment["RECADO_AUTH_SECOND_FACTOR"]
    instance.start()
    alice.page.reload()
    alice.is_live()
    alice.choose("bob")
    alice.reads("a secret of ours", "written before")
    assert stored(instance, "bob", "alice") == ["a secret of ours", "written before"]


def test_a_database_that_was_restored_is_loaded_anew_and_what_waits_is_sent(arrive: Arrive, instance: Instance) -> None:
    write(instance, "bob", "alice", "one")
    alice, bob = enter(arrive, "alice"), enter(arrive, "bob")
    alice.choose("bob")
    alice.reads("one")
    assert instance.stop() == 0
    backup = instance.home / "backup"
    backup.mkdir()
    for file in instance.home.glob("*.db*"):
        shutil.copy(file, backup)
    instance.start()
    alice.comes_back()
    alice.write("lost with the disk")
    alice.reads("one", "lost with the disk")
    assert instance.stop() == 0
    alice.is_at("banner")
    alice.write("after the accident")
    waits(alice, "after the accident")
    for file in instance.home.glob("*.db*"):
        file.unlink()
    for file in backup.iterdir():
        shutil.copy(file, instance.home)
    with sqlite3.connect(next(instance.home.glob("*.db"))) as database:
        database.execute("UPDATE facts SET value = 'of another life' WHERE name = 'epoch'")
    database.close()
    instance.start()
    alice.comes_back()
    alice.sees_text("toast", "the conversations were loaded again")
    alice.reads("one", "after the accident")
    bob.comes_back()
    bob.choose("alice")
    bob.reads("one", "after the accident")
    alice.at("toast-close").click()
    expect(alice.at("toast")).to_be_empty()
    assert stored(instance, "bob", "alice") == ["one", "after the accident"]


@pytest.mark.usefixtures("instance")
def test_signing_out_ends_the_session_although_the_access_token_has_ended(arrive: Arrive) -> None:
    alice = enter(arrive, "alice")
    ended = [True]

    def refuse_once(route: Route) -> None:
        if not ended:
            return route.fallback()
        ended.clear()
        return route.fulfill(
            status=401, content_type="application/problem+json", body='{"status": 401, "code": "unauthenticated"}'
        )

    alice.context.route("**/api/auth/logout/", refuse_once)
    cookies: Any = alice.context.cookies()
    alice.at("sign-out").click()
    alice.sees_text("notice", "You are signed out.")
    # Whoever has kept the cookie has nothing.
    alice.context.add_cookies(cookies)
    alice.page.reload()
    alice.is_at("sign-view")
    nothing_is_left(alice.page, "bob")


def test_signing_out_on_a_silent_network_empties_the_browser_before_anything_is_asked(
    arrive: Arrive, instance: Instance, relay: Relay
) -> None:
    write(instance, "bob", "alice", "a secret of ours")
    alice = enter(arrive, "alice", place=relay)
    alice.choose("bob")
    alice.reads("a secret of ours")
    held: list[Route] = []
    silent = [True]

    def hold(route: Route) -> None:
        if silent:
            held.append(route)
        else:
            route.abort()

    alice.context.route("**/api/**", hold)
    alice.page.reload()
    alice.choose("bob")
    alice.sees_text("message-list", "a secret of ours")
    alice.at("sign-out").click()
    comes_to(alice.page, f"() => ({KEPT})().then((kept) => kept.length === 0)")
    assert "secret" not in alice.page.content()
    silent.clear()
    for route in held:
        with suppress(Error):  # some of them were given up by the page
            route.abort()
    alice.sees_text("notice", "may still be signed in")
    alice.context.unroute("**/api/**")
    alice.at("notice").get_by_role("button").click()
    alice.sees_text("notice", "You are signed out.")
    alice.page.reload()
    nothing_is_left(alice.page, "secret", "bob")
