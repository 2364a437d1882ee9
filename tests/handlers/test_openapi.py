"""The OpenAPI document is valid, whole, and true: schemathesis drives a running server by it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from jsonschema.validators import validator_for

from handlers.openapi import document
from handlers.operation import Operation
from handlers.problems import Problem, problem_of
from handlers.routes import OPERATIONS
from tests.instances import Instance

EXAMPLES = 25
# What not every problem has.
OF_SOME = {"errors", "mfa_required", "mfa_token", "factors"}
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,negative_data_rejection,missing_required_header,unsupported_method,ignored_auth"
)


def told(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][operation.path][operation.method.lower()]
    return found


def test_every_operation_is_in_the_document_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}
    identities = [told(operation)["operationId"] for operation in OPERATIONS]
    assert len(set(identities)) == len(OPERATIONS)


def test_the_document_is_valid_and_schemathesis_reads_it() -> None:
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(document())))
    schema.validate()
    assert len(list(schema.get_all_operations())) == len(OPERATIONS)


@pytest.mark.parametrize("part", ["info", "paths"])
def test_a_broken_document_is_found_out(part: str) -> None:
    broken = json.loads(json.dumps(document()))
    broken[part] = 7
    with pytest.raises(Exception, match="7 is not of type"):
        schemathesis.openapi.from_dict(broken).validate()


def test_a_parameter_tells_its_default() -> None:
    parameters = document()["paths"]["/api/auth/messages/"]["get"]["parameters"]
    assert {told["name"]: told["schema"].get("default") for told in parameters} == {
        "limit": 100,
        "before": None,
        "after": None,
        "with": None,
    }


def test_every_schema_in_it_is_a_schema_of_its_dialect() -> None:
    dialect = jsonschema.Draft202012Validator
    for name, schema in document()["components"]["schemas"].items():
        dialect.check_schema(schema)
        assert validator_for(schema, default=dialect) is dialect, name


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(document())
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document()["components"]["schemas"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_an_operation_tells_what_it_takes_and_what_it_answers(operation: Operation) -> None:
    entry = told(operation)
    assert entry["summary"] == operation.summary
    assert ("requestBody" in entry) == (operation.body is not None)
    assert ("security" in entry) == operation.signed_in
    assert {str(status) for status in operation.answers} <= set(entry["responses"])
    assert ("401" in entry["responses"]) >= operation.signed_in
    for status, response in entry["responses"].items():
        if int(status) >= 400 and int(status) not in operation.answers:
            assert list(response["content"]) == ["application/problem+json"]
        assert response["description"]


def test_a_problem_is_what_the_document_says() -> None:
    import msgspec

    schemas = document()["components"]["schemas"]
    schema = {**schemas["Problem"], "components": {"schemas": schemas}}
    for error in (ValueError("x"), *problems()):
        body = msgspec.json.decode(msgspec.json.encode(problem_of(error, "id")))
        jsonschema.Draft202012Validator(schema).validate(body)
    assert set(schemas["Problem"]["required"]) == set(Problem.__struct_fields__) - OF_SOME


def problems() -> list[Exception]:
    from actions.errors import Invalid, NotFound, SecondFactorRequired

    return [NotFound("x"), Invalid.field("a", "missing", "x"), SecondFactorRequired("mfa1_x", ["otp"])]


def test_a_running_server_serves_the_document(server: Instance) -> None:
    assert server.call("GET", "/api/openapi.json").json == json.loads(json.dumps(document()))


def test_a_running_server_behaves_as_the_document_says(server: Instance, tmp_path: Path) -> None:
    token = server.join("alice")
    server.join("bob")
    # A program of its own, so that its warnings and its threads are not ours.
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/openapi.json"),
            *("--header", f"Authorization: Bearer {token}", "--checks", CHECKS),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1"),
            # These would end the session that all other calls use.
            *("--exclude-path", "/api/auth/logout/", "--exclude-path", "/api/auth/logout/everywhere/"),
            *("--exclude-path", "/api/auth/account/", "--generation-database", "none", "--no-color"),
        ],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
