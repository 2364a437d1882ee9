"""What the doctor finds: one line each, how grave it is, and what to do about it."""

from dataclasses import dataclass

OK, NOTE, WEAK, BROKEN = "ok", "note", "weak", "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was looked at, `told` is how it is; neither ever holds a secret. `remedy` is empty when all is well."""

    level: str
    what: str
    told: str
    remedy: str = ""

    def line(self) -> str:
        """For a person at a terminal: one line, whatever a name or a path holds."""
        text = f"{self.level:<6}  {self.what:<10}  {self.told}" + (f" -> {self.remedy}" if self.remedy else "")
        return "".join(mark if mark.isprintable() else "?" for mark in text)


def ok(what: str, told: str) -> Finding:
    """As it should be."""
    return Finding(OK, what, told)


def note(what: str, told: str, remedy: str = "") -> Finding:
    """Good to know."""
    return Finding(NOTE, what, told, remedy)


def weak(what: str, told: str, remedy: str) -> Finding:
    """It works, and should not stay so."""
    return Finding(WEAK, what, told, remedy)


def broken(what: str, told: str, remedy: str) -> Finding:
    """It does not work, or not for long."""
    return Finding(BROKEN, what, told, remedy)
