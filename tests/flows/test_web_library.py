"""The client library in a real browser against a real server: everything arrives once and in order, whatever breaks."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route
from playwright.sync_api import TimeoutError as OutOfPatience

from tests.flows.relay import Relay
from tests.instances import ROOT, Instance

WEB = ROOT / "web"
PLACE = "/library/"
PASSWORD = "correct horse battery"
PATIENCE_MS = 20_000
# Fills `heard` with what the client tells. Waits are a tenth of what they may be; where renewals are asked to be quick,
# a timer of more than five minutes is one of half a second.
BEGIN = """async ([name, options]) => {
    const { createClient, memoryStore, sealedStore } = await import("./recado.js");
    const quick = (work, wait) => setTimeout(work, options.renews && wait > 300_000 ? 500 : wait);
    window.store = options.memory ? memoryStore() : sealedStore();
    window.heard = [];
    window.told = [];
    window.states = [];
    window.client = createClient({
        store, session: "cookie", random: () => 0.1,
        clock: { setTimeout: quick, clearTimeout: (id) => clearTimeout(id) },
    });
    client.on("message", (message) => heard.push(message.content));
    client.on("state", ({ connection }) => states.push(connection));
    for (const kind of ["reset", "failed", "fault", "ended", "typing", "notice"]) {
        client.on(kind, (what) => told.push([kind, what]));
    }
    if (name) await client.signIn(name, "correct horse battery");
    return name ? true : client.resume();
}"""
TEXTS = "(peer) => client.messages(peer).map(({ content }) => content)"
STATES = "(peer) => client.messages(peer).map(({ state }) => state)"
# Everything that IndexedDB holds, and whether the key of the seal can be taken out.
ROWS = """async () => {
    const answered = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    // To open one that the browser has cleared away would make it anew, and empty.
    const there = (await indexedDB.databases()).some(({ name }) => name === "recado");
    if (!there) return { names: [], text: "", extractable: [] };
    const db = await answered(indexedDB.open("recado"));
    const names = await answered(db.transaction("rows").objectStore("rows").getAllKeys());
    const rows = await answered(db.transaction("rows").objectStore("rows").getAll());
    const seals = await answered(db.transaction("keys").objectStore("keys").getAll());
    db.close();
    const text = rows.map(({ data }) => new TextDecoder("latin1").decode(data)).join();
    return { names, text, extractable: seals.map(({ key }) => key.extractable) };
}"""

Arrive = Callable[..., "Tab"]


class Tab:
    """One page in which the library is loaded, and nothing else."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.sockets = 0
        self.errors: list[str] = []
        self.page.on("websocket", lambda _: self._opened())
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def begin(self, name: str | None = None, **options: Any) -> bool:
        """Load the page anew; sign in under this name, or go on with what is kept."""
        self.page.goto(self.url + PLACE)
        return bool(self.page.evaluate(BEGIN, [name, options]))

    def live(self) -> "Tab":
        self.until("client.state.connection === 'live' && client.upToDate")
        return self

    def until(self, condition: str, argument: Any = None) -> None:
        try:
            self.page.wait_for_function(f"(argument) => {condition}", arg=argument)
        except OutOfPatience:
            seen = self.page.evaluate("({ state: client.state, cursor: client.cursor, states, told, heard })")
            raise AssertionError(f"it never came to {condition} with {argument}: {seen}") from None

    def send(self, peer: str, *texts: str) -> None:
        self.page.evaluate(
            "async ([peer, texts]) => { for (const text of texts) await client.send(peer, text) }", [peer, texts]
        )

    def has(self, peer: str, *texts: str) -> None:
        """Wait until the conversation is exactly this, all of it stored by the server."""
        self.until(
            "JSON.stringify(client.messages(argument[0]).map(({ content }) => content)) === JSON.stringify(argument[1])"
            " && client.unsent === 0",
            [peer, texts],
        )

    def hears(self, *texts: str) -> None:
        """Wait until it was told exactly these messages since it began, in this order."""
        self.until("JSON.stringify(heard) === JSON.stringify(argument)", texts)

    def texts(self, peer: str) -> list[str]:
        found: list[str] = self.page.evaluate(TEXTS, peer)
        return found

    def told(self, kind: str) -> list[Any]:
        found: list[Any] = self.page.evaluate(
            "(kind) => told.filter(([one]) => one === kind).map(([, what]) => what)", kind
        )
        return found

    @property
    def heard(self) -> list[str]:
        found: list[str] = self.page.evaluate("heard")
        return found

    def tab(self) -> "Tab":
        """Another tab of the same browser."""
        return Tab(self.context, self.url)

    def _opened(self) -> None:
        self.sockets += 1


def serve(route: Route) -> None:
    """The library as it lies in `web/`, and a page that holds nothing."""
    name = route.request.url.partition(PLACE)[2].partition("?")[0]
    if not name:
        route.fulfill(content_type="text/html", body="<!doctype html><title>library</title>")
    elif re.fullmatch(r"recado(/\w+)?\.js", name):
        route.fulfill(content_type="text/javascript", body=(WEB / name).read_text())
    else:
        route.fulfill(status=404)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """One that is noticed to be gone quickly."""
    with Instance(tmp_path, settings={"RECADO_WEBSOCKET_HEARTBEAT_SECONDS": "1"}) as running:
        running.register("alice")
        running.register("bob")
        yield running


@pytest.fixture
def relay(instance: Instance) -> Iterator[Relay]:
    """The network of one of the two."""
    with Relay(instance) as between:
        yield between


@pytest.fixture
def arrive(chromium: Browser, instance: Instance) -> Iterator[Arrive]:
    """Let somebody open the library in a browser of their own; behind the test nothing was thrown."""
    with ExitStack() as stack:
        tabs: list[Tab] = []

        def opens(url: str = "") -> Tab:
            context = chromium.new_context()
            stack.callback(context.close)
            context.route(f"**{PLACE}**", serve)
            # A page that came from no network is a stranger to this machine's own addresses.
            context.grant_permissions(["local-network-access"])
            tabs.append(Tab(context, url or instance.url))
            return tabs[-1]

        yield opens
        assert [error for tab in tabs for error in tab.errors] == []


def stored(instance: Instance, name: str) -> list[str]:
    """What the server has for this person, oldest first."""
    reply = instance.call("GET", "/api/auth/messages/?limit=500", token=instance.sign_in(name))
    return [message["content"] for message in reply.json][::-1]


def two(arrive: Arrive, url: str = "") -> tuple[Tab, Tab]:
    """Alice, who may be behind a relay, and Bob, both live."""
    alice, bob = arrive(url), arrive()
    alice.begin("alice")
    bob.begin("bob")
    return alice.live(), bob.live()


def test_two_people_talk_and_see_how_far_the_other_is(arrive: Arrive) -> None:
    alice, bob = two(arrive)
    alice.send("bob", "one", "two")
    bob.has("alice", "one", "two")
    alice.until("client.messages('bob').every(({ state }) => state === 'delivered')")
    bob.page.evaluate("client.read('alice', client.messages('alice')[0].id)")
    alice.until("client.messages('bob').map(({ state }) => state).join() === 'read,delivered'")
    bob.page.evaluate("client.typing('alice')")
    first = alice.page.evaluate("client.messages('bob')[0].id")
    alice.page.evaluate("(id) => client.edit(id, 'one, better')", first)
    bob.has("alice", "one, better", "two")
    alice.page.evaluate("(id) => client.delete(id)", first)
    for tab, peer in ((alice, "bob"), (bob, "alice")):
        tab.has(peer, "two")
        tab.hears("one", "two")
        assert tab.page.evaluate("client.checkUsername('bob')") is True


def test_a_reload_goes_on_where_it_was_without_asking_for_history(arrive: Arrive) -> None:
    alice, bob = two(arrive)
    alice.send("bob", "before")
    bob.has("alice", "before")
    bob.page.close()
    alice.send("bob", "meanwhile")
    alice.has("bob", "before", "meanwhile")
    again = bob.tab()
    asked: list[str] = []
    again.page.on("request", lambda request: asked.append(request.url))
    assert again.begin()
    again.live().has("alice", "before", "meanwhile")
    again.hears("meanwhile")
    assert again.told("reset") == []
    assert [url for url in asked if "/api/auth/messages" in url] == []


def test_a_network_that_is_cut_in_the_middle_loses_and_doubles_nothing(
    arrive: Arrive, instance: Instance, relay: Relay
) -> None:
    alice, bob = two(arrive, relay.url)
    for turn in range(4):
        alice.send("bob", f"a{turn}.0", f"a{turn}.1")
        if turn % 2:
            relay.drop()
        else:
            relay.cut()
        bob.send("alice", f"b{turn}.0", f"b{turn}.1")
        alice.send("bob", f"a{turn}.2")
        relay.mend()
        alice.live()
    for tab in (alice, bob):
        tab.until("heard.length === 20 && client.unsent === 0")
    assert alice.texts("bob") == bob.texts("alice") == stored(instance, "alice")
    for tab in (alice, bob):
        assert sorted(tab.heard) == sorted(tab.texts("bob" if tab is alice else "alice"))
        for one in ("a", "b"):
            said = [text for text in tab.heard if text.startswith(one)]
            assert said == sorted(said)


def test_a_network_that_falls_silent_is_noticed(arrive: Arrive, relay: Relay) -> None:
    alice, bob = two(arrive, relay.url)
    relay.freeze()
    alice.send("bob", "into the silence")
    bob.send("alice", "are you there?")
    alice.until("client.state.connection !== 'live'")
    relay.mend()
    alice.live()
    for tab in (alice, bob):
        tab.until("heard.length === 2 && client.unsent === 0")
        assert sorted(tab.heard) == ["are you there?", "into the silence"]


def test_what_was_written_while_the_instance_was_dead_survives_a_reload_and_goes_out_once(
    arrive: Arrive, instance: Instance
) -> None:
    alice, bob = two(arrive)
    alice.send("bob", "before")
    bob.has("alice", "before")
    instance.kill()
    alice.until("client.state.connection === 'waiting'")
    alice.send("bob", "one", "two")
    assert alice.begin()  # a reload, with nobody to ask
    assert alice.texts("bob") == ["before", "one", "two"]
    assert alice.page.evaluate(STATES, "bob")[1:] == ["sending", "sending"]
    alice.send("bob", "three")
    instance.start()
    everything = ["before", "one", "two", "three"]
    alice.live().has("bob", *everything)
    bob.live().has("alice", *everything)
    bob.hears(*everything)
    assert stored(instance, "bob") == everything


def test_tokens_are_renewed_under_an_open_connection(arrive: Arrive) -> None:
    alice, bob = arrive(), arrive()
    renewed: list[str] = []
    alice.page.on("request", lambda request: renewed.append(request.url) if request.url.endswith("/refresh/") else None)
    alice.begin("alice", renews=True)
    bob.begin("bob")
    alice.live()
    bob.live()
    while len(renewed) < 3:
        with alice.page.expect_response("**/api/auth/refresh/"):
            pass
    alice.send("bob", "still here")
    bob.has("alice", "still here")
    assert alice.sockets == 1
    assert alice.told("fault") == []


def test_a_session_that_is_ended_elsewhere_ends_here_and_takes_everything_with_it(
    arrive: Arrive, instance: Instance
) -> None:
    alice, bob = two(arrive)
    bob.send("alice", "a secret of ours")
    alice.has("bob", "a secret of ours")
    elsewhere = instance.sign_in("alice")
    sessions = instance.call("GET", "/api/auth/sessions/", token=elsewhere).json
    [other] = [session["id"] for session in sessions if not session["current"]]
    assert instance.call("DELETE", f"/api/auth/sessions/{other}/", token=elsewhere).status == 204
    alice.until("told.some(([kind]) => kind === 'ended')")
    assert alice.told("ended") == [{"reason": "revoked", "unsent": 0}]
    assert alice.page.evaluate("client.state") == {"connection": "ended", "reason": "revoked"}
    assert alice.texts("bob") == []
    alice.until("store.list('').then((rows) => rows.length === 0)")
    assert alice.begin() is False


def test_another_epoch_is_a_reset_that_keeps_what_waits(arrive: Arrive) -> None:
    alice, bob = two(arrive)
    alice.send("bob", "one")
    bob.send("alice", "two")
    alice.until("client.messages('bob').length === 2")
    alice.page.evaluate("client.stop()")
    alice.page.evaluate("""async () => {
        await store.write([["cursor", { ...(await store.get("cursor")), epoch: "of-another-life" }]]);
        await client.resume();
        await client.send("bob", "three");
    }""")
    alice.live().has("bob", "three")
    assert alice.told("reset") == [{"first": True}, {"first": False}]
    assert alice.page.evaluate("client.history('bob')") is False
    alice.has("bob", "one", "two", "three")
    bob.has("alice", "one", "two", "three")


def test_two_tabs_share_one_connection_and_the_second_goes_on_when_the_first_is_closed(
    arrive: Arrive, instance: Instance
) -> None:
    first, bob = two(arrive)
    second = first.tab()
    assert second.begin()
    second.until("client.state.connection === 'live'")
    assert (first.page.evaluate("client.leading"), second.page.evaluate("client.leading")) == (True, False)
    first.send("bob", "of the first")
    second.until("client.messages('bob').length === 1")
    second.send("bob", "of the second")
    bob.has("alice", "of the first", "of the second")
    bob.send("alice", "to both")
    for tab in (first, second):
        tab.has("bob", "of the first", "of the second", "to both")
        tab.hears("of the first", "of the second", "to both")
    second.page.evaluate("client.read('bob', client.messages('bob')[2].id)")
    bob.until("client.messages('alice')[2].state === 'read'")
    assert (first.sockets, second.sockets) == (1, 0)

    second.send("bob", "and then")
    first.page.close()
    second.send("bob", "alone")
    everything = ["of the first", "of the second", "to both", "and then", "alone"]
    second.live().has("bob", *everything)
    bob.has("alice", *everything)
    assert second.page.evaluate("client.leading") is True
    for tab in (second, bob):
        tab.hears(*everything)
    assert stored(instance, "bob") == everything


def test_tabs_without_locks_each_have_their_own_connection_and_send_nothing_twice(
    arrive: Arrive, instance: Instance
) -> None:
    alice, bob = arrive(), arrive()
    alice.context.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
    alice.begin("alice")
    bob.begin("bob")
    alice.live()
    bob.live()
    second = alice.tab()
    assert second.begin()
    second.live()
    assert (alice.sockets, second.sockets) == (1, 1)
    instance.kill()
    for tab in (alice, second):
        tab.until("client.state.connection === 'waiting'")
    alice.send("bob", "once")
    second.page.close()
    second = alice.tab()
    assert second.begin()  # it finds the same message in the store
    assert second.texts("bob") == ["once"]
    instance.start()
    for tab in (alice, second):
        tab.live().has("bob", "once")
    bob.live().has("alice", "once")
    assert stored(instance, "bob") == ["once"]


def test_a_sealed_store_reads_only_what_it_has_sealed_itself_and_nothing_after_its_end(arrive: Arrive) -> None:
    tab = arrive()
    tab.page.goto(tab.url + PLACE)
    found = tab.page.evaluate("""async () => {
        const { sealedStore } = await import("./recado.js");
        const refused = (work) => work.then(() => "done", () => "refused");
        const [one, other] = [sealedStore(), sealedStore()];
        await Promise.all([one.write([["a/1", { n: 1 }], ["a/2", [2]]]), other.write([["b", "é"], ["a/3", null]])]);
        const seen = [await other.list("a/"), await one.get("b"), await one.get("c")];
        await one.write([["a/1", undefined], ["a/2", "two"]]);
        seen.push(await other.list("a/"));

        // A row that is put under another name does not open there.
        const db = await new Promise((resolve) => {
            const request = indexedDB.open("recado");
            request.onsuccess = () => resolve(request.result);
        });
        const rows = db.transaction("rows", "readwrite").objectStore("rows");
        rows.get("b").onsuccess = ({ target }) => rows.put(target.result, "a/2");
        await new Promise((resolve) => (rows.transaction.oncomplete = resolve));
        db.close();
        seen.push(await one.get("a/2"), await one.get("b"));

        await other.destroy();
        seen.push(await refused(one.write([["b", "from the grave"]])), await one.get("b"));
        await other.write([["b", "anew"]]);
        seen.push(await refused(one.write([["b", "from the grave"]])), await one.get("b"), await other.list(""));
        return seen;
    }""")
    assert found == [
        *([["a/1", {"n": 1}], ["a/2", [2]], ["a/3", None]], "é", None),
        [["a/2", "two"], ["a/3", None]],
        *(None, "é"),
        *("refused", None),
        *("refused", None, [["b", "anew"]]),
    ]


def test_signing_out_in_one_tab_ends_the_others_and_destroys_what_is_kept(arrive: Arrive) -> None:
    first, bob = two(arrive)
    second = first.tab()
    second.begin()
    second.until("client.state.connection === 'live'")
    bob.send("alice", "a secret of ours")
    first.has("bob", "a secret of ours")
    kept = first.page.evaluate(ROWS)
    assert set(kept["names"]) >= {"cursor", "me"}
    assert any(name.startswith("message/") for name in kept["names"])
    assert kept["extractable"] == [False]
    assert not re.search("secret|alice|bob", kept["text"] + "".join(kept["names"]))
    second.page.evaluate("client.signOut()")
    first.until("client.state.connection === 'ended'")
    assert first.told("ended") == second.told("ended") == [{"reason": "signed_out", "unsent": 0}]
    assert first.page.evaluate(ROWS) == {"names": [], "text": "", "extractable": []}
    for tab in (first, second):
        assert tab.texts("bob") == []
        assert tab.page.evaluate("client.resume()") is False
