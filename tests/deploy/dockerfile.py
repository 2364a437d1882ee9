"""The Dockerfile as data: stages of instructions, and what .dockerignore leaves of the tree."""

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word, and the rest of its line with continuations joined."""

    word: str
    text: str

    @property
    def words(self) -> list[str]:
        """The rest as a list: of JSON, or of words."""
        return json.loads(self.text) if self.text.startswith("[") else self.text.split()

    @property
    def command(self) -> list[str]:
        """The command of a HEALTHCHECK, without its options."""
        return json.loads(self.text.partition("CMD")[2])


@dataclass(slots=True)
class Stage:
    """What stands below one FROM."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        return [each for each in self.instructions if each.word == word]

    def last(self, word: str) -> Instruction:
        return self.all(word)[-1]

    @property
    def environment(self) -> dict[str, str]:
        """What ENV sets."""
        return dict(pair.split("=", 1) for each in self.all("ENV") for pair in each.text.split())


def stages(text: str | None = None) -> dict[str, Stage]:
    """The stages by name, in order."""
    found: dict[str, Stage] = {}
    for instruction in parse((ROOT / "Dockerfile").read_text() if text is None else text):
        if instruction.word == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            found[name] = stage = Stage(name, base)
        else:
            stage.instructions.append(instruction)
    return found


def parse(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*(part.strip() for part in line.partition(" ")[::2])) for line in joined.splitlines()]


def context(root: Path, ignore: str) -> list[Path]:
    """The files that `docker build` sees, relative to `root`: the last pattern of .dockerignore that fits decides."""
    patterns = [line.strip() for line in ignore.splitlines() if line.strip() and not line.startswith("#")]
    return sorted(_seen(root, Path(), patterns, ignored=False))


def _seen(root: Path, folder: Path, patterns: list[str], *, ignored: bool) -> list[Path]:
    found = []
    for path in (root / folder).iterdir():
        inner = folder / path.name
        left_out = _ignored(inner, patterns, ignored)
        if path.is_dir() and not path.is_symlink():
            if not left_out or any(_may_be_below(pattern, inner) for pattern in patterns):
                found += _seen(root, inner, patterns, ignored=left_out)
        elif not left_out:
            found.append(inner)
    return found


def _ignored(path: Path, patterns: list[str], inherited: bool) -> bool:
    ignored = inherited
    for pattern in patterns:
        if _fits(pattern.removeprefix("!"), path):
            ignored = not pattern.startswith("!")
    return ignored


def _may_be_below(pattern: str, folder: Path) -> bool:
    return pattern.startswith("!") and Path(pattern[1:]).is_relative_to(folder)


def _fits(pattern: str, path: Path) -> bool:
    """As Go's filepath.Match, one part at a time: `*` is one part, a leading `**/` any folders."""
    parts = pattern.split("/")
    if parts[0] == "**":
        return fnmatchcase(path.name, parts[1])
    return len(parts) == len(path.parts) and all(map(fnmatchcase, path.parts, parts))
