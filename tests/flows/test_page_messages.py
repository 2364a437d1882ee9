"""Messages at the chat page: what becomes of them, and what is done with them, in a real browser on a real server."""

import re
from datetime import UTC, datetime

from playwright.sync_api import Route, expect

from tests.flows.person import PATIENCE_MS, PHONE, Arrive, Person, two, write
from tests.flows.scene import Line, settle
from tests.instances import Instance

HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)"><svg onload=alert(1)><iframe src="javascript:alert(1)"></iframe>',
    "</p></li></ol><h1>broken out</h1><style>*{display:none}</style>",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} <%= 1 %>",
    "__proto__",
    "constructor",
    "javascript:alert(1) https://evil.example/?q=<b>",
    "\u202eright to left override\u202c and \u2066isolate\u2069",
    "שלום עולם — مرحبا بالعالم",
    "👩🏽‍🚒🏳️‍🌈 e\u0301 ﷽ 🇧🇷",
    "w" * 3000,
    "two\nlines\n\n  and   spaces",
    "&lt;b&gt; &amp; &#x3C;",
    "]]> --> '\" `",
]

# What may stand in the words of a message, beside text.
INSIDE = """() => [...document.querySelectorAll("[data-testid=message-text] *")].map((one) =>
  [one.localName, ...one.getAttributeNames().sort().map((name) => `${name}=${one.getAttribute(name)}`)].join(" "))"""
COUNT = "() => document.querySelectorAll('script, iframe, img, h1, style, base, link, object').length"


def link(href: str) -> str:
    """A link as it must be drawn."""
    return f"a dir=ltr href={href} rel=noopener noreferrer nofollow ugc target=_blank"


def has_state(who: Person, text: str, state: str) -> None:
    """Wait until this message has come so far."""
    expect(who.message(text)).to_have_attribute("data-state", state, timeout=PATIENCE_MS)


def test_what_waits_is_taken_back_until_it_may_be_on_its_way(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.context.set_offline(True)
    alice.sees("connection", state="offline")
    for text in ("said too soon", "said well"):
        alice.write(text)
        has_state(alice, text, "sending")
    alice.does("take-back", "said too soon")
    expect(alice.at("message-text")).to_have_text(["said well"])
    assert alice.page.evaluate("document.activeElement !== document.body")
    alice.context.set_offline(False)
    for one in (alice, bob):
        one.reads("said well")
    # A reload forgets nothing of that.
    instance.stop()
    alice.is_at("banner")
    for text in ("said too soon again", "said later"):
        alice.write(text)
        has_state(alice, text, "sending")
    alice.page.reload()
    alice.choose("bob")
    alice.does("take-back", "said too soon again")
    expect(alice.at("message-text")).to_have_text(["said well", "said later"])
    instance.start()
    alice.comes_back()
    bob.comes_back()
    for one in (alice, bob):
        one.reads("said well", "said later")
    # What went out to a server that says nothing may have arrived there.
    with instance.frozen():
        alice.write("on its way, perhaps")
        alice.does("take-back", "on its way, perhaps")
        alice.sees_text("toast", "may have been sent")
    bob.reads("said well", "said later", "on its way, perhaps")


def test_ones_own_message_is_sent_then_delivered_then_read(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    bob.page.goto("about:blank")
    alice.context.set_offline(True)
    alice.sees("connection", state="offline")
    alice.write("are you there?")
    has_state(alice, "are you there?", "sending")
    alice.context.set_offline(False)
    has_state(alice, "are you there?", "sent")
    # Bob's device has it; he has not opened it.
    bob.page.goto(instance.url)
    has_state(alice, "are you there?", "delivered")
    bob.choose("alice")
    has_state(alice, "are you there?", "read")
    # It stands before him, but he looks elsewhere.
    bob.looks_away()
    alice.write("and now?")
    has_state(alice, "and now?", "delivered")
    expect(bob.page).to_have_title("(1) Recado")
    bob.sees_text("unread", "1")
    expect(bob.at("unread-line")).to_be_visible()
    bob.looks()
    has_state(alice, "and now?", "read")
    expect(bob.page).to_have_title("Recado")


def test_whoever_switches_receipts_off_tells_none_and_sees_none(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    token = instance.sign_in("bob")
    assert instance.call("PATCH", "/api/users/me/", {"receipts": False}, token=token).status == 200
    alice.write("did you read this?")
    bob.reads("did you read this?")
    expect(bob.at("unread")).to_have_count(0)
    # His own devices know what he has read. Behind that, a word of his would come after what is told of it.
    bob.page.reload()
    expect(bob.at("conversation")).to_have_count(1)
    expect(bob.at("unread")).to_have_count(0)
    bob.choose("alice")
    bob.write("no")
    alice.reads("did you read this?", "no")
    alice.write("I see")
    bob.reads("did you read this?", "no", "I see")
    has_state(alice, "did you read this?", "sent")
    has_state(bob, "no", "sent")


def test_a_message_is_edited_and_deleted_for_both(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("See you at nine")
    alice.write("a slip of the pen")
    bob.reads("See you at nine", "a slip of the pen")
    alice.does("edit", "See you at nine")
    alice.sees_text("writing", "See you at nine")
    expect(alice.at("composer")).to_be_focused()
    expect(alice.at("composer")).to_have_value("See you at nine")
    alice.write("See you at ten")
    for one in (alice, bob):
        one.reads("See you at ten", "a slip of the pen")
        expect(one.message("See you at ten")).to_contain_text("edited")
    expect(alice.at("writing")).to_have_count(0)
    # The last of one's own by the arrow; Escape leaves it as it was, and what was begun before is still there.
    expect(alice.at("composer")).to_be_focused()
    alice.page.keyboard.press("ArrowUp")
    expect(alice.at("composer")).to_have_value("a slip of the pen")
    alice.page.keyboard.press("Escape")
    expect(alice.at("writing")).to_have_count(0)
    expect(alice.at("composer")).to_have_value("")
    expect(alice.at("composer")).to_be_focused()
    alice.at("composer").fill("half a thought")
    alice.does("edit", "a slip of the pen")
    expect(alice.at("composer")).to_have_value("a slip of the pen")
    alice.at("writing-cancel").click()
    expect(alice.at("composer")).to_have_value("half a thought")
    # Another's message offers neither.
    bob.message("See you at ten").hover()
    bob.message("See you at ten").get_by_test_id("message-menu").click()
    expect(bob.at("menu").get_by_role("menuitem")).to_have_text(["Reply", "Copy"])
    bob.page.keyboard.press("Escape")
    # A question comes before a deletion.
    alice.does("delete", "a slip of the pen")
    alice.at("confirm-no").click()
    alice.reads("See you at ten", "a slip of the pen")
    alice.does("delete", "a slip of the pen")
    alice.says_yes()
    for one in (alice, bob):
        one.reads("See you at ten")
        one.sees_text("conversation", "See you at ten")
    # What goes while one is asked is gone.
    alice.write("gone before")
    bob.reads("See you at ten", "gone before")
    alice.does("delete", "gone before")
    elsewhere = instance.sign_in("alice")
    newest = instance.call("GET", "/api/auth/messages/?with=bob", token=elsewhere).json[0]["id"]
    assert instance.call("DELETE", f"/api/messages/{newest}/", token=elsewhere).status == 204
    alice.reads("See you at ten")
    alice.says_yes()
    bob.page.reload()
    bob.choose("alice")
    bob.reads("See you at ten")
    assert "slip of" not in bob.page.content()


def test_an_edit_that_is_refused_says_so_and_keeps_what_was_typed(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("before")
    bob.reads("before")

    def cut(route: Route) -> None:
        route.abort() if route.request.method == "PATCH" else route.continue_()

    alice.page.route("**/api/messages/*/", cut)
    alice.does("edit", "before")
    alice.write("after")
    alice.sees_text("toast", "cannot be reached")
    expect(alice.at("composer")).to_have_value("after")
    alice.page.unroute("**/api/messages/*/")
    alice.at("toast-close").click()
    alice.at("send").click()
    for one in (alice, bob):
        one.reads("after")


def test_a_reply_quotes_what_it_answers_and_leads_to_it(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("Tea or coffee?")
    bob.reads("Tea or coffee?")
    bob.does("reply", "Tea or coffee?")
    bob.sees_text("writing", "Tea or coffee?")
    expect(bob.at("composer")).to_be_focused()
    bob.write("Tea")
    expect(bob.at("writing")).to_have_count(0)
    for one in (alice, bob):
        one.reads("Tea or coffee?", "Tea")
        expect(one.message("Tea").get_by_test_id("quote")).to_contain_text("Tea or coffee?")
    alice.sees_text("quote", "You")
    alice.at("quote").click()
    expect(alice.message("Tea or coffee?")).to_be_focused()
    # An edit is seen in the quote, a deletion leaves that there was something.
    alice.changes("Tea or coffee?", "Tea, coffee or water?")
    for one in (alice, bob):
        expect(one.message("Tea").get_by_test_id("quote")).to_contain_text("Tea, coffee or water?")
    alice.does("delete", "Tea, coffee or water?")
    alice.says_yes()
    for one in (alice, bob):
        one.sees("quote", state="gone")
        one.sees_text("quote", "gone")
        assert "water" not in one.at("message-list").inner_text()
    bob.page.reload()
    bob.choose("alice")
    bob.sees("quote", state="gone")


def test_a_message_is_copied(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    bob.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=instance.url)
    alice.write("two\nlines and  blanks <b>")
    bob.sees_text("message-text", "lines")
    bob.at("message").hover()
    bob.at("message-menu").click()
    bob.at("menu-copy").click()
    bob.sees_text("announcer", "Copied")
    assert bob.page.evaluate("navigator.clipboard.readText()") == "two\nlines and  blanks <b>"


def test_an_address_is_a_link_that_says_where_it_goes(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("see https://example.org/a?b=c#d, and (http://localhost:8000/x) but not example.org")
    bob.sees_text("message-text", "see https://example.org/a?b=c#d, and")
    for one in (alice, bob):
        found = [link("https://example.org/a?b=c#d"), link("http://localhost:8000/x")]
        assert one.page.evaluate(INSIDE) == found
    alice.write("👍🏽")
    expect(bob.page.locator(".emoji-only")).to_have_text("👍🏽")


def test_whatever_is_written_is_text(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    before = bob.page.evaluate(COUNT)
    for text in HOSTILE:
        alice.write(text)
    for one in (alice, bob):
        one.has_rows(len(HOSTILE) + 2)
        assert one.all_texts() == HOSTILE
        assert one.page.evaluate(COUNT) == before
    # The newest are in the list, in what is read out, and in quotes as well.
    for text in (*HOSTILE[:4], HOSTILE[6]):
        alice.write(text)
        expect(bob.at("conversation").locator(".conversation-last")).to_have_text(text, timeout=PATIENCE_MS)
        bob.sees_text("announcer", text)
        has_state(bob, text, "read")
        bob.does("reply", text)
        bob.write(f"re: {text}")
        for one in (alice, bob):
            expect(one.at("quote").last).to_contain_text(text)
    for one in (alice, bob):
        assert one.page.evaluate(COUNT) == before
        assert set(one.page.evaluate(INSIDE)) <= {link("https://evil.example/?q=")}
        width = one.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]  # a long word does not push the page aside
    bob.page.reload()
    bob.choose("alice")
    bob.has_rows(len(HOSTILE) + 12)
    assert bob.all_texts()[: len(HOSTILE)] == HOSTILE


def test_an_emoji_goes_to_where_the_caret_is_and_comes_first_next_time(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.at("composer").fill("Happy  birthday")
    alice.at("composer").evaluate("box => box.setSelectionRange(6, 6)")
    alice.at("emoji-open").click()
    expect(alice.at("emoji-search")).to_be_focused()
    alice.at("emoji-search").fill("congratulations")
    alice.page.keyboard.press("Enter")
    expect(alice.at("composer")).to_have_value("Happy 🎉 birthday")
    expect(alice.at("composer")).to_be_focused()
    # Typing goes on behind it; Escape closes the emoji and nothing else.
    alice.page.keyboard.type("!")
    expect(alice.at("composer")).to_have_value("Happy 🎉! birthday")
    alice.page.keyboard.press("Escape")
    expect(alice.at("emoji-picker")).to_have_count(0)
    expect(alice.at("composer")).to_be_focused()
    alice.page.keyboard.press("Enter")
    bob.reads("Happy 🎉! birthday")
    alice.at("emoji-open").click()
    expect(alice.at("emoji-grid").get_by_role("gridcell")).to_have_text(["🎉"])
    alice.page.keyboard.press("Escape")
    expect(alice.at("emoji-open")).to_be_focused()
    # They are kept over a reload, as what was begun to be written is.
    alice.at("composer").fill("and many more")
    alice.keeps("page/emoji", ["🎉"])
    alice.keeps("page/drafts", [{"peer": "bob", "text": "and many more"}])
    alice.page.reload()
    alice.sees_text("conversation", "Draft: and many more")
    alice.choose("bob")
    alice.at("emoji-open").click()
    expect(alice.at("emoji-grid").get_by_role("gridcell")).to_have_text(["🎉"])


def test_a_message_that_disappears_goes_from_both_pages_and_the_list(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("this stays")
    bob.reads("this stays")
    # For one message: chosen before it is written, and for that one only.
    alice.at("lasting").click()
    alice.at("timer-dialog").get_by_label("5 minutes").check()
    alice.at("timer-set").click()
    expect(alice.at("lasting")).to_have_accessible_name("This message lasts 5 minutes")
    alice.write("this goes")
    expect(alice.at("lasting")).to_have_accessible_name("How long this message lasts")
    for one in (alice, bob):
        expect(one.message("this goes").get_by_test_id("time-left")).to_contain_text("5m")
        expect(one.message("this stays").get_by_test_id("time-left")).to_have_count(0)
    # For all from now on, set by either: both see it.
    bob.asks("timer")
    bob.at("timer-dialog").get_by_label("1 hour").check()
    bob.at("timer-set").click()
    for one in (alice, bob):
        one.sees_text("timer", "1 hour")
        expect(one.at("lasting")).to_have_accessible_name("This message lasts 1 hour")
    seconds = {"ttl_seconds": 8}
    reply = instance.call("PATCH", "/api/conversations/bob/", seconds, token=instance.sign_in("alice"))
    assert reply.status == 200
    for one in (alice, bob):
        one.sees_text("timer", "8 seconds")
    alice.write("read quickly")
    bob.sees_text("conversation", "read quickly")
    bob.does("reply", "read quickly")
    bob.write("how?")
    for one in (alice, bob):
        expect(one.at("time-left").first).to_be_visible()
        expect(one.message("read quickly")).to_have_count(0, timeout=PATIENCE_MS)
        expect(one.at("message-text")).to_have_text(["this stays", "this goes"], timeout=PATIENCE_MS)
        one.sees_text("conversation", "this goes")
        expect(one.at("announcer")).to_have_text("", timeout=PATIENCE_MS)
        assert "quickly" not in one.page.content()
    # Whoever had the focus on one that has gone is at the list.
    alice.write("look here")
    alice.message("look here").get_by_test_id("message-menu").focus()
    expect(alice.message("look here")).to_have_count(0, timeout=PATIENCE_MS)
    expect(alice.at("message-list")).to_be_focused()
    # Off again.
    alice.asks("timer")
    alice.at("timer-dialog").get_by_label("For ever").check()
    alice.at("timer-set").click()
    for one in (alice, bob):
        expect(one.at("timer")).to_have_count(0)


def test_days_are_told_apart_in_the_readers_own_zone(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance, timezone_id="America/Sao_Paulo", locale="en-GB")
    for text in ("long ago", "yesterday, late", "today, early"):
        alice.write(text)
        has_state(alice, text, "read")
    today = bob.page.evaluate("new Date().setHours(0, 0, 0, 0)")
    at = dict(zip(("today, early", "yesterday, late", "long ago"), (60_000, -60_000, -400 * 86_400_000), strict=True))

    def backdate(route: Route) -> None:
        response = route.fetch()
        page = response.json()
        for message in page:
            moment = datetime.fromtimestamp((today + at[message["content"]]) / 1000, UTC)
            message["timestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        route.fulfill(response=response, json=page)

    carol = arrive(timezone_id="America/Sao_Paulo", locale="en-GB")
    carol.page.route("**/api/auth/messages/*", backdate)
    carol.sign_in("bob")
    carol.choose("alice")
    expect(carol.at("message-text")).to_have_text(["long ago", "yesterday, late", "today, early"])
    days = carol.page.locator(".day")
    expect(days).to_have_count(3)
    expect(days.nth(0)).to_have_text(re.compile(r"^\w+,? \d+ \w+ \d{4}$"))
    expect(days.nth(1)).to_have_text("Yesterday")
    expect(days.nth(2)).to_have_text("Today")
    expect(carol.message("yesterday, late").locator("time")).to_have_text("23:59")
    expect(carol.message("today, early").locator("time")).to_have_text(re.compile("^0?0:01$"))


def test_what_is_said_to_be_new_below_is_new(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    token = instance.join("bob")
    ids = [write(instance, token, "alice", f"line {number}\n\n\n") for number in range(30)]
    alice = arrive()
    Line(alice.context)
    alice.page.reload()
    alice.sign_in("alice")
    alice.choose("bob")
    alice.at("jump").click()
    expect(alice.at("jump")).to_have_count(0)
    # One's own that waits or was refused stands last, whatever comes.
    alice.write("refuse this")
    expect(alice.at("message").last).to_have_attribute("data-state", "failed", timeout=PATIENCE_MS)
    alice.at("message-list").evaluate("(box) => (box.scrollTop -= 1000)")
    expect(alice.at("jump")).to_have_text("")
    alice.has_rows(34)
    # That the last one has gone is no news.
    assert instance.call("DELETE", f"/api/messages/{ids[-1]}/", token=token).status == 204
    alice.has_rows(33)
    expect(alice.at("jump")).to_have_text("")
    new = write(instance, token, "alice", "this is new")
    expect(alice.at("jump")).to_have_text("New messages", timeout=PATIENCE_MS)
    assert instance.call("DELETE", f"/api/messages/{new}/", token=token).status == 204
    expect(alice.at("jump")).to_have_text("", timeout=PATIENCE_MS)


def test_an_answer_goes_out_although_what_it_answers_has_gone(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    bob.write("one")
    bob.write("two")
    alice.reads("one", "two")
    alice.does("reply", "one")
    bob.does("delete", "one")
    bob.says_yes()
    alice.sees_text("writing", "This message is gone.")
    alice.write("an answer to one")
    bob.reads("two", "an answer to one")
    expect(bob.at("quote")).to_have_count(0)
    # Where nobody could know, it says why, and may be said by itself.
    alice.does("reply", "two")
    alice.context.set_offline(True)
    alice.sees("connection", state="offline")
    alice.write("an answer to two")
    bob.does("delete", "two")
    bob.says_yes()
    bob.reads("an answer to one")
    alice.context.set_offline(False)
    expect(alice.message("an answer to two")).to_contain_text("What it answers is gone.", timeout=PATIENCE_MS)
    alice.at("retry").click()
    bob.reads("an answer to one", "an answer to two")


def test_the_keys_of_an_input_method_are_its_own(arrive: Arrive, instance: Instance) -> None:
    alice, _ = two(arrive, instance)
    alice.at("composer").fill("にほん")
    for event in (
        "{ key: 'Enter', keyCode: 229 }",
        "{ key: 'Enter', isComposing: true }",
        "{ key: 'Escape', isComposing: true }",
    ):
        made = f"new KeyboardEvent('keydown', {{ bubbles: true, cancelable: true, ...{event} }})"
        assert alice.at("composer").evaluate(f"(box) => box.dispatchEvent({made})"), event
        settle(alice)
        expect(alice.at("message")).to_have_count(0)
        expect(alice.at("composer")).to_have_value("にほん")


def test_nothing_is_typed_into_a_change_that_is_on_its_way(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance)
    alice.write("before")
    bob.reads("before")
    bob.write("a question")
    alice.reads("before", "a question")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    alice.page.route("**/api/messages/*/", hold)
    alice.does("edit", "before")
    alice.at("composer").fill("after")
    alice.at("composer").press("Enter")
    alice.at("composer").press_sequentially("more words")
    expect(alice.at("composer")).to_have_value("after")
    # What is begun meanwhile goes on when the change has arrived.
    alice.does("reply", "a question")
    alice.at("composer").fill("an answer")
    held.pop().continue_()
    alice.reads("after", "a question")
    expect(alice.at("writing")).to_have_attribute("data-kind", "reply")
    alice.at("composer").press("Enter")
    expect(bob.at("quote")).to_contain_text("a question")


def test_enter_makes_a_line_where_there_is_no_shift_to_hold(arrive: Arrive, instance: Instance) -> None:
    alice, bob = two(arrive, instance, **PHONE)
    alice.at("composer").fill("one line")
    alice.at("composer").press("Enter")
    alice.at("composer").press_sequentially("and another")
    alice.at("send").tap()
    bob.reads("one line\nand another")


def test_a_long_quote_says_that_it_goes_on(arrive: Arrive, instance: Instance) -> None:
    alice, _ = two(arrive, instance)
    alice.write("w" * 300)
    alice.does("reply", "w" * 300)
    expect(alice.at("quote").locator(".quote-text")).to_have_text("w" * 200 + "…")
