"""The house rules hold in this tree, and each rule catches its violation in a small tree made for it."""

from collections.abc import Callable
from inspect import isfunction
from itertools import chain
from pathlib import Path

import pytest

from tests import contract, layout

ROOT = Path(__file__).resolve().parents[1]
Rule = Callable[[Path], list[str]]

# A tree in which every rule holds.
CLEAN = {
    **{f"{room}/__init__.py": '"""The room."""\n' for room in layout.ROOMS},
    "realtime/dialects/__init__.py": '"""Dialects."""\nPLAIN = 1\n',
    "realtime/codes.py": '"""Codes."""\nGONE = (4401, "gone")\n',
    "tests/realtime/test_codes.py": "def test_it(): ...\n",
    "actions/errors.py": '"""Errors."""\nclass Invalid(Exception):\n    code = "invalid"\n',
    "tests/actions/test_errors.py": "async def test_it(): ...\n",
    "actions/send.py": (
        '"""Select one message from the box, where it is due: update it and set it."""\n'
        "import secrets\nimport models.users\nfrom crypto import at_rest\nfrom realtime.codes import GONE\n"
    ),
    "tests/actions/test_send.py": "class TestSend: ...\n",
    "handlers/door.py": (
        '"""A door."""\nimport re\nimport tornado.web\nfrom actions import send\nfrom realtime import codes\n'
        'NAME = re.compile("[a-z]")\n'
    ),
    "tests/handlers/test_door.py": "def test_it(): ...\n",
    "models/users.py": (
        '"""Users."""\nimport peewee\nimport metrics\nCOLUMNS = "id"\nONE = f"SELECT {COLUMNS} FROM users"\n'
        "def one(engine):\n    return engine.execute_sql(ONE + f' WHERE name = {engine.param}', (f'{x}%',))\n"
    ),
    "tests/models/test_users.py": "def test_it(): ...\n",
    "models/migrations/0001_base.py": '"""Base."""\n',
    "metrics.py": '"""Metrics."""\n',
    "server.py": '"""Server."""\nimport redis\nimport tornado\nimport handlers\nimport settings\n',
    "wiring/build.py": '"""Build."""\nimport redis\nimport uvloop\nimport models\nimport settings\n',
    "extra.py": '"""Extra."""\nimport crypto\n',
    "docs/decisions.md": "`wiring` and `extra.py` are there for a reason each.\n",
    "docs/protocol.md": (
        "| status | code | what now |\n|---|---|---|\n| 400 | `invalid` | mend it |\n\n"
        "| code | meaning | reconnect? | what now |\n|---|---|---|---|\n| 4401 | gone | after a new token | sign in |\n"
    ),
    "web/src/page.js": "node.textContent = name;\n",
}

# The heads of two tables of docs/protocol.md.
ERRORS = "| code | what now |\n|---|---|\n"
CLOSING = "| code | reconnect? | what now |\n|---|---|---|\n"

# Rule, file, what is added to it, and what the rule says about it.
VIOLATIONS: list[tuple[Rule, str, str, str]] = [
    (layout.arrows, "crypto/a.py", "import metrics", "crypto must not import metrics"),
    (layout.arrows, "crypto/a.py", "from models import users", "crypto must not import models.users"),
    (layout.arrows, "models/a.py", "from crypto.at_rest import seal", "models must not import crypto"),
    (layout.arrows, "models/a.py", "from .. import actions", "models must not import actions"),
    (
        layout.arrows,
        "models/a.py",
        "def f():\n    import realtime.hub",
        "models must not import realtime.hub",
    ),
    (layout.arrows, "realtime/a.py", "import models", "realtime must not import models"),
    (layout.arrows, "realtime/dialects/a.py", "import actions", "realtime must not import actions"),
    (layout.arrows, "actions/a.py", "import handlers.base", "actions must not import handlers.base"),
    (layout.arrows, "actions/a.py", "import settings", "actions must not import settings"),
    (layout.arrows, "handlers/a.py", "from models import users", "handlers must not import models.users"),
    (layout.arrows, "handlers/a.py", "from realtime import hub", "handlers must not import realtime.hub"),
    (layout.arrows, "handlers/a.py", "import realtime", "handlers must not import realtime"),
    (layout.arrows, "handlers/a.py", "from realtime import codes_x", "must not import realtime.codes_x"),
    (layout.arrows, "handlers/a.py", "import server", "handlers must not import server"),
    (layout.arrows, "actions/a.py", "import_module('handlers.base')", "must not import handlers.base"),
    (layout.arrows, "metrics.py", "import realtime", "metrics.py must not import realtime"),
    (layout.arrows, "settings.py", "import models", "settings.py must not import models"),
    (layout.arrows, "server.py", "import tests.servers", "server.py must not import tests.servers"),
    (layout.arrows, "values.py", "import models", "values.py must not import models"),
    (layout.arrows, "actions/a.py", "import metrics.x, server", "actions must not import server"),
    (layout.arrows, "wiring/a.py", "import tests.servers", "wiring must not import tests.servers"),
    (layout.arrows, "handlers/a.py", "from wiring import build", "handlers must not import wiring.build"),
    (layout.arrows, "values.py", "import wiring.build", "values.py must not import wiring.build"),
    (layout.libraries, "wiring/a.py", "import peewee", "wiring must not import peewee"),
    (layout.sql_only_in_models, "wiring/a.py", "ONE = 'SELECT id FROM users'", "a statement"),
    (layout.known_top, "values.py", "", "values.py: at the top without a reason"),
    (layout.known_top, "notes/a.md", "", "notes: at the top without a reason"),
    (layout.known_top, "docs/decisions.md", "=", "extra.py: at the top without a reason"),
    (layout.libraries, "actions/a.py", "from tornado.web import HTTPError", "must not import tornado"),
    (layout.libraries, "realtime/a.py", "import tornado.ioloop", "must not import tornado"),
    (layout.libraries, "actions/a.py", "import hashlib", "must not import hashlib"),
    (layout.libraries, "handlers/a.py", "from hmac import digest", "must not import hmac"),
    (layout.libraries, "models/a.py", "from cryptography import fernet", "must not import cryptography"),
    (layout.libraries, "handlers/a.py", "import jwt", "must not import jwt"),
    (layout.libraries, "actions/a.py", "import bcrypt", "must not import bcrypt"),
    (layout.libraries, "actions/a.py", "from peewee import fn", "must not import peewee"),
    (layout.libraries, "server.py", "import playhouse.pool", "must not import playhouse"),
    (layout.libraries, "actions/a.py", "import redis.asyncio", "must not import redis"),
    (layout.libraries, "handlers/a.py", "import pickle", "must not import pickle"),
    (layout.libraries, "wiring/a.py", "from xml.etree import ElementTree", "must not import xml"),
    (layout.libraries, "actions/a.py", "import random", "must not import random"),
    (layout.libraries, "crypto/a.py", "from random import choice", "must not import random"),
    (layout.libraries, "server.py", "import subprocess", "must not import subprocess"),
    (layout.libraries, "crypto/a.py", "import time", "must not import time"),
    (layout.libraries, "crypto/a.py", "from pathlib import Path", "must not import pathlib"),
    (layout.mirrored_tests, "crypto/a.py", "", "no tests/crypto/test_a.py"),
    (layout.mirrored_tests, "realtime/dialects/a.py", "", "no tests/realtime/dialects/test_a.py"),
    (layout.mirrored_tests, "tests/models/test_users.py", "=", "holds no test"),
    (layout.room_sentences, "models/__init__.py", "from models.users import one", "one docstring"),
    (layout.room_sentences, "models/__init__.py", "=X = 1\n", "one docstring"),
    (layout.room_sentences, "realtime/dialects/__init__.py", "=PLAIN = 1\n", "one docstring"),
    (layout.room_sentences, "crypto/__init__.py", "-", "crypto: no __init__.py"),
    (layout.sql_only_in_models, "actions/a.py", "ONE = 'SELECT id FROM users'", "a statement"),
    (layout.sql_only_in_models, "server.py", "ONE = f'''\n  DELETE FROM {x}'''", "a statement"),
    (layout.sql_only_in_models, "realtime/a.py", "ONE = 'select id from t where x'", "a statement"),
    (layout.sql_only_in_models, "server.py", "db.execute_sql(x)", "runs SQL"),
    (layout.no_values_in_sql, "models/a.py", "db.execute_sql(f'SELECT {x}')", "written into the statement"),
    (layout.no_values_in_sql, "models/a.py", "fetch(engine, 'SELECT %s' % x)", "written into the statement"),
    (layout.no_values_in_sql, "models/a.py", "execute(engine, ONE + 'x {}'.format(x))", "into the statement"),
    (layout.no_values_in_sql, "models/a.py", "peewee.SQL(f'{x} = 1')", "written into the statement"),
    (layout.forbidden_calls, "actions/a.py", "eval('1')", "eval() is forbidden"),
    (layout.forbidden_calls, "server.py", "exec('1')", "exec() is forbidden"),
    (layout.forbidden_calls, "handlers/a.py", "os.system('ls')", "system() is forbidden"),
    (layout.forbidden_calls, "handlers/a.py", "compile('1', '', 'eval')", "compile() is forbidden"),
    (layout.no_merged_arguments, "handlers/a.py", "self.get_argument('token')", "merges query and body"),
    (layout.always_verified, "crypto/a.py", "x = {'verify_signature': False}", "checks are switched off"),
    (layout.always_verified, "crypto/a.py", "x = dict(verify_signature=False)", "checks are switched off"),
    (layout.always_verified, "server.py", "ssl.CERT_NONE", "checks are switched off"),
    (layout.no_markup_from_text, "web/src/page.js", "node.innerHTML = name;", "innerHTML"),
    (layout.no_markup_from_text, "web/src/a.mjs", "node.insertAdjacentHTML('x', y)", "insertAdjacentHTML"),
    (layout.no_markup_from_text, "web/src/views/a.js", "node.outerHTML = name;", "outerHTML"),
    (layout.no_markup_from_text, "web/src/a.js", "const f = new Function('x')", "new Function"),
    (contract.documented_error_codes, "actions/a.py", "class No(E):\n    code = 'lost'", "`lost` is not"),
    (
        contract.documented_error_codes,
        "actions/a.py",
        "class No(E):\n    code: str = 'lost'",
        "`lost` is not",
    ),
    (
        contract.documented_error_codes,
        "actions/a.py",
        "raise Conflict('No.', code='taken')",
        "`taken` is not",
    ),
    (
        contract.documented_error_codes,
        "handlers/a.py",
        "Fault('name', 'too_long', 'No.')",
        "`too_long` is not",
    ),
    (
        contract.documented_error_codes,
        "realtime/a.py",
        "FrameError('unreadable', 'No.')",
        "`unreadable` is not",
    ),
    (contract.documented_error_codes, "handlers/a.py", "CODES = {405: 'no_method'}", "`no_method` is not"),
    (contract.documented_error_codes, "handlers/a.py", "CODES: dict = {405: 'no_method'}", "`no_method` is"),
    (contract.documented_error_codes, "actions/errors.py", "-", "no error code found"),
    (contract.documented_error_codes, "docs/protocol.md", "-", "`invalid` is not"),
    (contract.documented_close_codes, "realtime/codes.py", "SLOW = (4409, 'slow')", "4409 is not"),
    (contract.documented_close_codes, "realtime/codes.py", "-", "no close code found"),
    (contract.documented_close_codes, "docs/protocol.md", "-", "4401 is not"),
    (contract.documented_error_codes, "actions/a.py", "raise BadName('bad_end', 'No.')", "`bad_end` is not"),
    (contract.documented_error_codes, "docs/protocol.md", "=`invalid`, somewhere in the text", "`invalid` is not"),
    (contract.documented_error_codes, "docs/protocol.md", f"{ERRORS}| `gone` | mend it |", "`gone` is no code of ours"),
    (
        contract.documented_error_codes,
        "docs/protocol.md",
        f"={ERRORS}| `invalid` | |",
        "`invalid` does not say what now",
    ),
    (contract.documented_close_codes, "docs/protocol.md", "=4401, somewhere in the text", "4401 is not"),
    (
        contract.documented_close_codes,
        "docs/protocol.md",
        f"{CLOSING}| 4409 | yes | x |",
        "4409 is no close code of ours",
    ),
    (contract.documented_close_codes, "docs/protocol.md", f"={CLOSING}| 4401 | yes | |", "4401 does not say what now"),
    (contract.documented_close_codes, "docs/protocol.md", f"={CLOSING}| 4401 | maybe | x |", "whether to reconnect"),
]
RULES = list(dict.fromkeys(rule for rule, *_ in VIOLATIONS))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in CLEAN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_rooms_import_only_downwards() -> None:
    assert layout.arrows(ROOT) == []


def test_nothing_stands_at_the_top_without_a_reason() -> None:
    assert layout.known_top(ROOT) == []


def test_each_library_stays_in_the_room_that_owns_it() -> None:
    assert layout.libraries(ROOT) == []


def test_every_module_has_its_test_file() -> None:
    assert layout.mirrored_tests(ROOT) == []


def test_every_room_begins_with_its_sentence() -> None:
    assert layout.room_sentences(ROOT) == []


def test_statements_stand_only_in_models() -> None:
    assert layout.sql_only_in_models(ROOT) == []


def test_no_value_is_written_into_a_statement() -> None:
    assert layout.no_values_in_sql(ROOT) == []


def test_nothing_runs_text_as_code() -> None:
    assert layout.forbidden_calls(ROOT) == []


def test_no_door_merges_query_and_body() -> None:
    assert layout.no_merged_arguments(ROOT) == []


def test_no_signature_or_certificate_goes_unchecked() -> None:
    assert layout.always_verified(ROOT) == []


def test_the_page_never_turns_text_into_markup() -> None:
    assert layout.no_markup_from_text(ROOT) == []


def test_every_error_code_is_documented() -> None:
    assert contract.documented_error_codes(ROOT) == []


def test_every_close_code_is_documented() -> None:
    assert contract.documented_close_codes(ROOT) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_clean_tree_has_no_fault(rule: Rule, tree: Path) -> None:
    assert rule(tree) == []


@pytest.mark.parametrize(
    ("rule", "name", "added", "fault"),
    VIOLATIONS,
    ids=[f"{rule.__name__}: {added or name}" for rule, name, added, _ in VIOLATIONS],
)
def test_a_violation_is_found(rule: Rule, name: str, added: str, fault: str, tree: Path) -> None:
    """`added` goes below what the file holds; `=...` replaces it, `-` deletes the file."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if added == "-":
        path.unlink()
    elif added.startswith("="):
        path.write_text(added[1:])
    else:
        path.write_text(f"{path.read_text() if path.exists() else ''}\n{added}\n")
    faults = rule(tree)
    assert any(fault in each for each in faults), faults


def test_every_rule_is_tried_on_a_violation() -> None:
    functions = [vars(module).values() for module in (layout, contract)]
    public = {
        each.__name__
        for each in chain.from_iterable(functions)
        if isfunction(each) and each.__module__ in (layout.__name__, contract.__name__) and each.__name__[0] != "_"
    }
    assert {rule.__name__ for rule in RULES} == public
