"""Bad input over HTTP, for every operation of the table: a 4xx that names the field, and nothing is stored."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from actions.errors import Invalid
from handlers.fields import convert, query_values
from handlers.operation import Operation
from tests.handlers import corpus
from tests.handlers.raw import Person, ask, chunked, rows
from tests.instances import Instance, Reply

JSON = ("Content-Type", "application/json")
# A challenge is good for minutes, and for nothing by itself; a checkpoint comes with time.
PASSING = {"challenges", "audit_checkpoints"}


@pytest.fixture(scope="module")
def alice(server: Instance) -> Person:
    return Person("alice", server.join("alice"))


def stored(server: Instance) -> dict[str, int]:
    """How many rows there are of what means anything, and does not come by itself."""
    return {table: count for table, count in rows(server).items() if table not in PASSING}


@pytest.fixture(autouse=True)
def nothing_is_stored(server: Instance, alice: Person) -> Iterator[None]:
    before = stored(server)
    yield
    assert stored(server) == before
    assert server.call("GET", "/api/users/me/", token=alice.token).status == 200  # it lives, and so does her session


def is_refused(reply: Reply, status: int = 400) -> dict[str, Any]:
    """The problem, after a look at its shape."""
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json; charset=utf-8"
    problem: dict[str, Any] = reply.json
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "code", "request_id"}
    assert (problem["status"], problem["request_id"]) == (status, reply.headers["x-request-id"])
    return problem


def fields_of(reply: Reply) -> set[str]:
    """The fields that a 400 names."""
    problem = is_refused(reply)
    assert problem["code"] == "invalid"
    assert problem["errors"], problem
    assert all(set(error) == {"field", "code", "detail"} and all(error.values()) for error in problem["errors"])
    return {error["field"] for error in problem["errors"]}


def send(server: Instance, alice: Person, operation: Operation, body: bytes) -> Reply:
    target = corpus.target_of(f"{operation.method} {operation.path}")
    return ask(server, operation.method, target, [alice.bearer, JSON], body)


def test_every_operation_with_a_body_has_a_sample() -> None:
    assert set(corpus.GOOD) == set(corpus.WITH_BODY)


@pytest.mark.parametrize("name", corpus.WITH_BODY)
def test_a_body_that_is_not_json_is_refused_whole(server: Instance, alice: Person, name: str) -> None:
    operation, good = corpus.WITH_BODY[name], corpus.GOOD[name]
    for field in good:
        for what, text in {**corpus.SPOILT, **corpus.NOT_UTF8, **corpus.OTHER_FORMATS}.items():
            reply = send(server, alice, operation, corpus.spoilt(text, good, field))
            # A name of the text itself may be at fault, with what can be shown of it.
            assert fields_of(reply) <= {"body", field, "?", "a\0"}, (what, field, reply)


@pytest.mark.parametrize("name", corpus.WITH_BODY)
def test_a_value_of_the_wrong_type_is_refused_by_its_field(server: Instance, alice: Person, name: str) -> None:
    operation = corpus.WITH_BODY[name]
    assert operation.body is not None
    tried = list(corpus.wrong_values(corpus.GOOD[name], operation.body))
    assert {field for field, _ in tried} == {field.encode_name for field in msgspec.structs.fields(operation.body)}
    assert len(tried) >= 7 * len({field for field, _ in tried})
    for field, body in tried:
        assert fields_of(send(server, alice, operation, msgspec.json.encode(body))) == {field}, body


@pytest.mark.parametrize("name", corpus.WITH_BODY)
def test_a_missing_field_is_named_and_all_of_them_are(server: Instance, alice: Person, name: str) -> None:
    operation = corpus.WITH_BODY[name]
    assert operation.body is not None
    missing = list(corpus.missing_fields(corpus.GOOD[name], operation.body))
    for field, body in missing:
        assert fields_of(send(server, alice, operation, msgspec.json.encode(body))) == {field}
    if name in corpus.ALL_MAY_BE_LEFT_OUT:
        assert send(server, alice, operation, b"{}").status == 200
        return
    every = {field for field, _ in missing} or {"refresh"}  # its absence is legal where a cookie has it
    assert fields_of(send(server, alice, operation, b"{}")) == every


@pytest.mark.parametrize("name", corpus.REFUSING_BODY)
def test_an_operation_without_a_body_refuses_what_it_would_not_read(server: Instance, alice: Person, name: str) -> None:
    operation = corpus.REFUSING_BODY[name]
    for what, text in {**corpus.SPOILT, **corpus.NOT_UTF8, **corpus.OTHER_FORMATS}.items():
        body = corpus.spoilt(text, {}, "field")
        if body:
            assert fields_of(send(server, alice, operation, body)) <= {"body", "field", "_", "?", "a\0"}, what
    assert fields_of(send(server, alice, operation, b'{"field": 1}')) == {"field"}


@pytest.mark.parametrize("name", corpus.ALL)
def test_a_bad_query_is_refused_by_every_operation(server: Instance, alice: Person, name: str) -> None:
    operation = corpus.ALL[name]
    body = msgspec.json.encode(corpus.GOOD[name]) if name in corpus.GOOD else None
    for what, query in corpus.BAD_QUERIES.items():
        headers = [alice.bearer, *([JSON] if body else [])]
        reply = ask(server, operation.method, corpus.target_of(name, query), headers, body)
        assert fields_of(reply) <= {"query", "a", "\0"}, (what, reply)


@pytest.mark.parametrize("name", [name for name, operation in corpus.ALL.items() if not operation.lenient])
def test_a_new_operation_refuses_an_unknown_parameter_by_name(server: Instance, alice: Person, name: str) -> None:
    target = corpus.target_of(name, "callback=x")
    body = msgspec.json.encode(corpus.GOOD[name]) if name in corpus.GOOD else None
    headers = [alice.bearer, *([JSON] if body else [])]
    assert fields_of(ask(server, corpus.ALL[name].method, target, headers, body)) == {"callback"}


@pytest.mark.parametrize("name", corpus.ALL)
def test_a_number_in_a_query_is_a_number_in_range(server: Instance, alice: Person, name: str) -> None:
    operation = corpus.ALL[name]
    schema = msgspec.json.schema_components([operation.query_shape])[1][operation.query_shape.__name__]
    for field, values in schema.get("properties", {}).items():
        kinds = [values, *values.get("anyOf", [])]
        if any(kind.get("type") == "integer" for kind in kinds):
            for number in corpus.BAD_NUMBERS:
                reply = ask(server, operation.method, corpus.target_of(name, **{field: number}), [alice.bearer])
                assert fields_of(reply) == {field}, (field, number)


@pytest.mark.parametrize("text", ["", "True", "1", "0", "yes", "TRUE", "true+", "null", "truefalse"])
def test_a_truth_in_a_query_is_true_or_false(server: Instance, alice: Person, text: str) -> None:
    target = corpus.target_of("GET /api/conversations/", unread=text)
    assert fields_of(ask(server, "GET", target, [alice.bearer])) == {"unread"}


@pytest.mark.parametrize(
    "identity", ["0", *(number for number in corpus.BAD_NUMBERS if number), "1/x", "..%2f1", "%31"]
)
def test_an_id_in_a_path_that_is_none_is_not_found(server: Instance, alice: Person, identity: str) -> None:
    is_refused(ask(server, "GET", f"/api/messages/{identity}/", [alice.bearer]), 404)
    is_refused(ask(server, "GET", f"/api/messages/{identity}", [alice.bearer]), 404)


@pytest.mark.parametrize("name", corpus.WITH_BODY)
@pytest.mark.parametrize(
    "media",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/xml"),
        *(
            "application/json;x",
            "application/json; charset=utf-16",
            "application/jsonp",
            "application/json, text/plain",
        ),
        *("", "application/problem+json", "text/json", "json"),
    ],
)
def test_a_body_that_does_not_say_it_is_json_is_415(server: Instance, alice: Person, name: str, media: str) -> None:
    body = msgspec.json.encode(corpus.GOOD[name])
    problem = is_refused(
        ask(server, corpus.ALL[name].method, corpus.path_of(name), [alice.bearer, ("Content-Type", media)], body), 415
    )
    assert problem["code"] == "unsupported_media_type"


@pytest.mark.parametrize("name", corpus.WITH_BODY)
def test_a_body_without_a_type_is_415(server: Instance, alice: Person, name: str) -> None:
    body = msgspec.json.encode(corpus.GOOD[name])
    is_refused(ask(server, corpus.ALL[name].method, corpus.path_of(name), [alice.bearer], body), 415)


@pytest.mark.parametrize("name", corpus.ALL)
@pytest.mark.parametrize("times", [1.001, 3.5])
def test_a_body_that_is_too_large_is_413_however_it_is_sent(
    server: Instance, alice: Person, name: str, times: float, body_limit: int
) -> None:
    operation = corpus.ALL[name]
    path = corpus.path_of(name)
    body = b"[" * int(body_limit * times)
    assert is_refused(ask(server, operation.method, path, [alice.bearer, JSON], body), 413)["code"] == "too_large"
    headers = [alice.bearer, JSON, ("Transfer-Encoding", "chunked")]
    assert is_refused(ask(server, operation.method, path, headers, chunked(body)), 413)["code"] == "too_large"


@pytest.mark.parametrize("path", ["/", "/static/none.js", "/ws/chat/", "/nowhere", "/api/auth/login/"])
@pytest.mark.parametrize("length", ["1000000000", "9" * 18])
def test_a_body_of_any_told_length_is_refused_before_it_comes(server: Instance, path: str, length: str) -> None:
    reply = ask(server, "POST", path, [JSON, ("Content-Length", length)], b"x")
    assert 400 <= reply.status < 500
    is_refused(reply, reply.status)


def test_a_body_of_the_largest_size_is_read(server: Instance, body_limit: int) -> None:
    body = b'{"username": "nobody", "password": "' + b"x" * (body_limit - 38) + b'"}'
    assert len(body) == body_limit
    assert fields_of(ask(server, "POST", "/api/auth/register/", [JSON], body)) == {"password"}
    headers = [JSON, ("Transfer-Encoding", "chunked")]
    assert fields_of(ask(server, "POST", "/api/auth/register/", headers, chunked(body))) == {"password"}


def test_the_first_operations_ignore_what_they_do_not_know() -> None:
    first = {name for name, operation in corpus.ALL.items() if operation.lenient}
    assert first == {
        "POST /api/auth/register/",
        "POST /api/auth/login/",
        "POST /api/auth/refresh/",
        "GET /api/auth/check-username/",
        "GET /api/auth/messages/",
        "POST /api/auth/send/",
    }
    for operation in corpus.ALL.values():
        for shape in (operation.body_shape, operation.query_shape):
            assert shape.__struct_config__.forbid_unknown_fields != operation.lenient, shape


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a test converts into."""

    name: str
    age: int = 0


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        convert({"age": "1", "more": 1}, Sample)
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [
        ("name", "missing"),
        ("age", "invalid"),
        ("more", "unknown"),
    ]


def test_the_words_for_a_fault_never_quote_a_value() -> None:
    with pytest.raises(Invalid) as refused:
        convert({"name": ["hunter2"], "age": "hunter2"}, Sample)
    assert "hunter2" not in str([(fault.detail, refused.value.detail) for fault in refused.value.faults])


def test_a_long_unknown_name_is_cut() -> None:
    with pytest.raises(Invalid) as refused:
        convert({"name": "x", "y" * 1000: 1}, Sample)
    assert len(refused.value.faults[0].field) == 50


def test_a_query_is_decoded_exactly_once() -> None:
    assert query_values("a=%253Cb%253E&b=x+y&c=") == {"a": "%3Cb%3E", "b": "x y", "c": ""}
