"""Long conversations at the chat page: only what is seen is drawn, and nothing is missing, doubled or moved."""

import asyncio
import threading
from uuid import uuid4

from playwright.sync_api import expect

from tests.flows.person import PATIENCE_MS, Arrive, Person, write
from tests.flows.scene import settle
from tests.instances import Instance
from tests.talk import talking

IN_FLIGHT = 200
COUNT = 10_000
# Place and words of the rows that are seen, from top to bottom.
SEEN = """(box) => {
  const { top, bottom } = box.getBoundingClientRect();
  const rows = [...box.querySelectorAll("[data-testid=message]")].map((row) => [row.getBoundingClientRect(), row]);
  return rows.filter(([at]) => at.bottom > top && at.top < bottom).sort(([one], [other]) => one.top - other.top)
    .map(([at, row]) => [Math.round(at.top), row.querySelector("[data-testid=message-text]").textContent]);
}"""
COUNT_OF_ALL = """(box) => box.querySelector("[aria-setsize]").ariaSetSize"""
# Whether a row has gone from this place, or older ones have come, which leave each row where it was, or there are none.
MOVED = """([top, text, count]) => {
  const box = document.querySelector("[data-testid=message-list]");
  const gone = [...box.querySelectorAll("[data-testid=message]")].every((row) =>
    row.querySelector("[data-testid=message-text]").textContent !== text ||
    Math.round(row.getBoundingClientRect().top) !== top);
  const none = box.scrollTop <= 0 && box.querySelector(".beginning") !== null;
  return gone || none || box.querySelector("[aria-setsize]").ariaSetSize !== count;
}"""


def fill(instance: Instance, tokens: dict[str, str], count: int, since: int = 0) -> None:
    """Let Alice and Bob write numbered messages to each other, in this order, until there are `count`."""

    async def filling() -> None:
        async with (
            talking(instance.socket_url, subprotocols=["recado.v1"]) as alice,
            talking(instance.socket_url, subprotocols=["recado.v1"]) as bob,
        ):
            for talk, name in ((alice, "alice"), (bob, "bob")):
                await talk.say({"type": "hello", "token": tokens[name]})
            for low in range(since, count, IN_FLIGHT):
                high = min(low + IN_FLIGHT, count)
                talk, peer = (alice, "bob") if low // IN_FLIGHT % 2 else (bob, "alice")
                for number in range(low, high):
                    frame = {"type": "send", "client_id": str(uuid4()), "recipient": peer, "content": words(number)}
                    await talk.say(frame)
                left = high - low
                while left:
                    left -= (await talk.hear())["type"] == "sent"

    # The browser's loop runs in this thread.
    thread = threading.Thread(target=asyncio.run, args=(filling(),))
    thread.start()
    thread.join()


def read_all(instance: Instance, token: str, peer: str) -> None:
    """Nothing is unread any more: the conversation opens at its end."""
    newest = instance.call("GET", f"/api/auth/messages/?with={peer}&limit=1", token=token).json[0]["id"]
    reply = instance.call("POST", f"/api/conversations/{peer}/read/", {"up_to": newest}, token=token)
    assert reply.status == 204


def words(number: int) -> str:
    """Messages of any height."""
    return f"message {number}" + " and so on" * (number % 7 * 12)


def seen(who: Person) -> list[tuple[int, int]]:
    """Place and number of the messages that are seen; none is missing or doubled between them."""
    rows = who.at("message-list").evaluate(SEEN)
    numbers = [int(text.split()[1]) for _, text in rows]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    return [(top, number) for (top, _), number in zip(rows, numbers, strict=True)]


def scrolls(who: Person, pixels: int) -> None:
    """Turn the wheel over the messages, and wait until they have moved, or more have come, or there is no way up."""
    count = who.at("message-list").evaluate(COUNT_OF_ALL)
    top, number = seen(who)[0]
    who.page.mouse.wheel(0, pixels)
    who.page.wait_for_function(MOVED, arg=[top, words(number), count])


def draws_little(who: Person) -> None:
    """Most of a long conversation is not in the document."""
    assert who.at("message-list").get_by_role("listitem").count() < 150


def test_older_messages_come_by_scrolling_without_gap_or_double(arrive: Arrive, instance: Instance) -> None:
    tokens = {name: instance.join(name) for name in ("alice", "bob")}
    fill(instance, tokens, 250)
    read_all(instance, tokens["alice"], "bob")
    alice = arrive()
    alice.sign_in("alice")
    alice.choose("bob")
    expect(alice.message(words(249))).to_be_in_viewport(timeout=PATIENCE_MS)
    beginning = alice.page.locator(".beginning")
    alice.at("message-list").hover()
    met: set[int] = set()
    for _ in range(500):
        met |= {number for _, number in seen(alice)}
        draws_little(alice)
        if beginning.is_visible() and alice.at("message-list").evaluate("box => box.scrollTop") == 0:
            break
        scrolls(alice, -500)
    assert met == set(range(250))
    assert alice.all_texts() == [words(number) for number in range(250)]
    # A new one while reading old ones: the place is kept, a button leads down.
    alice.at("message-list").evaluate("box => { box.scrollTop = 500 }")
    expect(beginning).not_to_be_in_viewport()
    settle(alice)
    before = seen(alice)
    write(instance, tokens["bob"], "alice", words(250))
    expect(alice.at("jump")).to_have_text("New messages")
    assert seen(alice) == before
    alice.at("jump").click()
    expect(alice.message(words(250))).to_be_in_viewport()
    expect(alice.at("jump")).to_have_count(0)


def test_ten_thousand_messages_open_at_once_and_are_all_there(arrive: Arrive, instance: Instance) -> None:
    tokens = {name: instance.join(name) for name in ("alice", "bob")}
    first = write(instance, tokens["alice"], "bob", words(0))
    fill(instance, tokens, COUNT, since=1)
    write(instance, tokens["bob"], "alice", words(COUNT), reply_to=first)
    read_all(instance, tokens["alice"], "bob")
    alice = arrive()
    alice.sign_in("alice")
    alice.choose("bob")
    expect(alice.message(words(COUNT))).to_be_in_viewport(timeout=PATIENCE_MS)
    alice.at("message-list").hover()
    last = COUNT
    for _ in range(20):
        scrolls(alice, -600)
        draws_little(alice)
        assert seen(alice)[-1][1] <= last
        last = seen(alice)[-1][1]
    assert last < COUNT - 50
    # The quoted one is the very first: all that is between comes, and is not drawn.
    alice.at("jump").click()
    alice.at("quote").click()
    expect(alice.message(words(0))).to_be_focused(timeout=3 * PATIENCE_MS)
    expect(alice.message(words(0))).to_be_in_viewport()
    draws_little(alice)
    seen(alice)
    before = seen(alice)
    write(instance, tokens["bob"], "alice", words(COUNT + 1))
    expect(alice.at("jump")).to_have_text("New messages")
    assert seen(alice) == before
    alice.at("jump").click()
    expect(alice.message(words(COUNT + 1))).to_be_in_viewport()
    seen(alice)
    draws_little(alice)
