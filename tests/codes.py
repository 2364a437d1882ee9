"""The error codes that programs rely on, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.source import at, called, sources, text, tree

# Who is given an error's code by position, and at which.
CODE_ARGUMENTS = {"Fault": 1, "FieldError": 1, "field": 1, "FrameError": 0, "BadName": 0, "BadPassword": 0}


def codes_of(root: Path) -> dict[str, str]:
    """Every error code in the source, and a place where it stands."""
    rooms = ("actions", "handlers", "realtime")
    return {code: place for path in sources(root, rooms) for code, place in _codes(path, root)}


def _codes(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    """The words that programs get to know an error by, each with its place."""
    for node in ast.walk(tree(path)):
        for value in _code_values(node):
            if word := text(value):
                yield word, at(path, root, value.lineno)


def _code_values(node: ast.AST) -> Iterator[ast.expr]:
    """`code = "..."` in a class, `CODES = {...}`, `code="..."` in a call, and a code given by position."""
    if isinstance(node, ast.ClassDef):
        yield from (value for line in node.body for name, value in _assigned(line) if name == "code")
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        tables = (value for name, value in _assigned(node) if name == "CODES")
        yield from (word for table in tables if isinstance(table, ast.Dict) for word in table.values)
    elif isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
        index = CODE_ARGUMENTS.get(called(node))
        if index is not None and index < len(node.args):
            yield node.args[index]


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Each name that an assignment gives a value, and the value."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from ((getattr(target, "id", ""), node.value) for target in targets)
