"""The house rules as checks over a source tree: each takes its root and gives one line for each fault.

The rooms and their arrows are explained in docs/architecture.md; `test_layout.py` runs every check.
"""

import ast
import re
from pathlib import Path

from tests.source import at, called, imports, sources, text, tree

# Room → which of our modules it may import, besides its own.
ARROWS: dict[str, tuple[str, ...]] = {
    "crypto": (),
    "models": ("metrics",),
    "realtime": ("metrics",),
    "actions": ("crypto", "models", "realtime", "metrics"),
    "handlers": (
        "actions",
        "metrics",
        "realtime.codes",
        "realtime.connection",
        "realtime.dialects",
        "realtime.strict_json",
    ),
}
ROOMS = tuple(ARROWS)
# The wiring builds everything once: it may import all that runs.
WIRING = {"server.py", "wiring"}
# What may stand at the top without a reason in docs/decisions.md.
TOP = {
    *(
        "actions",
        "bench",
        "clients",
        "crypto",
        "data",
        "docs",
        "handlers",
        "models",
        "realtime",
        "tests",
        "web",
    ),
    *("metrics.py", "server.py", "settings.py", "settings.toml", "requirements.txt", "pyproject.toml"),
    *("Makefile", "Dockerfile", "docker-compose.yml", "README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"),
}

# Library → the only rooms and top files that may import it; an empty set: nobody.
HOMES: dict[str, set[str]] = {
    library: homes
    for libraries, homes in (
        ("tornado", {"handlers", *WIRING}),
        ("cryptography jwt bcrypt hashlib hmac pyotp webauthn", {"crypto"}),
        ("peewee playhouse psycopg2 sqlite3", {"models"}),
        ("redis", {"realtime", *WIRING}),
        ("segno", {"handlers"}),
        ("uvloop", WIRING),
        # To read one of these is to run what it holds; a shell runs what it is given.
        ("pickle marshal shelve dill yaml xml lxml subprocess pty", set[str]()),
        # Chance that can be foreseen is good for jitter only: ruff's S311 asks at each use.
        ("random", {"realtime"}),
    )
    for library in libraries.split()
}
# crypto/ is pure: what it needs of the clock and of files it is given.
IMPURE = {"asyncio", "datetime", "io", "os", "pathlib", "shutil", "socket", "tempfile", "threading", "time"}
# A file's checksum tells whether a migration was edited; it keeps no secret.
EXCEPTIONS = {("models/migrate.py", "hashlib")}

SQL_START = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|(CREATE|ALTER|DROP) [A-Z]+|PRAGMA|WITH \w+ AS)\b"
    r"|(?i:\s*(select\b.+\bfrom\b.+\b(where|limit|join|order by)\b|insert into\b.+\bvalues\b"
    r"|update\b.+\bset\b.+=|delete from\b.+\bwhere\b))",
    re.DOTALL,
)
SQL_CALLS = {"execute_sql", "execute", "fetch", "raw", "SQL"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen"}
MARKUP = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|new Function"
    r"|eval\s*\()"
)
UNVERIFIED = re.compile(r"""verify_signature["']?\s*[:=]\s*False|\bverify\s*=\s*False|\bCERT_NONE\b""")


def arrows(root: Path) -> list[str]:
    """Rooms import only downwards."""
    top = {path.stem for path in root.glob("*.py")}
    ours = {*ROOMS, *top, "bench", "clients", "metrics", "server", "settings", "tests", "web", "wiring"}
    faults = []
    for path in sources(root, _places(root)):
        place = path.relative_to(root).parts[0]
        allowed = _allowed(place, top)
        for line, module in imports(path, root):
            if module.partition(".")[0] in ours and not _within(module, allowed):
                faults.append(f"{at(path, root, line)}: {place} must not import {module}")
    return faults


def libraries(root: Path) -> list[str]:
    """Each library is imported only in the room that owns it."""
    faults = []
    for path in sources(root, _places(root)):
        place = path.relative_to(root).parts[0]
        for line, module in imports(path, root):
            library = module.partition(".")[0]
            if (path.relative_to(root).as_posix(), library) in EXCEPTIONS:
                continue
            if place not in HOMES.get(library, {place}) or (place == "crypto" and library in IMPURE):
                faults.append(f"{at(path, root, line)}: {place} must not import {library}")
    return faults


def known_top(root: Path) -> list[str]:
    """Whatever else stands at the top has its reason in docs/decisions.md, where it is named as `this`."""
    decisions = root / "docs" / "decisions.md"
    reasons = decisions.read_text() if decisions.exists() else ""
    return [
        f"{path.name}: at the top without a reason in docs/decisions.md"
        for path in sorted(root.iterdir())
        if path.name not in TOP and path.name[0] not in "._" and f"`{path.name}`" not in reasons
    ]


def mirrored_tests(root: Path) -> list[str]:
    """Every module of a room has a test file of the same name, with a test in it."""
    faults = []
    for path in sources(root, ROOMS):
        inner = path.relative_to(root)
        if path.name == "__init__.py" or inner.is_relative_to("models/migrations"):
            continue
        test = root / "tests" / inner.with_name(f"test_{inner.name}")
        if not test.exists():
            faults.append(f"{inner}: no {test.relative_to(root)}")
        elif not re.search(r"^\s*(async )?def test_|^\s*class Test|^Test\w+ =", test.read_text(), re.MULTILINE):
            faults.append(f"{test.relative_to(root)}: holds no test")
    return faults


def room_sentences(root: Path) -> list[str]:
    """Every room exists, and each __init__.py holds one docstring; that of the dialects may hold more."""
    faults = [f"{room}: no __init__.py" for room in ROOMS if not (root / room / "__init__.py").exists()]
    for path in sources(root, ROOMS):
        if path.name != "__init__.py":
            continue
        body = tree(path).body
        may_hold_more = path.relative_to(root).as_posix() == "realtime/dialects/__init__.py"
        if ast.get_docstring(tree(path)) is None or (len(body) > 1 and not may_hold_more):
            faults.append(f"{path.relative_to(root)}: must hold one docstring and nothing else")
    return faults


def sql_only_in_models(root: Path) -> list[str]:
    """No statement, and nothing that runs one, outside models/."""
    faults = []
    for path in sources(root, _places(root)):
        if path.relative_to(root).parts[0] == "models":
            continue
        module = tree(path)
        prose = _docstrings(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and called(node) in {"execute_sql", "SQL"}:
                faults.append(f"{at(path, root, node.lineno)}: runs SQL")
            elif isinstance(node, ast.expr) and SQL_START.match(text(node)) and node not in prose:
                faults.append(f"{at(path, root, node.lineno)}: a statement: {text(node)[:40]!r}")
    return faults


def no_values_in_sql(root: Path) -> list[str]:
    """A statement is given no value but by parameter: no f-string, no `%`, no `.format` where it is run.

    `{engine.param}`, the engine's own mark for a parameter, may stand in it.
    """
    return [
        f"{at(path, root, node.lineno)}: a value is written into the statement"
        for path in sources(root, ("models",))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and called(node) in SQL_CALLS
        for argument in node.args
        if not isinstance(argument, ast.Tuple | ast.List) and any(map(_interpolates, ast.walk(argument)))
    ]


def forbidden_calls(root: Path) -> list[str]:
    """Nothing runs text as code, or as a command."""
    return [
        f"{at(path, root, node.lineno)}: {called(node)}() is forbidden"
        for path in sources(root, _places(root))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and called(node) in FORBIDDEN_CALLS and not _is_regex(node)
    ]


def no_merged_arguments(root: Path) -> list[str]:
    """Doors do not use `get_argument`, which merges query and body and lets the last one win."""
    return [
        f"{at(path, root, node.lineno)}: {node.attr} merges query and body"
        for path in sources(root, ("handlers",))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"get_argument", "get_arguments"}
    ]


def always_verified(root: Path) -> list[str]:
    """No signature and no certificate goes unchecked."""
    return [
        f"{at(path, root, number)}: checks are switched off"
        for path in sources(root, _places(root))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNVERIFIED.search(line)
    ]


def no_markup_from_text(root: Path) -> list[str]:
    """The page never turns text into markup or code."""
    return [
        f"{at(path, root, number)}: {found[0]}"
        for path in sorted((root / "web" / "src").rglob("*"))
        if path.suffix in {".js", ".mjs", ".ts", ".html"}
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := MARKUP.search(line))
    ]


def _places(root: Path) -> list[str]:
    """The rooms, and the modules at the top."""
    return [*ROOMS, "wiring", *sorted(path.name for path in root.glob("*.py"))]


def _allowed(place: str, top: set[str]) -> tuple[str, ...]:
    """Which of our modules a room or a top file may import: the wiring everything, the metrics nothing."""
    if place in ROOMS:
        return (place, *ARROWS[place])
    if place in WIRING:
        return (*ROOMS, *top, "metrics", "settings", "wiring")
    if place == "settings.py":
        return ("wiring.secret_files", "wiring.settings_values")
    return () if place == "metrics.py" else ("crypto", *(top - {"server"}))


def _within(module: str, allowed: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def _is_regex(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "re"


def _docstrings(module: ast.Module) -> set[ast.AST]:
    """Strings that stand alone as a statement: docstrings and what is written like one."""
    return {node.value for node in ast.walk(module) if isinstance(node, ast.Expr)}


def _interpolates(node: ast.AST) -> bool:
    if isinstance(node, ast.FormattedValue):
        return getattr(node.value, "attr", "") != "param"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return bool(text(node.left))
    return isinstance(node, ast.Call) and called(node) == "format" and bool(text(getattr(node.func, "value", node)))
