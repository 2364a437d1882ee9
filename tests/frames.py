"""Frames against the AsyncAPI document: does one fit its schema, to the letter?"""

import copy
import functools
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from handlers.asyncapi import document


def fits(dialect: str, side: str, kind: str, frame: object) -> list[str]:
    """What is wrong with a frame.

    Clients ignore fields of the server that they do not know; here they are a fault, for nobody has told of them.
    """
    return [error.message for error in _validator(dialect, side, kind).iter_errors(frame)]


def schema_of(dialect: str, side: str, kind: str) -> dict[str, Any]:
    """The schema of a frame, with all that it refers to."""
    payload = document()["components"]["messages"][f"{dialect}.{side}.{kind}"]["payload"]
    schemas = copy.deepcopy(document()["components"]["schemas"])
    for schema in schemas.values() if side == "server" else ():
        schema["additionalProperties"] = False
    return {**payload, "components": {"schemas": schemas}}


@functools.cache
def _validator(dialect: str, side: str, kind: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(dialect, side, kind), format_checker=FormatChecker(["uuid"]))
