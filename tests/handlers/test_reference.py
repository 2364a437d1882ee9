"""The page for developers: whole, well formed, and without anything that runs."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from handlers.markup import VOID
from handlers.reference import page
from handlers.shapes import sentence
from tests.handlers.raw import ask
from tests.instances import ROOT, Instance

PAGE = page(style="/static/docs.css", icon="/static/icon.svg", nonce="__NONCE__")
HOSTILE = "</code><script>alert(1)</script> & `<b>`"


class Outline(HTMLParser):
    """The tags in order; complains of one that is closed by another."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


OUTLINE = Outline(PAGE)


def test_every_tag_is_closed_and_every_place_there_once() -> None:
    assert OUTLINE.open == []
    places = [told["id"] for _, told in OUTLINE.tags if "id" in told]
    assert len(places) == len(set(places))


def test_every_link_leads_to_a_place_of_the_page_or_to_this_server() -> None:
    places = {told.get("id") for _, told in OUTLINE.tags}
    links = [told["href"] or "" for tag, told in OUTLINE.tags if tag == "a"]
    assert len(links) > 30
    for link in links:
        assert link.removeprefix("#") in places or link in ("/", "/api/openapi.json", "/api/asyncapi.json"), link


def test_headings_go_down_one_step_at_a_time_and_there_is_one_of_the_first() -> None:
    levels = [int(tag[1]) for tag, _ in OUTLINE.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_it_has_its_landmarks_and_its_language() -> None:
    tags = [tag for tag, _ in OUTLINE.tags]
    assert [tags.count(tag) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    assert dict(OUTLINE.tags)["html"] == {"lang": "en"}
    labelled = [told["aria-labelledby"] for _, told in OUTLINE.tags if "aria-labelledby" in told]
    assert set(labelled) <= {told.get("id") for _, told in OUTLINE.tags}


def test_nothing_in_it_runs_and_nothing_comes_from_elsewhere() -> None:
    assert not {"script", "style", "iframe", "img", "form"} & {tag for tag, _ in OUTLINE.tags}
    assert not re.search(r"\s(on\w+|style)=|javascript:|(href|src)=\"(https?:)?//", PAGE)


def test_what_a_document_says_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def hostile(schema: object) -> str:
        return HOSTILE

    monkeypatch.setattr("handlers.reference_calls.sentence", hostile)
    spoilt = page.__wrapped__(style="/static/docs.css", icon="/static/icon.svg", nonce='"><script>')
    assert spoilt.count("&lt;/code&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; <code>&lt;b&gt;</code>") > 5
    assert "<script>" not in spoilt
    assert sentence({"description": "a"}) == "a"


@pytest.mark.parametrize("path", ["/api/docs/", "/api/docs"])
def test_a_running_server_serves_it_under_a_policy_without_scripts(server: Instance, path: str) -> None:
    reply = ask(server, "GET", path)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    html = reply.body.decode()
    policy = dict(part.split(None, 1) for part in reply.headers["content-security-policy"].split("; "))
    (nonce,) = re.findall(r"'nonce-([A-Za-z0-9_-]{22,})'", policy["style-src"])
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert not {"script-src", "connect-src"} & set(policy)
    assert html.count(f'nonce="{nonce}"') == 1
    assert "__NONCE__" not in html
    style, icon = (re.findall(rf'rel="{kind}"[^>]* href="([^"]+)"', html)[0] for kind in ("stylesheet", "icon"))
    for address, kind in ((style, "text/css; charset=utf-8"), (icon, "image/svg+xml")):
        file = ask(server, "GET", address)
        assert (file.status, file.headers["content-type"]) == (200, kind)
        assert "immutable" in file.headers["cache-control"]


def test_head_is_get_without_the_body(server: Instance) -> None:
    got, head = ask(server, "GET", "/api/docs/"), ask(server, "HEAD", "/api/docs/")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(got.body))
    assert ask(server, "POST", "/api/docs/").status == 405


def test_a_start_does_not_wait_for_the_documents() -> None:
    program = "import sys, handlers.routes; print(*(name for name in sys.modules if name.startswith('handlers.')))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "handlers.routes" in loaded
    late = ("openapi", "asyncapi", "samples", "advice", "markup", "shapes", "pieces", "reference")
    assert not {f"handlers.{name}" for name in late} & set(loaded)
