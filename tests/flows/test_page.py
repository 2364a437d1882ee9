"""Two people at the chat page, in a real browser against a real server."""

import json
import re
from pathlib import Path

from playwright.sync_api import Browser, WebSocketRoute, expect

from crypto.keyring import Ring, format_ring, make_key, parse_ring
from tests.browser import PLAIN
from tests.flows.person import PASSWORD, PATIENCE_MS, PHONE, Arrive, Person, fits, person, two
from tests.instances import Instance

# Name, password, the field at fault, what is said there.
REFUSED = [
    ("ab", PASSWORD, "username", "at least 3 characters"),
    ("a1ice", PASSWORD, "username", "looks like it, is taken"),
    ("bob", "short", "password", "at least 8 characters"),
    ("Alice", PASSWORD, "username", "looks like it, is taken"),
    ("аlice", PASSWORD, "username", "one script"),
    ("bob", "password123", "password", "common one"),
    ("bob the builder", PASSWORD, "username", "Only letters and digits"),
    ("robert.tables", "robert.tables", "password", "too much like the username"),
    ("__proto__", PASSWORD, "username", "begins with a letter or a digit"),
]


def stored(instance: Instance, name: str) -> list[str]:
    """What the server has for this person, oldest first."""
    reply = instance.call("GET", "/api/auth/messages/?limit=500", token=instance.sign_in(name))
    return [message["content"] for message in reply.json][::-1]


def test_two_people_sign_up_and_talk(arrive: Arrive, instance: Instance) -> None:
    alice, bob = arrive(), arrive()
    alice.is_at("sign-view")
    alice.at("tab-register").click()
    alice.at("username").fill("alice")
    alice.sees("name-check", state="free")
    alice.sees_text("name-check", "✅")
    alice.register("alice")
    expect(alice.at("me")).to_have_text("alice")
    alice.is_at("list-empty")

    bob.at("tab-register").click()
    bob.at("username").fill("ALICE")
    bob.sees("name-check", state="taken")
    bob.sees_text("name-check", "❌")
    bob.register("bob")

    alice.at("new-conversation").fill("bobb")
    alice.sees("name-check", state="missing")
    alice.sees_text("name-check", "❌")
    alice.at("new-conversation").fill("bob")
    alice.sees("name-check", state="exists")
    alice.sees_text("name-check", "✅")
    alice.at("open-conversation").click()
    expect(alice.at("peer")).to_have_text("bob")
    expect(alice.at("new-conversation")).to_have_value("")
    alice.write("Hi Bob!")
    alice.reads("Hi Bob!")
    # Bob has nothing open: the list tells him.
    bob.sees_text("conversation", "Hi Bob!")
    bob.sees_text("unread", "1")
    expect(bob.page).to_have_title("(1) Recado")
    bob.choose("alice")
    expect(bob.at("unread")).to_have_count(0)
    bob.reads("Hi Bob!")
    bob.write("Hello Alice.")
    alice.reads("Hi Bob!", "Hello Alice.")
    bob.reads("Hi Bob!", "Hello Alice.")
    expect(alice.at("message").first).to_have_attribute("data-mine", "true")
    expect(bob.at("message").first).to_have_attribute("data-mine", "false")


def test_many_quick_lines_of_both_arrive_in_order_and_once(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    for turn in range(15):
        alice.write(f"a{turn}")
        bob.write(f"b{turn}")
    for one in (alice, bob):
        one.has_rows(32)  # with the day and the beginning
        expect(one.page.locator("[data-testid=message][data-state=sending]")).to_have_count(0, timeout=PATIENCE_MS)
    texts = alice.all_texts()
    assert texts == bob.all_texts() == stored(instance, "alice")
    assert [text for text in texts if text.startswith("a")] == [f"a{turn}" for turn in range(15)]


def test_a_bad_name_or_password_is_refused_where_it_stands(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    visitor = arrive()
    visitor.at("tab-register").click()
    for name, password, field, told in REFUSED:
        visitor.fill(name, password)
        visitor.sees_text(f"{field}-error", told)
        expect(visitor.at(field)).to_be_focused()
        expect(visitor.at(field)).to_have_attribute("aria-invalid", "true")
    visitor.is_at("sign-view")
    # After all of these, one that is good.
    visitor.register("bob")


def test_a_wrong_password_is_told_without_saying_which_was_wrong(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    visitor = arrive()
    told = []
    for name in ("alice", "nobody.here"):
        visitor.fill(name, "not the password")
        visitor.sees_text("sign-error", "do not fit together")
        told.append(visitor.at("sign-error").text_content())
    assert told[0] == told[1]
    visitor.sign_in("alice")


def test_a_reload_keeps_the_session_and_the_history(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("before")
    bob.reads("before")
    alice.page.reload()
    alice.is_live()
    expect(alice.at("me")).to_have_text("alice")
    alice.choose("bob")
    alice.reads("before")
    bob.write("after")
    alice.reads("before", "after")


def test_a_second_tab_is_signed_in_and_hears_everything(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    first = alice.page
    second = alice.tab()
    alice.on(second).is_live()
    alice.open("bob")
    alice.write("from the second tab")
    bob.reads("from the second tab")
    for tab in (first, second):
        alice.on(tab).reads("from the second tab")
    # Renewals of both tabs, one after the other, do not end the session.
    for tab in (first, second, first):
        tab.reload()
        alice.on(tab).is_live()


def test_signing_out_wipes_every_tab(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    bob.write("a secret of ours")
    alice.reads("a secret of ours")
    first = alice.page
    second = alice.tab()
    alice.on(second).choose("bob")
    alice.reads("a secret of ours")
    alice.on(first).at("composer").fill("never sent")
    alice.at("sign-out").click()
    for tab in (first, second):
        alice.on(tab).is_at("sign-view")
        alice.sees_text("notice", "You are signed out.")
        assert not re.search("secret of ours|never sent|bob", tab.content())
    assert [cookie["name"] for cookie in alice.context.cookies()] == ["__Host-recado-device"]
    first.go_back()
    first.reload()
    alice.on(first).is_at("sign-view")
    assert "secret" not in first.content()
    # The next person at this browser sees nothing of the one before.
    instance.register("carol")
    alice.sign_in("carol")
    alice.is_at("list-empty")
    alice.open("bob")
    expect(alice.at("composer")).to_have_value("")


def test_the_back_button_shows_nothing_after_signing_out(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    bob.write("a secret of ours")
    alice.reads("a secret of ours")
    alice.at("sign-out").click()
    alice.is_at("sign-view")
    alice.page.goto(f"{instance.url}/livez")
    for _ in range(3):
        alice.page.go_back()
        if alice.page.url.startswith("http"):
            assert "secret" not in alice.page.content()
        if alice.page.url.rstrip("/") == instance.url:
            alice.is_at("sign-view")


def test_people_may_be_called_like_a_part_of_the_language(arrive: Arrive, instance: Instance) -> None:
    names = ["constructor", "tostring", "hasownproperty"]
    alice = arrive()
    alice.register("alice")
    for name in names:
        instance.register(name)
        alice.open(name)
        alice.write(f"hello {name}")
        alice.reads(f"hello {name}")
    expect(alice.at("conversation").locator("bdi")).to_have_text(names[::-1])


def test_a_message_written_while_the_server_is_away_goes_out_once(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("before")
    bob.reads("before")
    assert instance.stop() == 0
    alice.is_at("banner")
    alice.at("composer").fill("while you were away")
    alice.at("composer").press("Enter")
    expect(alice.at("message").last).to_have_attribute("data-state", "sending")
    instance.start()
    alice.is_live()
    expect(alice.at("banner")).to_have_count(0, timeout=PATIENCE_MS)
    for one in (alice, bob):
        one.reads("before", "while you were away")
    bob.is_live()
    bob.write("back again")
    alice.reads("before", "while you were away", "back again")
    assert stored(instance, "bob") == ["before", "while you were away", "back again"]


def test_a_message_whose_answer_was_lost_is_there_once(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    lost: list[str | bytes] = []

    def between(line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def lose_the_first(frame: str | bytes) -> None:
            if lost or '"sent"' not in str(frame):
                line.send(frame)
                return
            lost.append(frame)
            line.close(code=1012)

        server.on_message(lose_the_first)

    alice.context.route_web_socket("**/ws/chat/", between)
    alice.page.reload()
    alice.is_live()
    alice.open("bob")
    alice.write("did you get this?")
    for one in (alice, bob):
        one.reads("did you get this?")
    assert len(lost) == 1
    assert stored(instance, "bob") == ["did you get this?"]


def test_a_refused_message_can_be_tried_again_or_discarded(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    refusing = [True]

    def between(line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def refuse(frame: str | bytes) -> None:
            said = json.loads(frame)
            if said["type"] != "send" or not refusing:
                server.send(frame)
                return
            line.send(json.dumps({"type": "error", "code": "forbidden", "detail": "No.", "ref": said["ref"]}))

        line.on_message(refuse)

    alice.context.route_web_socket("**/ws/chat/", between)
    alice.page.reload()
    alice.is_live()
    alice.open("bob")
    for text in ("again", "never mind"):
        alice.write(text)
        alice.sees_text("announcer", "was not sent")
        expect(alice.at("message").last).to_have_attribute("data-state", "failed")
    refusing.clear()
    alice.at("discard").last.click()
    alice.at("retry").click()
    for one in (alice, bob):
        one.reads("again")
    alice.at("composer").fill("x" * 16_385)
    alice.sees_text("characters-left", "1 character too long")
    alice.at("composer").press("Enter")
    expect(alice.at("composer")).to_have_value("x" * 16_385)
    assert stored(instance, "bob") == ["again"]


def test_signing_out_while_the_server_is_away_wipes_and_says_what_is_left_to_do(
    arrive: Arrive, instance: Instance
) -> None:
    alice, bob = two(arrive, instance)
    bob.write("a secret of ours")
    alice.reads("a secret of ours")
    bob.context.close()
    instance.stop()
    alice.at("sign-out").click()
    alice.sees_text("notice", "may still be signed in")
    assert "secret" not in alice.page.content()
    instance.start()
    alice.at("notice").get_by_role("button").click()
    alice.sees_text("notice", "You are signed out.")
    assert [cookie["name"] for cookie in alice.context.cookies()] == ["__Host-recado-device"]


def test_a_page_opened_while_the_server_is_away_shows_what_was_known_and_recovers(
    arrive: Arrive, instance: Instance
) -> None:
    alice, bob = two(arrive, instance)
    bob.write("before")
    alice.reads("before")
    alice.context.route("**/api/**", lambda route: route.abort())
    alice.page.reload()
    alice.is_at("banner")
    expect(alice.at("me")).to_have_text("alice")
    alice.choose("bob")
    alice.reads("before")
    alice.write("written without a connection")
    expect(alice.at("message").last).to_have_attribute("data-state", "sending")
    alice.page.reload()
    alice.choose("bob")
    expect(alice.at("message-text")).to_have_text(["before", "written without a connection"])
    alice.context.unroute("**/api/**")
    alice.page.evaluate("dispatchEvent(new Event('online'))")  # the button may be gone: a try may have been due
    alice.is_live()
    bob.reads("before", "written without a connection")


def test_a_first_visit_while_the_server_is_away_says_so_and_recovers(arrive: Arrive, instance: Instance) -> None:
    visitor = arrive()
    visitor.is_at("sign-view")
    visitor.context.route("**/api/**", lambda route: route.abort())
    visitor.page.reload()
    visitor.is_at("unreachable")
    visitor.context.unroute("**/api/**")
    visitor.at("unreachable").get_by_role("button").click()
    visitor.is_at("sign-view")


def test_an_access_token_that_ended_is_renewed_without_a_word(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("before")
    bob.reads("before")
    instance.stop()
    # The clock of a server cannot be turned; once the old key is retired its access tokens are worth nothing either.
    keys = instance.home / "secrets" / "access.keys"
    fresh = make_key()
    for ring in (Ring((fresh, *parse_ring(keys.read_text()).keys)), Ring((fresh,))):
        _overwrite(keys, format_ring(ring))
        instance.start()
        if len(ring.keys) > 1:
            instance.stop()
    for one in (alice, bob):
        one.is_live()
        expect(one.at("chat-view")).to_be_visible()
    alice.write("after")
    bob.reads("before", "after")


def test_a_session_ended_elsewhere_signs_the_page_out(arrive: Arrive, instance: Instance) -> None:
    alice, _ = two(arrive, instance)
    token = _token_of(alice)
    alice.is_live()
    assert instance.call("POST", "/api/auth/logout/", token=token).status == 204
    alice.is_at("sign-view")
    alice.sees_text("notice", "Your session has ended")


def test_a_phone_shows_the_list_or_the_conversation(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance, **PHONE)
    expect(alice.at("composer")).to_be_visible()
    expect(alice.at("new-conversation")).not_to_be_visible()
    alice.write("from my phone " + "x" * 300)
    bob.sees_text("message-text", "from my phone")
    for one in (alice, bob):
        fits(one)
    alice.at("back").tap()
    expect(alice.at("conversation-list")).to_be_visible()
    expect(alice.at("composer")).not_to_be_visible()
    fits(alice)
    bob.write("and mine")
    alice.sees_text("unread", "1")
    alice.choose("bob")
    alice.sees_text("message-list", "and mine")
    alice.page.go_back()  # the browser's own way back leads to the list as well
    expect(alice.at("conversation-list")).to_be_visible()
    alice.page.go_forward()
    expect(alice.at("composer")).to_be_visible()
    box = alice.at("send").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 360
    assert box["y"] + box["height"] <= 740


def test_over_plain_http_the_page_warns_and_works_until_it_is_reloaded(chromium: Browser, instance: Instance) -> None:
    instance.register("bob")
    with person(chromium, instance) as alice:
        alice.page.goto(f"http://{PLAIN}:{instance.port}/")
        alice.sees_text("sign-view", "not opened over https")
        alice.register("alice")
        # The browser has kept no cookie: renewing the session would end it.
        alice.page.wait_for_timeout(1_500)
        alice.open("bob")
        alice.write("hello")
        alice.reads("hello")
        alice.page.reload()
        alice.is_at("sign-view")
        # Chromium says of each document that it passes over what holds for safe ones.
        assert [told for told in alice.complaints if "Cross-Origin-Opener-Policy" not in told] == alice.violations == []


def test_the_page_speaks_portuguese(arrive: Arrive, instance: Instance) -> None:
    instance.register("bruno")
    ana = arrive(locale="pt-BR")
    expect(ana.page.locator("html")).to_have_attribute("lang", "pt-BR")
    expect(ana.at("submit")).to_have_text("Entrar")
    ana.fill("ana", "senha errada")
    ana.sees_text("sign-error", "não combinam")
    ana.at("tab-register").click()
    ana.at("username").fill("bruno")
    ana.sees_text("name-check", "❌")
    ana.register("ana")
    ana.open("bruno")
    ana.write("Olá, Bruno! Até amanhã, então.")
    ana.reads("Olá, Bruno! Até amanhã, então.")
    ana.sees_text("conversation", "Você: Olá, Bruno!")
    ana.at("sign-out").click()
    ana.sees_text("notice", "Você saiu.")


def _overwrite(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def _token_of(who: Person) -> str:
    """The access token that the page shows to the server."""
    with who.page.expect_request(lambda request: "authorization" in request.headers) as asked:
        who.page.reload()
    shown = asked.value.headers["authorization"]
    return shown.removeprefix("Bearer ")
