"""The settings of the chat page, and the second step of its sign-in, in a real browser against a real server."""

import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, Route, expect

from tests.flows.person import PASSWORD, PHONE, Arrive, Person, person
from tests.instances import Instance

PARTS = ("profile", "appearance", "notices", "devices", "password", "factors", "blocked", "events", "data")
KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
STALE = {"title": "Forbidden", "status": 403, "detail": "Prove again who you are.", "code": "step_up_required"}


def at_settings(arrive: Arrive, instance: Instance, part: str, **options: Any) -> Person:
    """Alice, signed in, with this part of the settings open."""
    instance.register("alice")
    alice = arrive(**options)
    alice.sign_in("alice")
    show(alice, part)
    return alice


def show(who: Person, part: str) -> None:
    """Open the settings at this part."""
    who.at("settings-open").click()
    who.at(f"settings-{part}").click()
    expect(who.at("settings-part")).to_have_attribute("data-part", part)


def plug_in(who: Person) -> None:
    """Put an authenticator into their machine."""
    devtools = who.context.new_cdp_session(who.page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})


def grow_stale(who: Person, path: str) -> None:
    """The next call of this path finds that the sign-in was long ago."""

    def refuse(route: Route) -> None:
        route.fulfill(status=403, content_type="application/problem+json", body=json.dumps(STALE))

    who.page.route(f"**{path}", refuse, times=1)


def enrolled(instance: Instance, name: str) -> tuple[str, list[str]]:
    """A new account with codes from an app: their seed, and the recovery codes."""
    token = instance.join(name)
    secret = instance.call("POST", "/api/auth/totp/", token=token).json["secret"]
    reply = instance.call("POST", "/api/auth/totp/confirm/", {"otp": pyotp.TOTP(secret).now()}, token=token)
    return secret, reply.json["recovery_codes"]


def shift(instance: Instance) -> None:
    """Make the code that was used last one of long ago, as if half a minute had passed."""
    (path,) = instance.home.glob("*.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE totps SET last_step = last_step - 2")
        connection.commit()


def says(who: Person, text: str) -> None:
    """Wait until one of the settings says what came of it."""
    outcome = who.page.locator("[data-testid=settings-done]:not(:empty), [data-testid=settings-error]:not(:empty)")
    expect(outcome).to_contain_text(text)


def prove(who: Person, password: str = PASSWORD) -> None:
    """Answer the question of who is there."""
    who.at("proof-password").fill(password)
    who.at("proof-confirm").click()


def test_a_profile_is_changed_and_a_refused_change_goes_back(arrive: Arrive, instance: Instance) -> None:
    alice = at_settings(arrive, instance, "profile")
    alice.at("display-name").fill("Alice of the Hills")
    alice.at("save-name").click()
    says(alice, "Saved")
    alice.at("display-name").fill("x" * 70)
    alice.at("save-name").click()
    alice.sees_text("display-name-error", "at most 64")
    expect(alice.at("display-name")).to_be_focused()
    alice.at("switch-receipts").click()
    says(alice, "Saved")
    alice.page.route("**/api/users/me/", lambda route: route.abort(), times=1)
    alice.at("switch-presence").click()
    says(alice, "cannot be reached")
    expect(alice.at("switch-presence")).to_be_checked()
    alice.at("language").select_option("pt-BR")
    expect(alice.page.locator("html")).to_have_attribute("lang", "pt-BR")
    alice.sees_text("settings-part", "Nome de exibição")
    stored = instance.call("GET", "/api/users/me/", token=instance.sign_in("alice")).json
    assert (stored["display_name"], stored["language"]) == ("Alice of the Hills", "pt-BR")
    assert (stored["receipts"], stored["presence"]) == (False, True)
    # The language is the person's, not the browser's: it comes with them, and goes with them.
    alice.page.reload()
    expect(alice.page.locator("html")).to_have_attribute("lang", "pt-BR")
    alice.at("sign-out").click()
    expect(alice.page.locator("html")).to_have_attribute("lang", "en")


def test_the_language_is_changed_before_signing_in(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    token = instance.sign_in("alice")
    alice = arrive(locale="pt-BR")
    alice.at("username").fill("alice")
    expect(alice.at("sign-language")).to_have_value("pt-BR")
    alice.at("sign-language").focus()
    alice.at("sign-language").select_option("en")
    alice.sees_text("submit", "Sign in")
    # Nothing that was typed is lost, and the keyboard stays where it is.
    expect(alice.at("username")).to_have_value("alice")
    expect(alice.at("sign-language")).to_be_focused()
    alice.page.reload()
    alice.sees_text("submit", "Sign in")
    alice.sign_in("alice")
    show(alice, "profile")
    alice.sees_text("settings-part", "Display name")
    expect(alice.at("language")).to_have_value("")
    assert instance.call("GET", "/api/users/me/", token=token).json.get("language") is None
    alice.at("language").select_option("pt-BR")
    alice.sees_text("settings-part", "Nome de exibição")
    # What this device was told holds for whoever has chosen nothing, and outlives a sign-out.
    alice.at("settings-appearance").click()
    alice.at("theme-dark").click()
    alice.at("settings-close").click()
    alice.at("sign-out").click()
    for _ in range(2):
        alice.sees_text("submit", "Sign in")
        expect(alice.page.locator("html")).to_have_attribute("data-theme", "dark")
        alice.page.reload()


def test_sessions_are_listed_and_ended_after_a_proof(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    laptop, phone, third = arrive(), arrive(user_agent=FIREFOX), arrive()
    for one in (laptop, phone, third):
        one.sign_in("alice")
    show(laptop, "devices")
    expect(laptop.at("device")).to_have_count(3)
    assert laptop.page.locator("[data-testid=device][data-current=true]").count() == 1
    grow_stale(laptop, "/api/auth/sessions/*/")
    laptop.at("device").filter(has_text="Firefox, Android").get_by_test_id("end-session").click()
    prove(laptop, "not my password")
    laptop.sees_text("proof-password-error", "wrong")
    prove(laptop)
    says(laptop, "has ended")
    expect(laptop.at("device")).to_have_count(2)
    # Whoever was signed out sees it, and may sign in again.
    phone.sees_text("notice", "session has ended")
    phone.sign_in("alice")
    laptop.at("end-others").click()
    expect(laptop.at("device")).to_have_count(1)
    for one in (phone, third):
        one.is_at("sign-view")
    laptop.at("end-all").click()
    laptop.is_at("sign-view")
    laptop.sees_text("notice", "every device")
    laptop.page.reload()
    laptop.is_at("sign-view")


def test_a_session_that_ends_while_the_settings_are_open_signs_the_page_out(arrive: Arrive, instance: Instance) -> None:
    alice = at_settings(arrive, instance, "password")
    instance.call("POST", "/api/auth/logout/everywhere/", token=instance.sign_in("alice"))
    alice.is_at("sign-view")
    expect(alice.at("settings")).to_have_count(0)
    alice.sees_text("notice", "session has ended")
    alice.sign_in("alice")


def test_a_password_is_changed_and_what_is_wrong_is_said_where_it_stands(arrive: Arrive, instance: Instance) -> None:
    alice = at_settings(arrive, instance, "password")
    for current, fresh, field, words in (
        ("", "another horse, another battery", "current", "Type a password"),
        (PASSWORD, "short", "fresh", "at least 8"),
        (PASSWORD, "password123", "fresh", "common one"),
        ("not my password", "another horse, another battery", "current", "wrong"),
    ):
        alice.at("current").fill(current)
        alice.at("fresh").fill(fresh)
        alice.at("change-password").click()
        alice.sees_text(f"{field}-error", words)
        expect(alice.at(field)).to_be_focused()
    alice.at("current").fill(PASSWORD)
    alice.at("fresh").fill("another horse, another battery")
    alice.at("change-password").click()
    says(alice, "changed")
    expect(alice.at("current")).to_have_value("")
    assert instance.sign_in("alice", "another horse, another battery")
    alice.is_live()


def test_codes_from_an_app_are_set_up_used_to_sign_in_and_given_up(arrive: Arrive, instance: Instance) -> None:
    alice = at_settings(arrive, instance, "factors", accept_downloads=True)
    grow_stale(alice, "/api/auth/totp/")
    alice.at("totp-add").click()
    prove(alice)
    expect(alice.at("totp-picture")).to_be_visible()
    assert alice.at("totp-picture").evaluate("async (image) => { await image.decode(); return image.naturalWidth > 0 }")
    secret = alice.at("totp-secret").get_attribute("data-secret") or ""
    alice.at("totp-code").fill("000000")
    alice.at("totp-confirm").click()
    expect(alice.at("totp-code")).to_be_focused()
    expect(alice.at("totp-code-error")).to_be_visible()
    alice.at("totp-code").fill(pyotp.TOTP(secret).now())
    alice.at("totp-confirm").click()
    expect(alice.at("recovery-code")).to_have_count(10)
    codes = alice.at("recovery-code").all_text_contents()
    alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
    alice.at("copy-codes").click()
    alice.sees_text("recovery-codes", "Copied")
    assert alice.page.evaluate("navigator.clipboard.readText()") == "\n".join(codes)
    with alice.page.expect_download() as taken:
        alice.at("download-codes").click()
    assert all(code in Path(taken.value.path()).read_text() for code in codes)
    alice.at("codes-kept").click()
    expect(alice.at("recovery-code")).to_have_count(0)
    alice.at("settings-close").click()
    alice.at("sign-out").click()

    alice.fill("alice")
    alice.at("code").fill("000000")
    alice.at("submit").click()
    alice.sees_text("code-error", "does not fit")
    shift(instance)
    alice.at("code").fill(pyotp.TOTP(secret).now())
    alice.at("submit").click()
    alice.is_live()

    show(alice, "factors")
    alice.sees_text("codes-left", "10 codes")
    alice.at("renew-codes").click()
    alice.at("proof-password").fill(PASSWORD)
    alice.at("other-code").click()
    alice.at("proof-code").fill(codes[0])
    alice.at("proof-confirm").click()
    expect(alice.at("recovery-code").first).not_to_have_text(codes[0])
    fresh = alice.at("recovery-code").all_text_contents()
    alice.at("codes-kept").click()
    alice.at("totp-remove").click()
    alice.at("proof-password").fill(PASSWORD)
    alice.at("other-code").click()
    alice.at("proof-code").fill(fresh[0])
    alice.at("proof-confirm").click()
    expect(alice.at("totp-add")).to_be_visible()
    assert instance.sign_in("alice")


def test_a_recovery_code_signs_in_and_a_change_of_password_asks_for_a_code(arrive: Arrive, instance: Instance) -> None:
    secret, codes = enrolled(instance, "alice")
    alice = arrive()
    alice.fill("alice")
    alice.at("other-code").click()
    alice.at("code").fill(codes[0])
    alice.at("submit").click()
    alice.is_live()
    show(alice, "password")
    alice.at("current").fill(PASSWORD)
    alice.at("fresh").fill("another horse, another battery")
    alice.at("change-password").click()
    alice.at("proof-code").fill("000000")
    alice.at("proof-confirm").click()
    alice.sees_text("proof-code-error", "does not fit")
    shift(instance)
    alice.at("proof-code").fill(pyotp.TOTP(secret).now())
    alice.at("proof-confirm").click()
    says(alice, "changed")


def test_a_sign_in_that_is_over_begins_again(arrive: Arrive, instance: Instance) -> None:
    _, codes = enrolled(instance, "alice")
    alice = arrive()
    alice.fill("alice")
    for _ in range(5):
        alice.at("code").fill("000000")
        with alice.page.expect_response("**/second-factor/"):
            alice.at("submit").click()
    alice.at("code").fill("000000")
    alice.at("submit").click()
    alice.sees_text("notice", "sign in again")
    alice.fill("alice")
    expect(alice.at("begin-again")).to_be_visible()
    expect(alice.at("notice")).to_be_empty()  # what it said is past
    alice.at("begin-again").click()
    expect(alice.at("username")).to_be_focused()
    alice.fill("alice")
    alice.at("other-code").click()
    alice.at("code").fill(codes[0])
    alice.at("submit").click()
    alice.is_live()


def test_a_passkey_is_added_renamed_signs_in_both_ways_proves_and_is_removed(
    arrive: Arrive, instance: Instance
) -> None:
    alice = at_settings(arrive, instance, "factors")
    plug_in(alice)
    alice.at("passkey-name").fill(" ")
    alice.at("passkey-add").click()
    expect(alice.at("passkey-name-error")).to_be_visible()
    alice.at("passkey-name").fill("my <b>laptop</b>")
    alice.at("passkey-add").click()
    expect(alice.at("recovery-code")).to_have_count(10)
    alice.at("codes-kept").click()
    alice.sees_text("passkey", "my <b>laptop</b>")
    alice.at("passkey-name").fill("the same")
    alice.at("passkey-add").click()
    alice.sees_text("settings-part", "holds a passkey of yours already")
    alice.at("passkey-rename-open").click()
    alice.at("passkey-rename").fill("my laptop")
    alice.at("passkey-save").click()
    expect(alice.at("passkey").locator(".row-name")).to_have_text("my laptop")
    alice.at("settings-close").click()
    alice.at("sign-out").click()

    alice.at("sign-passkey").click()  # without a name
    alice.is_live()
    expect(alice.at("me")).to_have_text("alice")
    alice.at("sign-out").click()
    alice.fill("alice")
    alice.at("use-passkey").click()  # after the password
    alice.is_live()

    show(alice, "data")
    alice.at("erase-name").fill("alice")
    grow_stale(alice, "/api/auth/export/")
    with alice.page.expect_download():
        alice.at("export").click()
        alice.at("proof-passkey").click()
    alice.at("settings-factors").click()
    alice.at("passkey-remove").click()
    expect(alice.at("passkey")).to_have_count(0)
    alice.at("settings-close").click()
    alice.at("sign-out").click()
    alice.at("sign-passkey").click()
    expect(alice.at("passkey-error")).to_be_visible()
    alice.sign_in("alice")


def test_somebody_is_unblocked(arrive: Arrive, instance: Instance) -> None:
    token = instance.join("alice")
    for name in ("bob", "carla"):
        instance.register(name)
        instance.call("PUT", f"/api/blocks/{name}/", token=token)
    alice = arrive()
    alice.sign_in("alice")
    show(alice, "blocked")
    expect(alice.at("blocked")).to_have_count(2)
    alice.at("blocked").filter(has_text="bob").get_by_test_id("unblock").click()
    says(alice, "bob is no longer blocked")
    expect(alice.at("blocked")).to_have_count(1)
    assert [one["username"] for one in instance.call("GET", "/api/blocks/", token=token).json] == ["carla"]
    alice.at("unblock").click()
    alice.is_at("nobody-blocked")


def test_security_events_are_told_in_words_page_by_page(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    for _ in range(60):
        token = instance.sign_in("alice")
    instance.call("POST", "/api/auth/login/", {"username": "alice", "password": "wrong"})
    alice = arrive(locale="pt-BR")
    alice.sign_in("alice")
    show(alice, "events")
    expect(alice.at("event")).to_have_count(30)
    expect(alice.at("event").nth(1)).to_contain_text("Entrada recusada")
    alice.page.route("**/api/auth/audit/**", lambda route: route.abort(), times=1)
    alice.at("more-events").click()
    alice.sees_text("settings-part", "Verifique sua conexão")
    expect(alice.at("event")).to_have_count(30)
    alice.at("more-events").click()
    expect(alice.at("event")).to_have_count(60)
    told = instance.call("GET", "/api/auth/audit/?limit=200", token=token).json
    alice.at("more-events").click()
    expect(alice.at("event")).to_have_count(min(90, len(told)))


def test_everything_is_taken_along_and_the_account_erased(arrive: Arrive, instance: Instance) -> None:
    instance.register("bob")
    alice = at_settings(arrive, instance, "data", accept_downloads=True)
    grow_stale(alice, "/api/auth/export/")
    alice.at("export").click()
    alice.at("proof-cancel").click()
    expect(alice.at("proof")).to_have_count(0)
    expect(alice.at("export")).to_be_focused()
    with alice.page.expect_download() as taken:
        alice.at("export").click()
    says(alice, "downloaded")
    assert "manifest.json" in zipfile.ZipFile(taken.value.path()).namelist()
    alice.at("erase-name").fill("bob")
    alice.at("erase").click()
    alice.sees_text("erase-name-error", "not your username")
    alice.at("erase-name").fill("Alice")
    alice.at("erase").click()
    prove(alice, "not my password")
    alice.sees_text("proof-password-error", "wrong")
    alice.page.keyboard.press("Escape")
    expect(alice.at("proof")).to_have_count(0)
    alice.is_at("settings")
    alice.at("erase").click()
    prove(alice)
    alice.is_at("sign-view")
    alice.sees_text("notice", "erased")
    alice.fill("alice")
    alice.sees_text("sign-error", "do not fit together")
    alice.page.reload()
    alice.is_at("sign-view")


def test_who_must_have_a_second_step_sets_it_up_before_anything_else(chromium: Browser, tmp_path: Path) -> None:
    with (
        Instance(tmp_path, settings={"RECADO_AUTH_SECOND_FACTOR": "required"}) as instance,
        person(chromium, instance) as alice,
    ):
        plug_in(alice)
        alice.at("tab-register").click()
        alice.fill("alice")
        alice.is_at("enrol-view")
        alice.page.reload()
        alice.is_at("enrol-view")
        alice.at("passkey-name").fill("my laptop")
        alice.at("passkey-add").click()
        alice.at("codes-kept").click()
        alice.at("enrol-done").click()
        alice.is_live()
        alice.complains_of_nothing()


def test_a_part_that_cannot_be_loaded_says_so_and_can_be_tried_again(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    alice = arrive()
    alice.sign_in("alice")
    statuses = [403, 200]

    def hotel(route: Route) -> None:
        route.fulfill(status=statuses.pop(), body="<html>Welcome to the hotel</html>")

    while statuses:
        alice.page.route("**/api/auth/sessions/", hotel, times=1)
        show(alice, "devices")
        alice.sees_text("load-failed", "unexpected answer")
        alice.at("load-failed").get_by_role("button").click()
        expect(alice.at("device")).to_have_count(1)
        alice.at("settings-close").click()


def test_the_settings_keep_the_focus_and_give_it_back_by_keyboard_alone(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    alice = arrive()
    alice.sign_in("alice")
    press = alice.page.keyboard.press
    tab_to(alice, "settings-open")
    press("Enter")
    for _ in range(40):  # round and round, and never out of the dialog
        press("Tab")
        assert alice.page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    tab_to(alice, "settings-profile")
    press("Enter")
    tab_to(alice, "display-name")
    alice.page.keyboard.type("Alice")
    press("Enter")
    says(alice, "Saved")
    tab_to(alice, "switch-receipts")
    press("Space")
    expect(alice.at("switch-receipts")).not_to_be_checked()
    press("Escape")
    expect(alice.at("settings")).to_have_count(0)
    expect(alice.at("settings-open")).to_be_focused()


def test_others_are_signed_out_and_the_password_changed_by_keyboard_alone(arrive: Arrive, instance: Instance) -> None:
    token = instance.join("alice")
    alice = arrive()
    alice.sign_in("alice")
    press, types = alice.page.keyboard.press, alice.page.keyboard.type
    tab_to(alice, "settings-open")
    press("Enter")
    tab_to(alice, "settings-devices")
    press("Enter")
    expect(alice.at("device")).to_have_count(2)
    grow_stale(alice, "/api/auth/sessions/")
    tab_to(alice, "end-others")
    press("Enter")
    expect(alice.at("proof-password")).to_be_focused()
    types(PASSWORD)
    press("Enter")
    expect(alice.at("device")).to_have_count(1)
    assert instance.call("GET", "/api/users/me/", token=token).status == 401
    tab_to(alice, "settings-password", back=True)
    press("Enter")
    tab_to(alice, "current")
    types(PASSWORD)
    press("Tab")
    types("another horse, another battery")
    press("Enter")
    says(alice, "changed")
    press("Escape")
    expect(alice.at("settings-open")).to_be_focused()


def test_a_phone_shows_the_list_or_one_part(arrive: Arrive, instance: Instance) -> None:
    enrolled(instance, "alice")
    alice = arrive(**PHONE, locale="pt-BR")  # whose words are the longer ones
    fits(alice)
    card = alice.page.locator(".sign-card")
    assert card.evaluate("(card) => card.scrollWidth <= card.clientWidth")
    form = alice.at("sign-form").bounding_box()
    assert form is not None
    assert form["x"] * 2 + form["width"] == pytest.approx(360, abs=1)  # as much room on either side
    alice.fill("alice")
    fits(alice)
    alice.at("begin-again").tap()
    instance.register("bob")
    alice.sign_in("bob")
    alice.at("settings-open").tap()
    expect(alice.at("settings-part")).not_to_be_visible()
    for part in PARTS:
        alice.at(f"settings-{part}").tap()
        expect(alice.at("settings-part")).to_be_visible()
        expect(alice.at(f"settings-{part}")).not_to_be_visible()
        fits(alice)
        alice.at("settings-back").tap()
        expect(alice.at(f"settings-{part}")).to_be_focused()
    alice.at("settings-close").tap()
    expect(alice.at("settings")).to_have_count(0)


def tab_to(who: Person, name: str, *, back: bool = False) -> None:
    """Press Tab until this has the focus, and see that it is shown."""
    for _ in range(40):
        if who.page.evaluate("document.activeElement?.dataset?.testid") == name:
            expect(who.at(name)).to_be_visible()
            return
        who.page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"no way to {name} by Tab")


def fits(who: Person) -> None:
    """Nothing sticks out sideways, of the page or of the part that scrolls."""
    assert who.page.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = "[...document.querySelectorAll('.settings-part')]"
    assert who.page.evaluate(f"{boxes}.every((box) => box.scrollWidth <= box.clientWidth)")


# --- WCAG, by axe-core

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = """async (tags) => (await axe.run(document, { runOnly: tags })).violations.map(
  ({ id, nodes }) => [id, ...nodes.map((node) => `${node.target} ${node.failureSummary}`)].join("\\n"))"""


@pytest.fixture(scope="module")
def axe(web_workshop: Path) -> str:
    """The source of axe-core, as the lock file has it."""
    return (web_workshop / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out_of_the_settings(arrive: Arrive, instance: Instance, axe: str, scheme: str) -> None:
    secret, codes = enrolled(instance, "alice")
    instance.register("bob")
    alice = arrive(color_scheme=scheme, reduced_motion="reduce", locale="en" if scheme == "light" else "pt-BR")

    def is_open_to_all(where: str) -> None:
        alice.page.evaluate(axe)
        assert alice.page.evaluate(AXE, AXE_TAGS) == [], where

    expect(alice.at("submit")).to_be_visible()
    is_open_to_all("sign-in")
    alice.fill("alice")
    expect(alice.at("code")).to_be_visible()
    is_open_to_all("second step")
    alice.at("other-code").click()
    alice.at("code").fill(codes[0])
    alice.at("submit").click()
    alice.is_live()
    alice.at("settings-open").click()
    for part in PARTS:
        alice.at(f"settings-{part}").click()
        expect(alice.page.get_by_text("Loading…")).to_have_count(0)
        is_open_to_all(part)
    alice.at("settings-factors").click()
    alice.at("renew-codes").click()
    expect(alice.at("proof-password")).to_be_focused()
    is_open_to_all("proof")
    shift(instance)
    alice.at("proof-password").fill(PASSWORD)
    alice.at("proof-code").fill(pyotp.TOTP(secret).now())
    alice.at("proof-confirm").click()
    expect(alice.at("recovery-code")).to_have_count(10)
    is_open_to_all("recovery codes")
