"""docs/security.md claims nothing without a test that exists, or a reason."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.instances import ROOT
from tests.markdown import Row, table

TEXT = (ROOT / "docs" / "security.md").read_text()
REQUIREMENTS = ("row", "level", "what", "shown by")
DEPARTURES = ("row", "what", "why, and what stands against it")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
NUMBER = re.compile(r"\d+\.\d+\.\d+")


def not_there(text: str) -> list[str]:
    """Tests that are named and do not exist."""
    return [
        f"{path}::{name}"
        for path, name in dict.fromkeys(NAMED.findall(text))
        if not re.search(rf"^(async )?def {name}\(", _read(path), re.MULTILINE)
    ]


def _read(path: str) -> str:
    file = ROOT / path
    return file.read_text() if file.exists() else ""


def unfounded(text: str) -> list[str]:
    """Rows with neither a test, nor a reason, nor a place where one stands."""
    return [row["row"] for row in table(text, *REQUIREMENTS) if not row["shown by"].strip()]


def numbers(row: Row) -> list[str]:
    """The numbers of the standard that a row speaks of, `1.2.3–1.2.5` as three."""
    found = []
    for begin, end in re.findall(r"(\d+\.\d+\.\d+)(?:–(\d+\.\d+\.\d+))?", row["row"]):
        chapter, _, first = begin.rpartition(".")
        last = end.rpartition(".")[2] or first
        found += [f"{chapter}.{number}" for number in range(int(first), int(last) + 1)]
    return found


def unexplained(text: str) -> list[str]:
    """Rows that point to section 5, and are not explained there."""
    told = {number for row in table(text, *DEPARTURES) for number in numbers(row)}
    rows = [row for row in table(text, *REQUIREMENTS) if "section 5" in row["shown by"].lower()]
    return [number for row in rows for number in numbers(row) if number not in told]


def dangling(text: str) -> list[str]:
    """Links within the page that lead to no heading, and links to files that are not there."""
    places = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text)
    return [
        f"{file}#{place}"
        for file, place in links
        if (file and not (ROOT / "docs" / file).resolve().exists()) or (not file and place not in places)
    ]


def test_every_test_that_is_named_exists() -> None:
    assert not_there(TEXT) == []
    assert len(NAMED.findall(TEXT)) > 300


def test_every_name_of_a_test_says_where_it_is() -> None:
    assert re.findall(r"(?<!::)\btest_\w+(?!\.py)\b", NAMED.sub("", TEXT)) == []


def test_nothing_is_claimed_without_a_test_or_a_reason() -> None:
    assert unfounded(TEXT) == []
    assert len(table(TEXT, *REQUIREMENTS)) > 200


def test_no_row_stands_there_twice() -> None:
    told = Counter(number for row in table(TEXT, *REQUIREMENTS) for number in numbers(row))
    assert [number for number, times in told.items() if times > 1] == []


def test_what_is_departed_from_is_explained() -> None:
    assert unexplained(TEXT) == []


def test_every_link_leads_somewhere() -> None:
    assert dangling(TEXT) == []


ROW = "| row | level | what | shown by |\n|---|---|---|---|\n"


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        ("`tests/test_security_page.py::test_that_nobody_wrote`", (1, 0, 0, 0)),
        ("`tests/no_such_file.py::test_every_link_leads_somewhere`", (1, 0, 0, 0)),
        (f"{ROW}| 1.2.3 | 1 | something | |\n", (0, 1, 0, 0)),
        (f"{ROW}| 1.2.3–1.2.5 | 1 | something | *Section 5* |\n", (0, 0, 3, 0)),
        ("[there](#nowhere)", (0, 0, 0, 1)),
        ("[there](nothing.md)", (0, 0, 0, 1)),
    ],
)
def test_what_is_wrong_is_found(broken: str, found: tuple[int, ...]) -> None:
    rules = (not_there, unfounded, unexplained, dangling)
    assert tuple(len(rule(f"# Page\n\n{broken}\n")) for rule in rules) == found


def test_passwords_are_hidden_and_managers_welcome() -> None:
    sources = {path.name: path.read_text() for path in (ROOT / "web" / "src").rglob("*.js")}
    form, field = sources["sign-form.js"], sources["password-field.js"]
    assert 'type=${shown ? "text" : "password"}' in field
    assert "[shown, setShown] = useState(false)" in field
    assert 'autocomplete=${registering ? "new-password" : "current-password"}' in form
    assert 'autocomplete="username"' in form
    assert [name for name, text in sources.items() if re.search(r"onpaste|\"paste\"", text, re.IGNORECASE)] == []


def test_the_page_has_the_tests_that_this_one_checks() -> None:
    assert Path(__file__).name in TEXT
