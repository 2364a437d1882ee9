"""Being told by push, by the settings, in a real browser against a real server; only the push service is played."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import run_chromium
from tests.flows.person import PATIENCE_MS, Person, person
from tests.instances import Instance
from tests.pushes import Browser as Keys

SUBSCRIPTIONS = "/api/push/subscriptions/"
# A push service that is not there: what it would give out is kept for as long as the tab lives.
SERVICE = """
{
  const KEPT = "push service";
  const made = (kept) => kept && {
    endpoint: kept.endpoint,
    options: { applicationServerKey: Uint8Array.from(kept.key).buffer },
    toJSON: () => ({ endpoint: kept.endpoint, expirationTime: null, keys: KEYS }),
    unsubscribe: async () => { sessionStorage.removeItem(KEPT); return true; },
  };
  const current = () => made(JSON.parse(sessionStorage.getItem(KEPT)));
  PushManager.prototype.getSubscription = async () => current();
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly) throw new DOMException("no", "NotAllowedError");
    const endpoint = `https://updates.push.services.mozilla.com/wpush/v2/${crypto.randomUUID()}`;
    sessionStorage.setItem(KEPT, JSON.stringify({ endpoint, key: [...applicationServerKey] }));
    return current();
  };
}
"""
MADE = "JSON.parse(sessionStorage.getItem('push service'))?.endpoint ?? null"
WORKERS = "navigator.serviceWorker.getRegistrations().then((all) => all.length)"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """With notices and what is installed of a page, which a shell has none of."""
    yield from run_chromium(whole=True)


def arrive(who: Person) -> Person:
    """With a push service, and signed in."""
    who.context.add_init_script(SERVICE.replace("KEYS", str(Keys().body["keys"])))
    who.page.reload()
    who.sign_in("alice")
    return who


def show(who: Person) -> None:
    """Open the settings at the notices, and wait until it is known how things stand."""
    who.at("settings-open").click()
    who.at("settings-notices").click()
    expect(who.at("push")).not_to_have_attribute("data-state", "checking", timeout=PATIENCE_MS)


def test_a_device_is_told_until_it_is_switched_off_or_signed_out(chromium: Browser, instance: Instance) -> None:
    instance.register("alice")
    with person(chromium, instance, permissions=["notifications"]) as alice:
        arrive(alice)
        show(alice)
        alice.sees("push", state="unsubscribed")
        alice.at("switch-push").click()
        alice.sees("push", state="subscribed")
        expect(alice.at("push-device")).to_have_attribute("data-current", "true", timeout=PATIENCE_MS)
        endpoint = alice.page.evaluate(MADE)
        assert endpoint

        alice.page.reload()
        alice.is_live()
        show(alice)
        alice.sees("push", state="subscribed")
        assert alice.page.evaluate(MADE) == endpoint

        alice.at("switch-push").click()
        alice.sees("push", state="unsubscribed")
        expect(alice.at("push-device")).to_have_count(0, timeout=PATIENCE_MS)
        assert alice.page.evaluate(MADE) is None

        alice.at("switch-push").click()
        alice.sees("push", state="subscribed")
        expect(alice.at("push-device")).to_have_count(1, timeout=PATIENCE_MS)
        alice.at("push-remove").click()
        alice.sees("push", state="unsubscribed")

        alice.at("switch-push").click()
        alice.sees("push", state="subscribed")
        alice.at("settings-close").click()
        alice.at("sign-out").click()
        alice.is_at("sign-view")
        # The server has told the browser to forget everything, the worker with its subscription as well.
        assert alice.page.evaluate(WORKERS) == 0
        assert alice.page.evaluate(MADE) is None
        alice.sign_in("alice")
        show(alice)
        alice.sees("push", state="unsubscribed")
        alice.at("switch-push").click()
        alice.sees("push", state="subscribed")
        alice.complains_of_nothing()


def test_signing_out_without_a_server_ends_it_in_the_browser(chromium: Browser, instance: Instance) -> None:
    instance.register("alice")
    with person(chromium, instance, permissions=["notifications"]) as alice:
        arrive(alice)
        show(alice)
        alice.at("switch-push").click()
        alice.sees("push", state="subscribed")
        alice.at("settings-close").click()
        instance.kill()
        alice.at("sign-out").click()
        alice.is_at("sign-view")
        alice.page.wait_for_function(f"() => ({MADE}) === null")


def test_a_device_that_was_removed_elsewhere_finds_out(chromium: Browser, instance: Instance) -> None:
    token = instance.join("alice")
    with person(chromium, instance, permissions=["notifications"]) as alice:
        arrive(alice)
        show(alice)
        alice.at("switch-push").click()
        alice.sees("push", state="subscribed")
        (device,) = instance.call("GET", SUBSCRIPTIONS, token=token).json
        assert instance.call("DELETE", f"{SUBSCRIPTIONS}{device['session_id']}/", token=token).status == 204
        alice.page.reload()
        alice.is_live()
        show(alice)
        alice.sees("push", state="unsubscribed")
        assert alice.page.evaluate(MADE) is None


@pytest.mark.parametrize(
    ("settings", "before", "state"),
    [
        ({"RECADO_PUSH_ENABLED": "false"}, "", "off"),
        ({}, "delete globalThis.PushManager;", "unsupported"),
        ({}, "Object.defineProperty(Notification, 'permission', { get: () => 'denied' });", "denied"),
    ],
)
def test_whoever_cannot_be_told_is_told_why(
    chromium: Browser, tmp_path: Path, settings: dict[str, str], before: str, state: str
) -> None:
    with Instance(tmp_path, settings=settings) as instance:
        instance.register("alice")
        with person(chromium, instance, permissions=["notifications"]) as alice:
            alice.context.add_init_script(before)
            alice.page.reload()
            alice.sign_in("alice")
            show(alice)
            alice.sees("push", state=state)
            expect(alice.at("switch-push")).to_have_count(0)
