"""The HTTP calls and the shapes of their answers, for the page for developers."""

from collections.abc import Iterator, Mapping
from typing import Any

from handlers.markup import Markup, element, link, prose, spaced
from handlers.openapi import document
from handlers.pieces import article, field_list, kind, named, part, shape_link
from handlers.shapes import Field, fields, sentence, shape_of
from handlers.shapes import kind as kind_of

Told = Mapping[str, Any]

# The groups of calls, in this order; a group that is missing here stands behind them under its own name.
TAGS = {
    "accounts": "Accounts",
    "sessions": "Sessions and passwords",
    "factors": "Second factors",
    "messages": "Messages",
    "blocks": "Blocks",
    "push": "Push messages",
    "operations": "Operations",
}
LEAD = (
    "JSON in UTF-8. The last slash of a path may be left out. Calls that need an access token take it as"
    " `Authorization: Bearer …`. Ignore fields of an answer that you do not know."
)


def groups() -> list[tuple[str, str]]:
    """The groups of calls: where each stands on the page, and its title."""
    used = dict.fromkeys([*TAGS, *(told["tags"][0] for _, _, told in _operations())])
    return [(f"calls-{tag}", TAGS.get(tag, tag.capitalize())) for tag in used]


def calls() -> Markup:
    """Every call: parameters, body, answers."""
    parts = (
        element(
            "section",
            element("h3", title, id=place),
            *(_call(*each) for each in _operations() if f"calls-{each[2]['tags'][0]}" == place),
            aria_labelledby=place,
        )
        for place, title in groups()
    )
    return part("calls", "HTTP calls", element("p", prose(LEAD)), *parts)


def shapes() -> Markup:
    """What the calls answer with; what they take is told with each."""
    bodies = {shape_of(_content(told["requestBody"])) for _, _, told in _operations() if "requestBody" in told}
    shown = (_shape(name, schema) for name, schema in _schemas().items() if name not in bodies)
    return part("shapes", "Shapes", element("p", "What the calls answer with."), *shown)


def _operations() -> Iterator[tuple[str, str, Told]]:
    for path, methods in document()["paths"].items():
        for method, told in methods.items():
            yield method.upper(), path, told


def _call(method: str, path: str, told: Told) -> Markup:
    needs = "Needs an access token." if "security" in told else "Open to everybody."
    says = told["summary"] if told["summary"][-1] in ".?" else f"{told['summary']}."
    parts = [element("p", prose(f"{says} {needs}"))]
    for where in ("path", "query"):
        asked = [_parameter(parameter) for parameter in told["parameters"] if parameter["in"] == where]
        parts += named(where.capitalize(), asked)
    if "requestBody" in told:
        body = _schemas()[shape_of(_content(told["requestBody"]))]
        parts += [element("p", prose(sentence(body))), *named("Body", fields(body))]
    parts += [element("h5", "Answers"), element("dl", *_answers(told))]
    title = element("span", element("b", method), " ", element("code", path))
    return article(4, told["operationId"], title, *parts)


def _parameter(told: Told) -> Field:
    return Field(told["name"], kind_of(told["schema"]), told["required"])


def _answers(told: Told) -> Iterator[Markup]:
    problems = []
    for status, answer in sorted(told["responses"].items()):
        if "application/problem+json" in answer.get("content", {}):
            problems.append(status)
            continue
        yield element("dt", element("code", status))
        yield element("dd", kind(kind_of(_content(answer))) if "content" in answer else "nothing")
    yield element("dt", spaced(element("span", element("code", status)) for status in problems), class_="kind")
    yield element("dd", shape_link("Problem"), "; see ", link("errors", "errors"))


def _shape(name: str, schema: Told) -> Markup:
    text = element("p", prose(sentence(schema)))
    return article(3, f"shape-{name}", element("code", name), text, field_list(fields(schema)))


def _schemas() -> Mapping[str, Told]:
    schemas: Mapping[str, Told] = document()["components"]["schemas"]
    return schemas


def _content(told: Told) -> Told:
    schema: Told = next(iter(told["content"].values()))["schema"]
    return schema
