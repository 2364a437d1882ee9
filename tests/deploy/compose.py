"""docker-compose.yml as `docker compose` reads it: variables filled in, merged, nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\})")


def read(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole file; `environment` is what the shell or .env would set."""
    raw = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return {key: _filled(value, environment or {}) for key, value in raw.items()}


def services(environment: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """The services by name."""
    found: dict[str, dict[str, Any]] = read(environment)["services"]
    return found


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, environment) for each in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: _value(found, environment), value)
    return value


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if found["name"] is None:
        return "$"
    given = environment.get(found["name"], "") or found["default"]
    assert given is not None, f"{found[0]} has no default: somebody would have to set it"
    return given
