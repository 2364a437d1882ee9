"""Nobody is left out: the focus is never nowhere, what goes wrong is heard, what is short of room can be reached."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.flows.person import PASSWORD, PATIENCE_MS, Arrive, Person, comes_to, person, write
from tests.flows.release import LOOKS, upgrade
from tests.flows.scene import settle
from tests.flows.test_page_heard import LISTEN, heard
from tests.flows.test_settings_page import enrolled, plug_in, show
from tests.instances import Instance

NOWHERE = "document.activeElement === null || document.activeElement === document.body"
CANCEL = "Cancel"


def is_somewhere(who: Person) -> None:
    """Wait until something has the focus, and it is shown."""
    comes_to(who.page, f"() => !({NOWHERE})")
    expect(who.page.locator(":focus")).to_be_in_viewport()


def leads(who: Person, name: str) -> None:
    """The focus comes to this."""
    expect(who.at(name)).to_be_focused(timeout=PATIENCE_MS)


def presses(who: Person, name: str) -> None:
    """Choose this by keyboard."""
    who.at(name).focus()
    who.page.keyboard.press("Enter")


def refuse(route: Route) -> None:
    """No answer."""
    route.abort()


def arrives(arrive: Arrive, instance: Instance) -> Person:
    """Alice, signed in."""
    instance.register("alice")
    alice = arrive()
    alice.sign_in("alice")
    return alice


def adds_passkey(who: Person) -> None:
    """A passkey, in the settings."""
    show(who, "factors")
    plug_in(who)
    who.at("passkey-name").fill("laptop")
    who.at("passkey-add").click()
    who.at("codes-kept").click()
    expect(who.at("passkey")).to_have_count(1)


# --- The focus


def test_what_is_given_up_in_the_settings_leaves_the_focus_near(arrive: Arrive, instance: Instance) -> None:
    alice = arrives(arrive, instance)
    adds_passkey(alice)
    presses(alice, "totp-add")
    expect(alice.at("totp-secret")).to_be_visible()
    alice.page.get_by_role("button", name=CANCEL).press("Enter")
    expect(alice.page.get_by_role("heading", name="Codes from an app")).to_be_focused()
    presses(alice, "passkey-rename-open")
    leads(alice, "passkey-rename")
    alice.page.get_by_role("button", name=CANCEL).press("Enter")
    expect(alice.page.get_by_role("heading", name="Passkeys")).to_be_focused()
    # Who has passkeys and no codes from an app is asked for a recovery code when they want it.
    presses(alice, "renew-codes")
    leads(alice, "proof-password")
    presses(alice, "other-code")
    leads(alice, "proof-code")
    alice.page.keyboard.press("Escape")
    leads(alice, "renew-codes")


def test_a_part_that_is_tried_again_keeps_the_focus_and_tells_each_failure(arrive: Arrive, instance: Instance) -> None:
    alice = arrives(arrive, instance)
    alice.page.route("**/api/auth/sessions/", refuse, times=2)
    show(alice, "devices")
    first = alice.at("load-failed").element_handle()
    alice.at("load-failed").get_by_role("button").press("Enter")
    alice.page.wait_for_function("(first) => !first.isConnected", arg=first)
    expect(alice.at("load-failed")).to_be_visible()
    is_somewhere(alice)
    alice.at("load-failed").get_by_role("button").press("Enter")
    expect(alice.at("device")).to_have_count(1)
    expect(alice.page.get_by_role("heading", name="Devices")).to_be_focused()


def test_behind_the_last_page_of_events_the_first_new_one_has_the_focus(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    for _ in range(35):
        instance.sign_in("alice")
    alice = arrive()
    alice.sign_in("alice")
    show(alice, "events")
    expect(alice.at("event")).to_have_count(30)
    presses(alice, "more-events")
    expect(alice.at("more-events")).to_have_count(0)
    expect(alice.at("event").nth(30)).to_be_focused()


def test_the_settings_that_a_notice_led_to_give_the_focus_back(arrive: Arrive, instance: Instance) -> None:
    alice = arrives(arrive, instance)
    instance.sign_in("alice")
    presses(alice, "toast-more")
    expect(alice.at("settings")).to_be_visible()
    alice.page.keyboard.press("Escape")
    expect(alice.at("settings")).to_have_count(0)
    expect(alice.page.get_by_role("heading", name="Conversations")).to_be_focused()


def test_a_page_that_cannot_reach_the_server_keeps_the_focus_each_time(arrive: Arrive, instance: Instance) -> None:
    alice = arrive()
    alice.is_at("sign-view")
    alice.page.route("**/api/**", refuse)
    alice.page.reload()
    heading = alice.page.get_by_role("heading", name="Recado cannot be reached")
    expect(heading).to_be_focused()
    first = alice.at("unreachable").element_handle()
    alice.at("unreachable").get_by_role("button").press("Enter")
    alice.page.wait_for_function("(first) => !first.isConnected", arg=first)
    expect(heading).to_be_focused()


def test_a_banner_that_goes_by_itself_leaves_the_focus_somewhere(arrive: Arrive, instance: Instance) -> None:
    alice = arrives(arrive, instance)
    alice.context.set_offline(True)
    alice.at("banner").get_by_role("button").focus()
    alice.context.set_offline(False)
    expect(alice.at("banner")).to_have_count(0, timeout=PATIENCE_MS)
    is_somewhere(alice)


def test_a_conversation_that_is_tried_again_has_the_focus(arrive: Arrive, instance: Instance) -> None:
    token = instance.join("alice")
    instance.register("bob")
    write(instance, token, "bob", "hello")
    alice = arrive()
    alice.sign_in("alice")
    alice.page.route("**/api/auth/messages/**", refuse)
    alice.choose("bob")
    retry = alice.at("thread-failed").get_by_role("button")
    retry.focus()
    alice.page.unroute("**/api/auth/messages/**")
    alice.page.keyboard.press("Enter")
    alice.reads("hello")
    leads(alice, "peer")


def test_who_gives_up_the_focus_is_not_given_another(arrive: Arrive, instance: Instance) -> None:
    alice = arrives(arrive, instance)
    show(alice, "factors")
    alice.at("totp-add").click()
    alice.at("totp-code").focus()
    alice.page.locator("#part-heading").evaluate("() => document.activeElement.blur()")
    alice.page.get_by_role("button", name=CANCEL).evaluate("(button) => button.click()")
    expect(alice.at("totp-add")).to_be_visible()
    settle(alice)
    settle(alice)
    assert alice.page.evaluate(NOWHERE)


def test_the_part_of_the_settings_that_scrolls_shows_its_focus(arrive: Arrive, instance: Instance) -> None:
    alice = arrives(arrive, instance)
    show(alice, "events")
    alice.page.keyboard.press("Shift+Tab")
    leads(alice, "settings-part")
    assert alice.at("settings-part").evaluate("(part) => getComputedStyle(part).outlineStyle") == "solid"


# --- What is heard


def test_why_one_is_signed_out_is_heard(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    alice = arrive()
    alice.context.add_init_script(LISTEN)
    alice.page.reload()
    alice.sign_in("alice")
    alice.at("sign-out").click()
    alice.sees_text("notice", "signed out")
    assert heard(alice, "notice") == ["You are signed out."]


def test_a_newer_version_is_heard_of(chromium: Browser, tmp_path: Path) -> None:
    with Instance(tmp_path) as instance, person(chromium, instance) as alice:
        instance.register("alice")
        alice.sign_in("alice")
        comes_to(alice.page, "() => navigator.serviceWorker.controller !== null")
        alice.page.evaluate(LISTEN)
        upgrade(instance)
        alice.page.evaluate(LOOKS)
        alice.sees_text("update-words", "new version")
        assert heard(alice, "update-words") == ["There is a new version of Recado."]


def test_a_fault_is_told_where_one_is_and_read_with_the_field_by_whom_it_leads_there(
    arrive: Arrive, instance: Instance
) -> None:
    enrolled(instance, "alice")
    alice = arrive()
    alice.fill("alice")
    for key, role in (("Enter", "alert"), ("Tab", None)):
        alice.at("code").fill("000000")
        alice.at("code").focus()
        with alice.page.expect_response("**/second-factor/"):
            if key == "Enter":
                alice.page.keyboard.press("Enter")
            else:
                presses(alice, "submit")
        alice.sees_text("code-error", "does not fit")
        expect(alice.at("code")).to_be_focused()
        assert alice.at("code-error").get_attribute("role") == role
        assert "code-error" in (alice.at("code").get_attribute("aria-describedby") or "")
    # Of another code it was never said.
    alice.at("other-code").click()
    expect(alice.at("code-error")).to_have_count(0)
    alice.at("code").fill("AAAAA-AAAAA-AAAAA-AAAAA-AAAAAA")
    alice.at("submit").click()
    expect(alice.at("code-error")).to_have_text("This does not fit, or was used before.")


def test_while_one_waits_the_page_has_its_landmark(arrive: Arrive, instance: Instance) -> None:
    alice = arrive()
    alice.is_at("sign-view")
    alice.page.route("**/api/**", lambda _: None)
    alice.page.reload()
    expect(alice.page.get_by_text("Opening Recado")).to_be_visible()
    expect(alice.page.get_by_role("main")).to_have_count(1)
    alice.page.unroute_all()


# --- Nothing is shown that is not so


@pytest.mark.parametrize("name", ["alice.", "_alice", "abc²", "аlice"])
def test_a_name_that_cannot_be_had_is_never_free(arrive: Arrive, instance: Instance, name: str) -> None:
    reply = instance.call("POST", "/api/auth/register/", {"username": name, "password": PASSWORD})
    (fault,) = reply.json["errors"]
    alice = arrive()
    alice.at("tab-register").click()
    alice.at("username").fill(name)
    alice.sees("name-check", state=fault["code"])


def test_what_is_said_of_a_name_never_contradicts_itself(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    alice = arrive()
    alice.at("tab-register").click()
    alice.fill("al")
    expect(alice.at("username-error")).to_be_visible()
    alice.at("username").fill("alex")
    alice.sees("name-check", state="free")
    expect(alice.at("username-error")).to_have_count(0)
    alice.at("username").fill("a1ice")  # looks like alice
    alice.sees("name-check", state="taken")
    alice.fill("a1ice")
    alice.sees_text("username-error", "taken")
    expect(alice.at("name-check")).to_have_count(0)


def test_an_account_that_is_made_and_not_signed_in_to_leads_to_the_sign_in(arrive: Arrive, instance: Instance) -> None:
    alice = arrive()
    alice.at("tab-register").click()
    alice.page.route("**/api/auth/login/", refuse, times=1)
    alice.fill("alice")
    alice.sees_text("notice", "created")
    expect(alice.at("tab-sign-in")).to_have_attribute("aria-selected", "true")
    alice.at("submit").click()
    alice.is_live()


def test_choices_made_quickly_are_all_kept(arrive: Arrive, instance: Instance) -> None:
    alice = arrives(arrive, instance)
    show(alice, "profile")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    alice.page.route("**/api/users/me/", hold, times=1)
    with alice.page.expect_request("**/api/users/me/"):
        alice.at("switch-receipts").click()
    alice.at("switch-presence").click()
    with alice.page.expect_response(lambda one: one.request.post_data == '{"presence":false}'):
        held[0].continue_()
    for name in ("receipts", "presence"):
        expect(alice.at(f"switch-{name}")).not_to_be_checked()
    stored = instance.call("GET", "/api/users/me/", token=instance.sign_in("alice")).json
    assert (stored["receipts"], stored["presence"]) == (False, False)


def test_a_session_was_not_used_before_it_began(arrive: Arrive, instance: Instance) -> None:
    alice = arrives(arrive, instance)
    alice.page.route("**/api/auth/sessions/", lambda route: route.fulfill(json=[
        {"id": "1", "current": True, "created_at": "2026-11-22T12:07:00Z", "used_at": "2026-11-22T12:00:00Z"},
    ]))  # fmt: skip
    show(alice, "devices")
    minutes = alice.at("device").evaluate("(row) => row.textContent.match(/:07/g)")
    assert minutes == [":07", ":07"]


def test_codes_are_copied_where_the_browser_has_no_clipboard_and_a_password_can_be_looked_at(
    chromium: Browser, tmp_path: Path
) -> None:
    with (
        Instance(tmp_path, settings={"RECADO_AUTH_SECOND_FACTOR": "required"}) as instance,
        person(chromium, instance, accept_downloads=True) as alice,
    ):
        alice.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        alice.page.reload()
        plug_in(alice)
        alice.at("tab-register").click()
        alice.fill("alice")
        alice.at("passkey-name").fill("my laptop")
        alice.at("passkey-add").click()
        alice.at("copy-codes").click()
        alice.sees_text("recovery-codes", "Copied")
        expect(alice.at("copy-codes")).to_be_focused()
        with alice.page.expect_download() as taken:
            alice.at("download-codes").click()
        assert Path(taken.value.path()).read_text().startswith("Recovery codes of Recado. ")
        alice.at("codes-kept").click()
        alice.at("enrol-done").click()
        alice.is_live()
        show(alice, "password")
        alice.at("fresh").fill("another horse")
        alice.at("fresh-show").click()
        expect(alice.at("fresh")).to_have_attribute("type", "text")
        expect(alice.at("fresh")).to_have_value("another horse")
        alice.complains_of_nothing()


# --- Little room


def test_at_400_percent_the_list_can_be_reached(arrive: Arrive, instance: Instance) -> None:
    token = instance.join("alice")
    for name in ("bob", "carol", "dave"):
        instance.register(name)
        write(instance, token, name, "hello")
    alice = arrive(viewport={"width": 320, "height": 256})
    alice.sign_in("alice")
    last = alice.at("conversation").last
    last.focus()
    box = last.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 256
    hidden = "(row) => { const { left, top, height } = row.getBoundingClientRect(); return [top + 4, top + height - 4]"
    assert last.evaluate(f"{hidden}.some((y) => !row.contains(document.elementFromPoint(left + 20, y))); }}") is False
