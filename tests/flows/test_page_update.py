"""A newer release while people are at the page: it is offered, taken when they like, and nothing is lost on the way."""

from playwright.sync_api import expect

from tests.flows.person import Arrive, Person, comes_to, two
from tests.flows.release import LOOKS, NEWER, upgrade
from tests.instances import Instance


def build_of(who: Person) -> str | None:
    return who.page.locator("meta[name=recado-build]").get_attribute("content")


def controlled(who: Person) -> None:
    """Wait until the worker is in charge of their page."""
    comes_to(who.page, "() => navigator.serviceWorker.controller !== null")


def test_a_newer_release_is_offered_and_taken_when_somebody_likes(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    controlled(alice)
    alice.write("before")
    bob.reads("before")
    old = build_of(alice)
    upgrade(instance)
    for one in (alice, bob):
        one.is_live()
    expect(alice.at("update")).to_have_count(0)
    alice.page.evaluate(LOOKS)
    alice.is_at("update")
    # Nobody has to: the old page goes on.
    assert build_of(alice) == old
    alice.write("from the old page")
    bob.reads("before", "from the old page")
    alice.at("composer").fill("half a sen")
    alice.at("update-take").click()
    expect(alice.page.locator(f"meta[name=recado-build][content='{NEWER}']")).to_be_attached()
    alice.is_live()
    expect(alice.at("update")).to_have_count(0)
    alice.choose("bob")
    expect(alice.at("composer")).to_have_value("half a sen")
    alice.reads("before", "from the old page")
    bob.write("hello, new page")
    alice.reads("before", "from the old page", "hello, new page")


def test_another_tab_is_told_and_finishes_first(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    controlled(alice)
    first, second = alice.page, alice.tab()
    alice.on(second).is_live()
    controlled(alice)
    upgrade(instance)
    alice.on(first).is_live()
    first.evaluate(LOOKS)
    alice.at("update-take").click()
    expect(first.locator(f"meta[name=recado-build][content='{NEWER}']")).to_be_attached()
    alice.on(second).is_at("update")
    assert build_of(alice) != NEWER
    alice.open("bob")
    alice.write("from the tab of the old build")
    bob.reads("from the tab of the old build")
    alice.at("update-take").click()
    expect(second.locator(f"meta[name=recado-build][content='{NEWER}']")).to_be_attached()
    alice.is_live()
    alice.on(first).choose("bob")
    alice.reads("from the tab of the old build")
