"""The OpenAPI 3.1 document, made from the route table and the very types that requests are read into."""

import functools
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from handlers.operation import Operation
from handlers.problems import Problem
from handlers.routes import OPERATIONS

VERSION = "1.0.0"
FILE = "application/zip"
REFERENCE = "#/components/schemas/{name}"
PROBLEMS = {
    400: "A field is not valid; `errors` names it.",
    401: "No access token, or one that is not valid any more.",
    403: "Not allowed here.",
    404: "There is no such thing, or none that the caller may know of.",
    409: "It contradicts what is stored.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests; see `Retry-After`.",
    503: "Something is busy or out of reach; see `Retry-After`.",
}
PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "username": {"type": "string", "minLength": 1, "maxLength": 32},
    "message_id": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    "passkey_id": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    "session_id": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
}


@functools.cache
def document() -> dict[str, Any]:
    """The whole document, as JSON values."""
    shapes = list(_shapes(OPERATIONS))
    _, components = msgspec.json.schema_components(shapes, ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Recado",
            "version": VERSION,
            "summary": "A self-hosted server for private messages.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _shapes(operations: Iterable[Operation]) -> Iterable[Any]:
    yield Problem
    for operation in operations:
        yield from (shape for shape in operation.answers.values() if shape is not None and shape is not bytes)
        if operation.body is not None:
            yield operation.body


def _operation(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.act.__module__.rpartition('.')[2]}_{operation.act.__name__}",
        "tags": list(operation.tags),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": {str(status): _answer(shape) for status, shape in operation.answers.items()},
    }
    for status in sorted({*operation.problems, *_always(operation)}):
        told["responses"].setdefault(str(status), _problem(status))
    if operation.body is not None:
        told["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(operation.body)}},
        }
    if operation.signed_in:
        told["security"] = [{"bearer": []}]
    return told


def _always(operation: Operation) -> Iterable[int]:
    """The problems that belong to an operation by what it is."""
    yield from (413, 429, 503)
    yield from (400, 403, 415)
    if operation.signed_in:
        yield 401


def _answer(shape: Any) -> dict[str, Any]:
    if shape is None:
        return {"description": "Done."}
    if shape is bytes:
        return {"description": "A file.", "content": {FILE: {"schema": {"type": "string", "format": "binary"}}}}
    schema = {"type": "object"} if shape is dict else _schema(shape)
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _problem(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _schema(Problem)}}
    return {"description": PROBLEMS[status], "content": content}


def _schema(shape: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=REFERENCE)
    return schema


def _path_parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": PATH_PARAMETERS[name]}


def _query_parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    shape = operation.query_shape
    _, components = msgspec.json.schema_components([shape], ref_template=REFERENCE)
    schema = components[shape.__name__]
    for name, values in schema.get("properties", {}).items():
        # A query cannot say null: a parameter is given or left out.
        options = [option for option in values.get("anyOf", []) if option != {"type": "null"}]
        kind = options[0] if options else {key: value for key, value in values.items() if key != "default" or value}
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": kind}
