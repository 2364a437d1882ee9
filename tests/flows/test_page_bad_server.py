"""The chat page before a server that says anything: it stays in use, tells what to do, and shows no nonsense."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Route, WebSocketRoute, expect

from tests.flows.person import PATIENCE_MS, Arrive, Person
from tests.instances import Instance

NONSENSE = re.compile(r"\[object|undefined|\bNaN\b|Invalid Date|\bnull\b|Infinity")
HTML = "<!doctype html><title>Bad gateway</title><h1>502</h1><script>alert(1)</script>"
# What a field may be that is none of what it should be: as it stands in JSON.
WRONG = [
    "null",
    "{}",
    "[]",
    '"x"',
    "1e999",
    "-1",
    "true",
    json.dumps("x" * 20_000),
    '"__proto__"',
    '{"__proto__": {"x": 1}}',
]
MESSAGE_FIELDS = [
    *("id", "sender", "recipient", "content", "timestamp"),
    *("client_id", "reply_to", "expires_at", "edited_at", "delivered_at", "read_at"),
]
ROW_FIELDS = ["peer", "display_name", "last_message", "unread", "online", "last_seen", "ttl_seconds"]
PROFILE_FIELDS = ["username", "display_name", "language", "receipts", "presence", "created_at"]
FRAMES = [
    "",
    "no JSON",
    "null",
    "[]",
    "7",
    '"x"',
    '{"type": 7}',
    '{"type": "of the future", "position": -1}',
    '{"type": "__proto__"}',
    '{"type": "message"}',
    '{"type": "typing", "peer": {}}',
    '{"type": "typing"}',
    '{"type": "presence", "peer": null, "online": "x", "last_seen": 7}',
    '{"type": "notice", "kind": {}}',
    '{"type": "notice"}',
    '{"type": "receipt", "kind": "read", "by": 7, "peer": [], "up_to": 1e999}',
    '{"type": "sent", "client_id": null, "message": "x"}',
    '{"type": "sent", "client_id": "nobody\'s", "message": {"id": 1}}',
    '{"type": "deleted", "id": "x", "peer": 7}',
    '{"type": "timer", "peer": "bob", "ttl_seconds": "x"}',
    '{"type": "heartbeat", "position": "x"}',
    '{"type": "error", "code": {}, "detail": [], "ref": {}}',
    '{"type": "error"}',
]


@pytest.fixture
def alice(arrive: Arrive, instance: Instance) -> Iterator[Person]:
    """Somebody who has talked with Bob; behind the test nothing was thrown, whatever the server said."""
    token = instance.join("alice")
    instance.call("POST", "/api/auth/send/", {"recipient": "alice", "content": "hello"}, token=instance.join("bob"))
    instance.call("POST", "/api/auth/send/", {"recipient": "bob", "content": "hi"}, token=token)
    one = arrive()
    yield one
    one.complaints = [said for said in one.complaints if not re.match("50[0-9]: ", said)]


def makes_sense(who: Person) -> None:
    """Nothing on the page is a word of the machine's."""
    said = who.page.locator("body").inner_text()
    assert not NONSENSE.search(said), said
    titles = who.page.locator("[title],[aria-label]").evaluate_all("all => all.map((one) => one.title + one.ariaLabel)")
    assert not re.search(r"\[object|undefined|NaN|Invalid Date", " ".join(titles))


def works(who: Person, text: str) -> None:
    """A message can be written to Bob, and arrives."""
    who.is_live()
    if who.at("peer").count() == 0:
        who.open("bob")
    who.write(text)
    last = who.at("message").filter(has_text=text)
    expect(last).to_have_attribute("data-state", re.compile("sent|delivered|read"), timeout=PATIENCE_MS)
    makes_sense(who)


def spoilt_each(said: Any, fields: list[str]) -> list[str]:
    """As many copies of `said` as there are fields and wrong values, each with one of them; as JSON."""
    return [json.dumps(said | {field: "@@"}).replace('"@@"', wrong) for field in fields for wrong in WRONG]


def test_a_list_with_anything_in_it_is_shown_as_far_as_it_makes_sense(alice: Person, instance: Instance) -> None:
    token = instance.sign_in("alice")
    row = instance.call("GET", "/api/conversations/", token=token).json[0]
    names = f"[{','.join(WRONG)},{json.dumps({'username': 'carol'})}]"
    rows = row | {"last_message": "@@"}
    lasts = spoilt_each(row["last_message"], MESSAGE_FIELDS)
    others = [json.dumps(rows | {"peer": f"p{at}"}).replace('"@@"', last) for at, last in enumerate(lasts)]
    body = f"[{','.join([*others, *WRONG, *spoilt_each(row, ROW_FIELDS), json.dumps(row)])}]"
    alice.context.route(re.compile("/api/conversations/\\?"), lambda route: fulfil(route, body))
    alice.context.route(re.compile("/api/(blocks|mutes)/\\?"), lambda route: fulfil(route, names))
    alice.sign_in("alice")
    expect(alice.at("conversation").filter(has_text="bob").first).to_be_visible()
    makes_sense(alice)
    works(alice, "still here")


def test_a_history_with_anything_in_it_is_shown_as_far_as_it_makes_sense(alice: Person, instance: Instance) -> None:
    token = instance.sign_in("alice")
    message = instance.call("GET", "/api/auth/messages/?with=bob", token=token).json[0]
    body = f"[{','.join([*WRONG, *spoilt_each(message, MESSAGE_FIELDS), json.dumps(message)])}]"
    alice.context.route("**/api/auth/messages/?*", lambda route: fulfil(route, body, {"Link": "<::>; rel=next"}))
    alice.sign_in("alice")
    alice.choose("bob")
    alice.sees_text("message-list", "hi")
    makes_sense(alice)
    works(alice, "still here")


def test_a_profile_with_anything_in_it_keeps_nobody_out(alice: Person, instance: Instance) -> None:
    profile = instance.call("GET", "/api/users/me/", token=instance.sign_in("alice")).json
    answers: list[str] = []
    alice.context.route("**/api/users/me/", lambda route: fulfil(route, answers[0]) if answers else route.fallback())
    alice.sign_in("alice")
    for field in PROFILE_FIELDS[1:]:
        for wrong in ("{}", "[]", '"x"', "1e999"):
            answers[:] = [json.dumps(profile | {field: "@@"}).replace('"@@"', wrong)]
            with alice.page.expect_response("**/api/users/me/"):
                alice.page.reload(wait_until="domcontentloaded")
    alice.is_live()
    makes_sense(alice)
    alice.at("settings-open").click()
    expect(alice.at("settings")).to_be_visible()
    makes_sense(alice)
    alice.page.keyboard.press("Escape")
    works(alice, "still here")


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, HTML, {"Content-Type": "text/html"}),
        (200, "", {}),
        (200, "{}", {}),
        (502, HTML, {"Content-Type": "text/html"}),
        (302, "", {"Location": "/elsewhere"}),
        (401, HTML, {"Content-Type": "text/html"}),
        (413, "", {}),
        (429, '{"status": 429, "code": "too_many_requests", "detail": "Wait."}', {"Retry-After": "7"}),
    ],
)
def test_answers_of_something_between_are_failures_that_pass(
    alice: Person, status: int, body: str, headers: dict[str, str]
) -> None:
    broken = [True]
    alice.context.route(
        re.compile("/api/(?!auth/refresh)"),
        lambda route: route.fulfill(status=status, body=body, headers=headers) if broken else route.fallback(),
    )
    alice.fill("alice")
    expect(alice.at("sign-error")).not_to_be_empty()
    makes_sense(alice)
    broken.clear()
    alice.sign_in("alice")
    expect(alice.at("conversation")).to_have_text(re.compile("bob"))
    broken.append(True)
    alice.at("conversation").click()
    expect(alice.at("thread-failed")).to_be_visible()
    if status == 429:
        alice.sees_text("thread-failed", "7 seconds")
    makes_sense(alice)
    alice.at("new-conversation").fill("somebody")
    alice.sees("name-check", state="failed")
    # The socket is not concerned: a message goes out.
    works(alice, "by the socket")
    alice.page.reload()
    alice.choose("bob")
    makes_sense(alice)
    broken.clear()
    works(alice, "still here")
    assert alice.at("sign-view").count() == 0


def test_frames_of_any_kind_are_passed_over(alice: Person) -> None:
    lines: list[WebSocketRoute] = []

    def between(line: WebSocketRoute) -> None:
        line.connect_to_server()
        lines.append(line)

    alice.context.route_web_socket("**/ws/chat/", between)
    alice.page.reload()
    alice.sign_in("alice")
    alice.open("bob")
    alice.sees_text("message-list", "hi")
    for frame in FRAMES:
        lines[0].send(frame)
    makes_sense(alice)
    works(alice, "still here")
    assert len(lines) == 1


def test_a_hole_in_the_log_is_filled_and_nothing_is_shown_twice(alice: Person, instance: Instance) -> None:
    # Ten seconds are the library's patience with a hole; here they are a half.
    alice.page.add_init_script("""{
        const { setTimeout: wait } = window;
        window.setTimeout = (work, time, ...more) => wait(work, time === 10_000 ? 500 : time, ...more);
    }""")
    lost: list[str | bytes] = []

    def between(line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def lose_one(frame: str | bytes) -> None:
            if "the lost one" in str(frame) and not lost:
                lost.append(frame)
            else:
                line.send(frame)

        server.on_message(lose_one)

    alice.context.route_web_socket("**/ws/chat/", between)
    alice.page.reload()
    alice.sign_in("alice")
    alice.open("bob")
    token = instance.sign_in("bob")
    for text in ("the lost one", "the next one"):
        instance.call("POST", "/api/auth/send/", {"recipient": "alice", "content": text}, token=token)
    alice.reads("hello", "hi", "the lost one", "the next one")
    assert len(lost) == 1
    works(alice, "still here")


@pytest.mark.parametrize("off", ["+365 * 86_400_000", "-365 * 86_400_000"])
def test_a_clock_that_is_a_year_wrong_changes_nothing(alice: Person, instance: Instance, off: str) -> None:
    alice.page.add_init_script(f"""{{
        const Right = Date;
        window.ahead = {off};
        window.Date = class extends Right {{
            constructor(...given) {{
                if (given.length > 0) super(...given);
                else super(Right.now() + window.ahead);
            }}
            static now() {{ return Right.now() + window.ahead; }}
        }};
    }}""")
    alice.page.reload()
    alice.sign_in("alice")
    alice.choose("bob")
    alice.reads("hello", "hi")
    expect(alice.page.locator(".day")).to_have_text(["Today"])
    alice.write("of now")
    alice.reads("hello", "hi", "of now")
    alice.page.evaluate("ahead = -ahead / 2")
    token = instance.sign_in("bob")
    fleeting = {"recipient": "alice", "content": "fleeting", "ttl_seconds": 6}
    instance.call("POST", "/api/auth/send/", fleeting, token=token)
    alice.sees_text("message-list", "fleeting")
    alice.reads("hello", "hi", "of now")
    alice.write("still now")
    alice.reads("hello", "hi", "of now", "still now")
    expect(alice.page.locator(".day")).to_have_text(["Today"])
    alice.page.reload()
    alice.is_live()
    alice.choose("bob")
    alice.reads("hello", "hi", "of now", "still now")
    expect(alice.page.locator(".day")).to_have_text(["Today"])
    makes_sense(alice)


def test_times_follow_a_journey(alice: Person) -> None:
    alice.sign_in("alice")
    alice.choose("bob")
    time = alice.at("message").first.locator("time").first
    control = alice.context.new_cdp_session(alice.page)
    seen = []
    for zone in ("Pacific/Kiritimati", "America/Sao_Paulo"):
        control.send("Emulation.setTimezoneOverride", {"timezoneId": zone})
        alice.page.evaluate("dispatchEvent(new Event('focus'))")
        expected = alice.page.evaluate(
            """(at) => new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit" }).format(new Date(at))""",
            time.get_attribute("datetime"),
        )
        expect(time).to_have_text(expected)
        expect(alice.page.locator(".day")).to_have_text(["Today"])
        seen.append(expected)
    assert seen[0] != seen[1]


@pytest.mark.parametrize(
    "broken",
    [
        "IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError'); };",
        """IDBFactory.prototype.open = function () {
            const request = { error: new DOMException("broken", "UnknownError") };
            setTimeout(() => request.onerror?.(new Event("error")));
            return request;
        };""",
        "Object.defineProperty(window, 'indexedDB', { value: undefined });",
        "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };",
    ],
    ids=["refused", "failing", "missing", "full"],
)
def test_a_browser_that_keeps_nothing_is_told_about_and_used_all_the_same(
    alice: Person, instance: Instance, broken: str
) -> None:
    alice.context.add_init_script(broken)
    alice.page.reload()
    alice.sign_in("alice")
    alice.sees_text("toast", "cannot keep anything")
    alice.open("bob")
    alice.write("from memory")
    alice.reads("hello", "hi", "from memory")
    alice.page.reload()
    alice.is_live()
    alice.choose("bob")
    alice.reads("hello", "hi", "from memory")
    second = alice.tab()
    alice.on(second).is_live()
    alice.choose("bob")
    alice.write("of the second")
    alice.reads("hello", "hi", "from memory", "of the second")


def fulfil(route: Route, body: str, headers: dict[str, str] | None = None) -> None:
    """Answer with this JSON, whatever it is."""
    route.fulfill(status=200, body=body, headers={"Content-Type": "application/json", **(headers or {})})
