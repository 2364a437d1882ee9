"""Text never becomes markup, whatever it holds."""

import pytest

from handlers.markup import Markup, element, link, prose, spaced, together

HOSTILE = """<script>alert("1")</script> & <img src=x onerror='x'>"""
HARMLESS = "&lt;script&gt;alert(\"1\")&lt;/script&gt; &amp; &lt;img src=x onerror='x'&gt;"


def test_a_child_is_text_unless_it_was_made_here() -> None:
    assert element("p", HOSTILE) == f"<p>{HARMLESS}</p>"
    assert element("p", element("b", "a"), "<b>") == "<p><b>a</b>&lt;b&gt;</p>"
    assert together(HOSTILE, Markup("<br>")) == f"{HARMLESS}<br>"


def test_an_attribute_cannot_be_left() -> None:
    assert element("a", "x", title='"><b>', data_a="'") == '<a title="&quot;&gt;&lt;b&gt;" data-a="&#x27;">x</a>'


def test_names_of_attributes_are_written_as_html_has_them() -> None:
    assert element("p", class_="a", aria_label="b", tabindex=0) == '<p class="a" aria-label="b" tabindex="0"></p>'
    assert element("meta", name="a") == '<meta name="a">'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Say `hello` first.", "Say <code>hello</code> first."),
        ("`a`", "<code>a</code>"),
        ("no code & <b>", "no code &amp; &lt;b&gt;"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, html: str) -> None:
    assert prose(text).replace("<code></code>", "") == html


def test_pieces_stand_apart_and_links_lead_to_a_place_of_the_page() -> None:
    assert spaced(["a", "<"]) == " a &lt;"
    assert link("a", "B") == '<a href="#a">B</a>'
