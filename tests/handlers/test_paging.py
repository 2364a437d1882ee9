"""Pages: as many as were asked for, and a link to the rest when there is any."""

import pytest

from handlers.paging import first_of, link_next


@pytest.mark.parametrize(
    ("found", "shown", "link"),
    [
        ("", [], None),
        ("a", ["A"], None),
        ("ab", ["A", "B"], None),
        ("abc", ["A", "B"], '</api/x/?limit=2&after=b>; rel="next"'),
    ],
)
def test_a_page_holds_so_many_and_leads_on_when_there_is_more(found: str, shown: list[str], link: str | None) -> None:
    answer = first_of(found, 2, "/api/x/", show=str.upper, step=lambda last: {"after": last})
    assert (answer.status, answer.body, answer.headers.get("Link")) == (200, shown, link)


def test_what_stands_in_a_link_cannot_end_it() -> None:
    assert link_next("/api/x/", {"with": "a>; b&c=d"}) == '</api/x/?with=a%3E%3B+b%26c%3Dd>; rel="next"'
