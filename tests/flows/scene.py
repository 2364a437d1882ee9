"""A scene for whoever looks at the page: Alice's conversations, with a message and a state of every kind."""

import json
from typing import Any

from playwright.sync_api import BrowserContext, WebSocketRoute, expect

from tests.flows.person import PATIENCE_MS, Person
from tests.instances import Instance

# The longest names that there may be, and names of other scripts.
LONGEST = "maximiliana.von-und-zu-hohenfels"
WIDEST = "W" * 32
NAMES = ("bob", "carol", "dave", "山田花子と鈴木太郎", "אברהם.כהן", "кирилл", LONGEST, WIDEST)
DISPLAY = "Roberta Bernardes de Albuquerque e Vasconcelos Pereira da Silva"
PARAGRAPH = (
    "A longer one, of several lines, as people write them when there is more to tell than fits into a few words. " * 3
)
LINES = [
    ("bob", "Good morning!"),
    (
        "bob",
        "The bus was late, so I walked along the river. Have a look: https://example.org/a/rather/long/path?with=much",
    ),
    ("alice", PARAGRAPH),
    ("bob", "😀🎉"),
    ("alice", "שלום עולם, מה שלומך? https://example.org/ בוא נלך לטייל"),
    ("bob", "مرحبا بالعالم"),
    ("alice", "w" * 200),
    ("bob", "two\n\n  lines   and blanks"),
    ("alice", "A word with an emoji 👩🏽‍🚒 in it, and a flag 🇧🇷."),
]


class Scene:
    """Alice's account and what is in it. `tokens` are everybody's, by name."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.tokens = {name: instance.join(name) for name in ("alice", *NAMES)}
        self.call("bob", "PATCH", "/api/users/me/", {"display_name": DISPLAY})
        for name in NAMES[2:]:
            self.write(name, "alice", f"Hello from {name}, and a few more words than the list has room for.")
        self._talk_with_bob()
        self.call("alice", "PUT", "/api/mutes/dave/")

    def call(self, name: str, method: str, path: str, body: object = None) -> Any:
        """A call of this person's, which is not refused."""
        reply = self.instance.call(method, path, body, token=self.tokens[name])
        assert reply.status < 300, reply
        return reply.json if reply.body else None

    def write(self, sender: str, recipient: str, content: str, **more: Any) -> int:
        """The id of a new message."""
        sent = self.call(sender, "POST", "/api/auth/send/", {"recipient": recipient, "content": content, **more})
        identity: int = sent["id"]
        return identity

    def _talk_with_bob(self) -> None:
        other = {"alice": "bob", "bob": "alice"}
        ids = [self.write(sender, other[sender], text) for sender, text in LINES]
        doomed = self.write("bob", "alice", "Soon gone.")
        self.write("alice", "bob", "An answer to what is gone", reply_to=doomed)
        self.call("bob", "DELETE", f"/api/messages/{doomed}/")
        self.call("alice", "PATCH", f"/api/messages/{ids[2]}/", {"content": f"{PARAGRAPH}Mended."})
        read = self.write("bob", "alice", "An answer to a long one", reply_to=ids[2])
        self.call("alice", "POST", "/api/conversations/bob/read/", {"up_to": read})
        mine = self.write("alice", "bob", "Read by you", reply_to=ids[0])
        self.call("bob", "POST", "/api/conversations/alice/read/", {"up_to": mine})
        self.write("alice", "bob", "Gone in an hour", ttl_seconds=3_600)
        self.call("alice", "PATCH", "/api/conversations/bob/", {"ttl_seconds": 86_400})
        for text in ("Unread, one", "Unread, two"):
            self.write("bob", "alice", text)


class Line:
    """Stands in the sockets of a context: refuses what says "refuse", swallows what says "hold"; once cut, all."""

    def __init__(self, context: BrowserContext) -> None:
        self.cut = False
        self.open: list[WebSocketRoute] = []
        context.route_web_socket("**/ws/chat/", self._between)

    def lose(self) -> None:
        """The connection is lost, and no new one gets an answer."""
        self.cut = True
        for line in self.open:
            line.close(code=1012)
        self.open.clear()

    def _between(self, line: WebSocketRoute) -> None:
        if self.cut:
            return
        server = line.connect_to_server()
        self.open.append(line)

        def judge(frame: str | bytes) -> None:
            said = json.loads(frame)
            content = said.get("content", "")
            if "refuse" in content:
                line.send(json.dumps({"type": "error", "code": "forbidden", "detail": "No.", "ref": said["client_id"]}))
            elif "hold" not in content:
                server.send(frame)

        line.on_message(judge)


def settle(who: Person) -> None:
    """Two frames: what was asked for is drawn, and what follows from its size as well."""
    who.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def of_every_state(who: Person) -> None:
    """In the open conversation: one that is refused, one that does not get through."""
    who.write("refuse this")
    expect(who.at("message").last).to_have_attribute("data-state", "failed", timeout=PATIENCE_MS)
    who.write("hold this")
    expect(who.at("message").last).to_have_attribute("data-state", "sending", timeout=PATIENCE_MS)
