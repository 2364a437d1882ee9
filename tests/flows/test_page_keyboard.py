"""The chat page by keyboard alone: every step leaves the focus somewhere."""

from playwright.sync_api import Locator, expect

from tests.flows.person import PASSWORD, PATIENCE_MS, Arrive, Person
from tests.instances import Instance

LOST = "document.activeElement === null || document.activeElement === document.body"


class Hands:
    """Somebody's hands on the keys. After each key the focus is somewhere, or the test fails."""

    def __init__(self, who: Person) -> None:
        self.who = who
        self.keyboard = who.page.keyboard

    def press(self, *keys: str) -> None:
        """One key after the other."""
        for key in keys:
            self.keyboard.press(key)
            # A frame later as well: what is drawn may take the focus away.
            self.who.page.evaluate("new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))")
            assert not self.who.page.evaluate(LOST), f"the focus is lost after {key}"

    def types(self, text: str) -> None:
        """Letters, wherever the focus is."""
        self.keyboard.type(text)
        assert not self.who.page.evaluate(LOST), f"the focus is lost after typing {text}"

    def to(self, name: str, *, back: bool = False) -> None:
        """Press Tab until this has the focus, and see that it is shown."""
        for _ in range(40):
            if self.who.page.evaluate("document.activeElement?.dataset?.testid") == name:
                expect(self.focused()).to_be_visible()
                return
            self.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"no way to {name} by Tab")

    def is_at(self, name: str) -> None:
        """Wait until this has the focus, and stay there."""
        expect(self.who.at(name)).to_be_focused(timeout=PATIENCE_MS)

    def is_menu_of(self, text: str) -> None:
        """Wait until the menu of this message has the focus."""
        expect(self.who.message(text).get_by_test_id("message-menu")).to_be_focused()

    def focused(self) -> Locator:
        return self.who.page.locator(":focus")

    def picks(self, name: str) -> None:
        """Go down in the open menu to this item, and choose it."""
        for _ in range(8):
            if self.who.page.evaluate("document.activeElement?.dataset?.testid") == f"menu-{name}":
                return self.press("Enter")
            self.press("ArrowDown")
        raise AssertionError(f"no {name} in the menu")


def test_the_keyboard_is_enough(arrive: Arrive, instance: Instance) -> None:
    instance.register("alice")
    instance.register("bob")
    alice, bob = arrive(), arrive()
    hands = Hands(alice)
    hands.is_at("username")
    hands.types("alice")
    hands.press("Tab")
    hands.types(PASSWORD)
    hands.keyboard.press("Enter")
    alice.is_live()
    hands.to("new-conversation")
    hands.types("bob")
    hands.press("Enter")
    hands.is_at("composer")
    hands.types("one line")
    hands.press("Shift+Enter")
    hands.types("and another")
    hands.press("Enter")
    alice.reads("one line and another")  # to_have_text folds white space
    assert alice.texts() == ["one line\nand another"]

    # Bob answers; the arrows lead from message to message, Enter opens the menu of one.
    bob.sign_in("bob")
    bob.choose("alice")
    bob.write("hello")
    alice.reads("one line and another", "hello")
    hands.to("message-menu", back=True)
    hands.press("ArrowUp", "ArrowDown", "Enter")
    hands.is_at("menu-reply")
    hands.press("Enter")
    hands.is_at("composer")
    alice.sees_text("writing", "hello")
    hands.types("hello yourself")
    hands.press("Enter")
    alice.reads("one line and another", "hello", "hello yourself")
    hands.is_at("composer")
    hands.press("ArrowUp")
    hands.types("!")
    hands.press("Enter")
    alice.reads("one line and another", "hello", "hello yourself!")
    expect(alice.at("writing")).to_have_count(0)
    hands.is_at("composer")

    # The quote leads to what it quotes, and Tab on from there.
    hands.to("quote", back=True)
    hands.press("Enter")
    expect(alice.message("hello")).to_be_focused()
    hands.press("Tab")
    hands.is_menu_of("hello")

    # A question comes before a deletion; No leads back, Yes to where one goes on writing.
    hands.press("ArrowDown", "Enter")
    hands.picks("delete")
    alice.is_at("confirm")
    hands.press("Escape")
    expect(alice.at("confirm")).to_have_count(0)
    hands.is_menu_of("hello yourself!")
    hands.press("Enter")
    hands.picks("delete")
    hands.to("confirm-yes")
    hands.press("Enter")
    alice.reads("one line and another", "hello")
    expect(alice.at("confirm")).to_have_count(0)
    hands.is_at("composer")
    hands.press("Tab")

    # What is done with the conversation.
    hands.to("thread-menu", back=True)
    hands.press("Enter")
    hands.picks("mute")
    expect(alice.at("conversation")).to_contain_text("Muted")
    hands.is_at("thread-menu")
    hands.press("ArrowDown")
    hands.picks("timer")
    hands.press("ArrowDown")
    hands.to("timer-set")
    hands.press("Enter")
    alice.sees_text("timer", "30 seconds")
    hands.is_at("thread-menu")

    # Emoji, and back to the list.
    hands.to("emoji-open")
    hands.press("Enter")
    hands.is_at("emoji-search")
    hands.press("ArrowDown", "ArrowRight", "Enter")
    hands.is_at("composer")
    hands.press("Escape")
    expect(alice.at("emoji-picker")).to_have_count(0)
    hands.press("Escape")
    expect(alice.at("composer")).to_have_count(0)
    hands.is_at("new-conversation")
    hands.to("conversation")
    hands.press("Enter")
    hands.is_at("composer")
    hands.to("settings-open", back=True)
    hands.press("Enter")
    expect(alice.at("settings")).to_be_visible()
    hands.press("Escape")
    expect(alice.at("settings")).to_have_count(0)
    hands.is_at("settings-open")
    hands.to("sign-out")
    hands.keyboard.press("Enter")
    alice.is_at("sign-view")
    hands.is_at("username")
