"""Reading Python source: which files there are, what they import, what they call, which texts they hold."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path


def sources(root: Path, places: Iterable[str]) -> Iterator[Path]:
    """The modules of these rooms, and these top files, as far as they exist."""
    for place in places:
        path = root / place
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.exists() else []


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def at(path: Path, root: Path, line: int) -> str:
    return f"{path.relative_to(root)}:{line}"


def imports(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Each imported module by its full name, wherever in the file; `from a import b` counts as `a.b`."""
    package = path.relative_to(root).parts[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{start}.{alias.name}".lstrip(".")) for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) == "import_module" and node.args:
            yield node.lineno, text(node.args[0])


def called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def text(node: ast.AST) -> str:
    """The text of a string or f-string, `{}` for each value; empty for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
