"""A person at the chat page: a browser context of their own, and everything their page did wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, Response, expect

from tests.instances import Instance

PASSWORD = "correct horse battery"
PATIENCE_MS = 20_000
# Chromium writes a line for every call that was refused or not answered; those are the tests' own business.
REFUSED = ("Failed to load resource", "WebSocket connection to")
# Runs before the page's own script, on every document of the context.
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  __recado_violation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


class Person:
    """One browser context and its pages. `complaints` and `violations` stay empty while all is well."""

    def __init__(self, context: BrowserContext, instance: Instance) -> None:
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
            expect(message).to_have_attribute("data-state", "sent", timeout=PATIENCE_MS)

    def texts(self) -> list[str]:
        """What the messages of the open conversation say now, to the letter."""
        said: list[str] = self.at("message-text").evaluate_all("all => all.map(one => one.textContent)")
        return said

    def foreign_requests(self) -> list[str]:
        """What went to another origin than the instance's."""
        own = urlsplit(self.instance.url).netloc
        return [url for url in self.requests + self.sockets if urlsplit(url).netloc != own]

    def complains_of_nothing(self) -> None:
        """No dialog, no error, no breach of the policy, no request to anybody else."""
        assert self.complaints == []
        assert self.violations == []
        assert self.foreign_requests() == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED):
            self.complaints.append(f"{message.type}: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status}: {response.request.method} {response.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@contextmanager
def person(chromium: Browser, instance: Instance, **options: Any) -> Iterator[Person]:
    """Somebody who has opened the page; `options` are those of the browser context."""
    context = chromium.new_context(**options)
    try:
        yield Person(context, instance)
    finally:
        context.close()
