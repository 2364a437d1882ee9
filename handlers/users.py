"""The caller's own profile."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from actions import profile
from actions.profile import Profile
from actions.times import when_written
from handlers.operation import Answer, Call

DisplayName = Annotated[str, Meta(examples=["Ana Souza"], extra_json_schema={"minLength": 1, "maxLength": 64})]
Language = Annotated[str, Meta(examples=["pt-BR"])]


class Me(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the caller stands here. `receipts` and `presence`: whether they tell others, and are told by others."""

    username: str
    receipts: bool
    presence: bool
    created_at: str
    display_name: DisplayName | None = None
    language: Language | None = None


class MyChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed; what is left out stays, null clears."""

    display_name: DisplayName | UnsetType | None = UNSET
    language: Language | UnsetType | None = UNSET
    receipts: bool | UnsetType = UNSET
    presence: bool | UnsetType = UNSET


async def me(call: Call[None, None]) -> Answer:
    """Say who the caller is."""
    return Answer(_shown(await profile.own(call.app, call.caller)))


async def change_me(call: Call[MyChanges, None]) -> Answer:
    """Change what the caller says of themselves."""
    given: dict[str, Any] = msgspec.structs.asdict(call.body)
    changes = {field: value for field, value in given.items() if value is not UNSET}
    return Answer(_shown(await profile.change(call.app, call.caller, changes)))


def _shown(own: Profile) -> Me:
    return Me(own.name, own.receipts, own.presence, when_written(own.created_at), own.display_name, own.language)
