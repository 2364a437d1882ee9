"""AsyncAPI's own parser reads the document without a fault, and finds the fault in a broken one."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.asyncapi import document

Document = dict[str, Any]
# 3.1 differs in nothing that is used here, and fewer tools read it.
NEWER_VERSION = "asyncapi-latest-version"


def dangling(told: Document) -> None:
    told["operations"]["v1.send"]["channel"]["$ref"] = "#/channels/lost"


def no_version(told: Document) -> None:
    del told["info"]["version"]


def foreign_message(told: Document) -> None:
    told["operations"]["v1.send"]["messages"][0]["$ref"] = "#/channels/plain/messages/client.send"


def no_such_action(told: Document) -> None:
    told["operations"]["v1.send"]["action"] = "shout"


def no_schema(told: Document) -> None:
    told["components"]["schemas"]["v1.Ack"]["properties"]["position"]["type"] = "number of things"


# What spoils the document, and where the parser must find the fault.
SPOILT: dict[Callable[[Document], None], str] = {
    dangling: "operations.v1.send.channel.$ref",
    no_version: "info",
    foreign_message: "operations.v1.send.messages.0",
    no_such_action: "operations.v1.send.action",
    no_schema: "components.schemas.v1.Ack.properties.position.type",
}


@pytest.fixture(scope="module")
def readings(asyncapi_reader: Path) -> dict[str, dict[str, Any]]:
    """What the parser makes of the document, and of each broken one; one run of Node for all."""
    documents = {"": json.loads(json.dumps(document()))}
    for spoil in SPOILT:
        spoil(documents.setdefault(spoil.__name__, json.loads(json.dumps(document()))))
    ran = subprocess.run(
        ["node", "read.mjs"],
        cwd=asyncapi_reader,
        input=json.dumps(list(documents.values())),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return dict(zip(documents, json.loads(ran.stdout), strict=True))


def test_the_parser_finds_no_fault(readings: dict[str, dict[str, Any]]) -> None:
    assert [fault for fault in readings[""]["diagnostics"] if fault["code"] != NEWER_VERSION] == []


def test_the_parser_finds_every_operation_and_every_frame(readings: dict[str, dict[str, Any]]) -> None:
    assert set(readings[""]["operations"]) == set(document()["operations"])
    assert set(readings[""]["messages"]) == {
        name for channel in document()["channels"].values() for name in channel["messages"]
    }


@pytest.mark.parametrize(("spoil", "place"), SPOILT.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_the_parser_finds_the_fault_in_a_broken_document(
    readings: dict[str, dict[str, Any]], spoil: Callable[[Document], None], place: str
) -> None:
    faults = readings[spoil.__name__]["diagnostics"]
    assert [fault["place"] for fault in faults if fault["severity"] == "error"].count(place) == 1, faults
