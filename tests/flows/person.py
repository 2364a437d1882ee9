"""A person at the chat page: a browser context of their own, and everything their page did wrong."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, Response, expect

from tests.flows.relay import Relay
from tests.instances import Instance

PASSWORD = "correct horse battery"
PATIENCE_MS = 20_000
# What a message may be once the server has it.
STORED = re.compile("^(sent|delivered|read|received)$")
# Chromium writes a line for every call that was refused or not answered; those are the tests' own business.
REFUSED = ("Failed to load resource", "WebSocket connection to")
# Runs before the page's own script, on every document of the context.
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  __recado_violation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
# Only what is seen of a long conversation is in the document: this goes through all of it that is loaded, from the
# top, and gives place and words of each row; those that are no message have no words.
WALK = """async (box) => {
  const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const rows = new Map();
  for (let at = 0; ; at += box.clientHeight / 2) {
    box.scrollTop = at;
    await drawn();
    for (const row of box.querySelectorAll("li")) {
      const words = row.querySelector("[data-testid=message-text]");
      rows.set(Number(row.ariaPosInSet), words ? words.textContent : null);
    }
    if (at >= box.scrollHeight - box.clientHeight) break;
  }
  const size = Number(box.querySelector("li").ariaSetSize);
  return Array.from({ length: size }, (_, at) => (rows.has(at + 1) ? rows.get(at + 1) : `no row ${at + 1}`));
}"""
SEAL_BYTES = 16
KEPT = """([row, length]) => new Promise((resolve) => {
  indexedDB.open("recado").onsuccess = ({ target: { result: db } }) => {
    db.transaction("rows").objectStore("rows").get(row).onsuccess = ({ target }) => {
      db.close();
      resolve(target.result?.data.byteLength === length);
    };
  };
})"""
# A page of a test is always looked at: this makes it one behind another window, or not.
LOOK = """(state) => {
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
  document.dispatchEvent(new Event("visibilitychange"));
}"""

# Counts the tones that are played; the page itself plays none in a test.
COUNT_TONES = """window.tones = 0;
window.AudioContext = class {
  state = "running"; currentTime = 0; destination = {};
  createOscillator() { window.tones += 1; return { frequency: {}, connect: (to) => to, start() {}, stop() {} }; }
  createGain() {
    const gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} };
    return { gain, connect: (to) => to };
  }
};
if (location.origin !== "null") localStorage.setItem("recado.look", JSON.stringify({ sound: true }));"""
# Asks until the answer is yes: a promise that a predicate of Playwright's gives is not waited for.
ASK = """async (most) => {
  const ask = @QUESTION@;
  const end = performance.now() + most;
  while (!(await ask())) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return true;
}"""


class Person:
    """One browser context and its pages. `complaints` and `violations` stay empty while all is well."""

    def __init__(self, context: BrowserContext, instance: Instance | Relay) -> None:
        self.context = context
        self.instance = instance
        self.complaints: list[str] = []
        self.violations: list[str] = []
        self.requests: list[str] = []
        self.sockets: list[str] = []
        context.set_default_timeout(PATIENCE_MS)
        context.expose_binding("__recado_violation", lambda _, told: self.violations.append(told))
        context.add_init_script(WATCH_POLICY)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        context.on("dialog", self._dialog)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("response", self._response)
        self.page = self.tab()

    def tab(self) -> Page:
        """A new tab at the page."""
        page = self.context.new_page()
        page.on("websocket", lambda socket: self.sockets.append(socket.url))
        page.goto(self.instance.url)
        return page

    def on(self, page: Page) -> Self:
        """From now on at this tab."""
        self.page = page
        return self

    def at(self, name: str) -> Locator:
        """What the page shows under this `data-testid`."""
        return self.page.get_by_test_id(name)

    def sees(self, name: str, *, state: str) -> None:
        """Wait until `name` has this `data-state`."""
        expect(self.at(name)).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def sees_text(self, name: str, text: str) -> None:
        """Wait until `name` says this, among other things."""
        expect(self.at(name)).to_contain_text(text, timeout=PATIENCE_MS)

    def is_at(self, view: str) -> None:
        """Wait until this view is shown."""
        expect(self.at(view)).to_be_visible(timeout=PATIENCE_MS)

    def is_live(self) -> None:
        """Wait until the live connection is there."""
        self.sees("connection", state="live")

    def comes_back(self) -> None:
        """The device has its network again: the page waits no longer for its next try, in half a minute perhaps."""
        self.page.evaluate("() => dispatchEvent(new Event('online'))")
        self.is_live()

    def register(self, name: str, password: str = PASSWORD) -> None:
        """Make an account by the form, and wait until the chat is live."""
        self.at("tab-register").click()
        self.fill(name, password)
        self.is_live()

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Sign in by the form, and wait until the chat is live."""
        self.fill(name, password)
        self.is_live()

    def fill(self, name: str, password: str = PASSWORD) -> None:
        """Fill in and submit whichever form is shown."""
        self.at("username").fill(name)
        self.at("password").fill(password)
        self.at("submit").click()

    def open(self, peer: str) -> None:
        """Open the conversation with somebody by typing their name; whoever is quick need not wait for the check."""
        self.at("new-conversation").fill(peer)
        self.at("new-conversation").press("Enter")
        expect(self.at("peer")).to_have_text(peer, timeout=PATIENCE_MS)

    def choose(self, peer: str) -> None:
        """Open the conversation with somebody from the list."""
        self.at("conversation").filter(has_text=peer).click()
        expect(self.at("peer")).to_have_text(peer, timeout=PATIENCE_MS)

    def write(self, text: str) -> None:
        """Send to whoever is open."""
        self.at("composer").fill(text)
        self.at("send").click()

    def reads(self, *texts: str) -> None:
        """Wait until the open conversation holds exactly these messages, all of them stored."""
        expect(self.at("message-text")).to_have_text(list(texts), timeout=PATIENCE_MS)
        for message in self.at("message").all():
            expect(message).to_have_attribute("data-state", STORED, timeout=PATIENCE_MS)

    def texts(self) -> list[str]:
        """What the messages of the open conversation say now, to the letter."""
        said: list[str] = self.at("message-text").evaluate_all("all => all.map(one => one.textContent)")
        return said

    def has_rows(self, count: int) -> None:
        """Wait until the open conversation has so many rows: its messages, days, lines, and the beginning."""
        row = self.at("message-list").get_by_role("listitem").last
        expect(row).to_have_attribute("aria-setsize", str(count), timeout=PATIENCE_MS)

    def all_texts(self) -> list[str]:
        """What all messages say that are loaded of the open conversation, seen or not, to the letter."""
        rows: list[str | None] = self.at("message-list").evaluate(WALK)
        return [text for text in rows if text is not None]

    def message(self, text: str) -> Locator:
        """The message that says this."""
        said = self.at("message-text").get_by_text(text, exact=True)
        return self.at("message").filter(has=said)

    def does(self, action: str, text: str) -> None:
        """Choose from the menu of the message that says `text`: reply, copy, edit or delete."""
        message = self.message(text)
        message.hover()
        message.get_by_test_id("message-menu").click()
        self.at(f"menu-{action}").click()

    def says_yes(self) -> None:
        """Answer a question, and wait until what it asked about is done: behind it nothing can be written."""
        self.at("confirm-yes").click()
        expect(self.at("confirm")).to_have_count(0)

    def changes(self, old: str, new: str) -> None:
        """Write one's own message anew, and wait until that is done: the next words would go into it."""
        self.does("edit", old)
        self.write(new)
        expect(self.at("writing")).to_have_count(0)

    def asks(self, action: str) -> None:
        """Choose from the menu of the open conversation: mute, timer, block or delete."""
        self.at("thread-menu").click()
        self.at(f"menu-{action}").click()

    def keeps(self, row: str, value: object) -> None:
        """Wait until this row is in the browser's store, as long as this value is when it is sealed."""
        length = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) + SEAL_BYTES
        comes_to(self.page, f"() => ({KEPT})({json.dumps([row, length])})")

    def looks_away(self) -> None:
        """Go to another window."""
        self.page.evaluate(LOOK, "hidden")

    def looks(self) -> None:
        """Come back to this one."""
        self.page.evaluate(LOOK, "visible")

    def has_sound(self) -> None:
        """Tones are on; from now on `tones` of each tab counts those that were played there."""
        self.context.add_init_script(COUNT_TONES)
        self.page.reload()

    def foreign_requests(self) -> list[str]:
        """What went to another origin than the instance's."""
        own = urlsplit(self.instance.url).netloc
        return [url for url in self.requests + self.sockets if urlsplit(url).netloc != own]

    def complains_of_nothing(self) -> None:
        """No dialog, no error, no breach of the policy, no request to anybody else."""
        assert self.complaints == [], self.complaints
        assert self.violations == [], self.violations
        assert self.foreign_requests() == [], self.foreign_requests()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED):
            self.complaints.append(f"{message.type}: {message.text}")

    def _response(self, response: Response) -> None:
        server = self.instance.instance if isinstance(self.instance, Relay) else self.instance
        if response.status >= 500 and not (response.status == 503 and server.has_left):
            self.complaints.append(f"{response.status}: {response.request.method} {response.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


Arrive = Callable[..., Person]


def two(arrive: Arrive, instance: Instance, **options: Any) -> tuple[Person, Person]:
    """Alice and Bob, signed in, their conversation open on both sides."""
    instance.register("alice")
    instance.register("bob")
    alice, bob = arrive(**options), arrive(**options)
    alice.sign_in("alice")
    bob.sign_in("bob")
    alice.open("bob")
    bob.open("alice")
    return alice, bob


def write(instance: Instance, token: str, recipient: str, content: str, **more: object) -> int:
    """Send a message by a plain call; its id."""
    body = {"recipient": recipient, "content": content} | more
    reply = instance.call("POST", "/api/auth/send/", body, token=token)
    assert reply.status == 201, reply
    written: int = reply.json["id"]
    return written


def fits(who: Person) -> None:
    """Nothing sticks out sideways."""
    assert who.page.viewport_size is not None
    assert who.page.evaluate("document.documentElement.scrollWidth") <= who.page.viewport_size["width"]


@contextmanager
def person(chromium: Browser, instance: Instance | Relay, **options: Any) -> Iterator[Person]:
    """Somebody who has opened the page, perhaps behind a relay; `options` are those of the browser context."""
    context = chromium.new_context(**options)
    try:
        yield Person(context, instance)
    finally:
        context.close()


def comes_to(page: Page, question: str) -> None:
    """Wait until this function, which may be a promise's, says yes in the page."""
    assert page.evaluate(ASK.replace("@QUESTION@", question), PATIENCE_MS), question
