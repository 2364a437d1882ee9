"""The attacker measures how long a wrong secret takes to be refused: no secret is compared by what stops early.

A look-up by MAC in the database is none of these: whoever shows a secret cannot choose its MAC, so the time that
an index takes says nothing about the secret.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.instances import ROOT
from tests.source import at, called, sources, tree

PLACES = ("crypto", "models", "realtime", "actions", "handlers", "wiring")
# A name of which one word is among these holds what must not be guessed piece by piece.
SECRET = {
    *("mac", "macs", "tag", "digest", "digests", "hmac", "signature", "fingerprint", "secret", "password", "hash"),
    *("hashed", "token", "ticket", "otp", "seed", "stamp", "challenge", "refresh", "cookie", "recovery", "checkpoint"),
}
# What is compared there is known to whoever asks, or is no secret; each with its reason.
KNOWN = {
    "crypto/keyring.py: key.secret in seen": "the operator's own keys at the start, against one another",
    "actions/audit_checks.py: each.previous != checkpoints.digest(previous)": "hashes of public records, by a command",
    "actions/audit_checks.py: checkpoints.digest(known) != checkpoints.digest(each)": "the same",
    "wiring/live_keys.py: await asyncio.to_thread(self._look) != self._stamp": "when files were changed",
}


def words(node: ast.expr) -> Iterator[str]:
    """The words of the names in an operand; how long or of which kind something is says nothing of what it holds."""
    if isinstance(node, ast.Call):
        if called(node) in {"len", "type", "count"}:
            return
        if isinstance(node.func, ast.Attribute):
            yield from words(node.func.value)  # of `otp.strip()` the `otp`
        yield from _words_of(called(node))
        children: Iterable[ast.AST] = node.args
    elif isinstance(node, ast.Attribute):
        yield from _words_of(node.attr)
        # Of `secrets.kind` only what is taken from it.
        children = () if isinstance(node.value, ast.Name) else (node.value,)
    else:
        yield from _words_of(getattr(node, "id", ""))
        children = ast.iter_child_nodes(node)
    for child in children:
        if isinstance(child, ast.expr):
            yield from words(child)


def _words_of(name: str) -> list[str]:
    """None of a constant's, and none of what is only about a secret."""
    found = name.lower().split("_")
    return [] if name.isupper() or found[-1] in {"at", "id", "kind", "length", "size"} else found


def constant(node: ast.expr) -> bool:
    """A value that stands in the source: None, a number, a word, a name in capitals, one or several of these."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return all(map(constant, node.elts))
    if isinstance(node, ast.Subscript):
        return constant(node.value)
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return isinstance(node, ast.Constant) or name.isupper()


def early(root: Path) -> list[str]:
    """Comparisons that stop at the first difference, with something secret on a side."""
    faults = []
    for path in sources(root, PLACES):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Compare) or not all(
                isinstance(sign, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for sign in node.ops
            ):
                continue
            sides = [node.left, *node.comparators]
            if any(map(constant, sides)) or not any(SECRET & set(words(side)) for side in sides):
                continue
            written = ast.unparse(node)
            if f"{path.relative_to(root)}: {written}" not in KNOWN:
                faults.append(f"{at(path, root, node.lineno)}: {written}")
    return faults


def test_no_secret_is_compared_by_what_stops_at_the_first_difference() -> None:
    assert early(ROOT) == []


def test_whatever_is_excused_is_still_there() -> None:
    for place in KNOWN:
        name, _, written = place.partition(": ")
        assert any(
            isinstance(node, ast.Compare) and ast.unparse(node) == written for node in ast.walk(tree(ROOT / name))
        ), place


@pytest.mark.parametrize(
    "written",
    [
        "mac == stored",
        "row.refresh_mac != fingerprint(text)",
        "shown in tickets_of(user, ticket)",
        "digest(x).hex() == given",
        "session.parent_mac == mac",
        "known == otp.strip()",
        "(user.password, 1) == (typed, 1)",
    ],
)
def test_such_a_comparison_is_found(tmp_path: Path, written: str) -> None:
    (tmp_path / "crypto").mkdir()
    (tmp_path / "crypto" / "a.py").write_text(f"def f():\n    return {written}\n")
    assert early(tmp_path) == [f"crypto/a.py:2: {written}"]


@pytest.mark.parametrize(
    "written", ["mac is None", "len(secret) != KEY_BYTES", "token == ''", "secrets.kind == other", "tag_at == place"]
)
def test_what_tells_nothing_of_a_secret_is_let_be(tmp_path: Path, written: str) -> None:
    (tmp_path / "crypto").mkdir()
    (tmp_path / "crypto" / "a.py").write_text(f"def f():\n    return {written}\n")
    assert early(tmp_path) == []
