"""What a screen reader is told by the page, word for word: each thing once, and nothing that one did oneself."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.flows.person import Person, person
from tests.flows.scene import Line
from tests.instances import Instance

# What changes within a live region is read out: here it is written down, with the region's test id.
LISTEN = """
window.heard = [];
const LIVE = "[role=status], [role=alert], [aria-live=polite], [aria-live=assertive]";
new MutationObserver((changes) => {
  for (const { type, target, addedNodes } of changes) {
    for (const node of type === "characterData" ? [target] : addedNodes) {
      const near = node instanceof Element ? node : node.parentElement;
      const region = near?.closest(LIVE);
      const words = (node.textContent ?? "").trim();
      if (!region || region === node || !words || near.closest("[aria-live=off]")) continue;
      heard.push([region.dataset.testid ?? "", words]);
    }
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


def heard(who: Person, region: str) -> list[str]:
    """What this region has told."""
    found: list[list[str]] = who.page.evaluate("window.heard")
    return [words for where, words in found if where == region]


def silence(who: Person) -> None:
    """What was heard so far is forgotten."""
    who.page.evaluate("window.heard.length = 0")


@pytest.fixture
def pair(chromium: Browser, tmp_path: Path) -> Iterator[tuple[Person, Person]]:
    """Alice, whose page is listened to, and Bob."""
    with (
        Instance(tmp_path) as instance,
        person(chromium, instance) as alice,
        person(chromium, instance) as bob,
    ):
        for name in ("alice", "bob"):
            instance.register(name)
        alice.context.add_init_script(LISTEN)
        Line(alice.context)
        alice.page.reload()
        alice.sign_in("alice")
        bob.sign_in("bob")
        alice.open("bob")
        bob.open("alice")
        silence(alice)
        yield alice, bob
        alice.complains_of_nothing()


def test_each_new_message_is_told_once_and_ones_own_are_not(pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    alice.write("my own words")
    bob.reads("my own words")
    bob.write("hello")
    alice.sees_text("announcer", "bob: hello")
    bob.write("hello")  # the same words again are news again
    alice.reads("my own words", "hello", "hello")
    # In a conversation that is not open as well; when it is told all before it was.
    alice.at("composer").press("Escape")
    expect(alice.at("composer")).to_have_count(0)
    bob.write("are you there?")
    alice.sees_text("announcer", "bob: are you there?")
    assert heard(alice, "announcer") == ["bob: hello", "bob: hello", "bob: are you there?"]


def test_a_message_that_failed_is_told_once(pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    alice.write("refuse this")
    alice.sees_text("announcer", "was not sent")
    bob.write("news")
    alice.sees_text("announcer", "bob: news")
    assert heard(alice, "announcer") == ["Your message to bob was not sent.", "bob: news"]


def test_what_is_edited_deleted_and_copied_is_not_told_as_news(pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    bob.write("with a mitsake")
    alice.sees_text("announcer", "mitsake")
    bob.reads("with a mitsake")
    bob.at("composer").press("ArrowUp")
    bob.at("composer").fill("with a mistake")
    bob.at("composer").press("Enter")
    alice.reads("with a mistake")
    expect(bob.at("writing")).to_have_count(0)
    bob.at("message").hover()
    bob.at("message-menu").click()
    bob.at("menu-delete").click()
    bob.says_yes()
    expect(alice.at("message")).to_have_count(0)
    bob.write("the next")
    alice.sees_text("announcer", "bob: the next")
    assert heard(alice, "announcer") == ["bob: with a mitsake", "bob: the next"]


def test_the_connection_is_told_when_it_goes_and_when_it_is_back(pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    bob.instance.kill()
    alice.sees("connection", state="offline")
    bob.instance.start()
    alice.is_live()
    told = heard(alice, "connection")
    assert told[0] in {"Connecting…", "Offline"}
    assert told[-1] == "Live"
    assert all(one != other for one, other in pairwise(told))
