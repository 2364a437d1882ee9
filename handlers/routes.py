"""Every way in: the table of operations, and the application made from it."""

import re
from collections.abc import Mapping
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import URLSpec
from tornado.web import Application, RequestHandler, url

from actions import limits
from actions.audit import Event
from actions.messages import Message
from handlers import (
    account,
    audit,
    auth,
    blocks,
    conversations,
    events,
    factors,
    messages,
    mutes,
    ops,
    passkeys,
    passwords,
    push,
    sessions,
    users,
)
from handlers.base import Absent, Doorway
from handlers.door import Door
from handlers.logs import log_request
from handlers.operation import Operation
from handlers.pages import Asset, Files, Page, Reference, Standing
from handlers.security_txt import SecurityText
from handlers.websocket import Socket

_Place = tuple[type[RequestHandler], dict[str, Any]]

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/api/auth/register/", auth.register, "Sign up",
        body=auth.Credentials, lenient=True, answers={201: auth.Registered}, problems=(403, 409),
        signed_in=False, limit=limits.REGISTER, tags=("accounts",),
    ),
    Operation(
        "POST", "/api/auth/login/", auth.login, "Sign in",
        body=auth.Login, lenient=True, answers={200: auth.TokenPair}, problems=(401,),
        signed_in=False, limit=limits.LOGIN_ADDRESS, tags=("accounts",),
    ),
    Operation(
        "POST", "/api/auth/refresh/", auth.refresh, "Trade a refresh token for a new pair",
        body=auth.RefreshToken, lenient=True, answers={200: auth.TokenPair}, problems=(401,),
        signed_in=False, limit=limits.REFRESH, tags=("accounts",),
    ),
    Operation(
        "POST", "/api/auth/logout/", auth.logout, "Sign out: end this session everywhere",
        answers={204: None}, enrols=True, tags=("accounts",),
    ),
    Operation(
        "POST", "/api/auth/ws-ticket/", auth.ws_ticket, "Get a one-time ticket for a WebSocket",
        answers={200: auth.Ticket}, tags=("accounts",),
    ),
    Operation(
        "POST", "/api/auth/logout/everywhere/", sessions.end_everywhere, "Sign out everywhere: end all sessions",
        answers={204: None}, enrols=True, tags=("sessions",),
    ),
    Operation(
        "GET", "/api/auth/sessions/", sessions.list_own, "List where I am signed in",
        answers={200: list[sessions.Session]}, enrols=True, tags=("sessions",),
    ),
    Operation(
        "DELETE", "/api/auth/sessions/", sessions.end_others, "End all other sessions everywhere",
        answers={204: None}, enrols=True, tags=("sessions",),
    ),
    Operation(
        "DELETE", "/api/auth/sessions/{session_id}/", sessions.end_one, "End one of my sessions everywhere",
        answers={204: None}, problems=(404,), enrols=True, tags=("sessions",),
    ),
    Operation(
        "POST", "/api/auth/step-up/", passwords.prove, "Prove again who I am",
        body=passwords.Proof, answers={204: None}, enrols=True, tags=("sessions",),
    ),
    Operation(
        "POST", "/api/auth/password/", passwords.change, "Change my password; all other sessions end",
        body=passwords.PasswordChange, answers={204: None}, problems=(409,), tags=("sessions",),
    ),
    Operation(
        "POST", "/api/auth/password/reset/", passwords.reset, "Set a password with a one-time token of the operator",
        body=passwords.PasswordReset, answers={204: None}, problems=(401,),
        signed_in=False, limit=limits.RESET, tags=("sessions",),
    ),
    Operation(
        "GET", "/api/auth/check-username/", auth.check_username, "Does this name exist?",
        query=auth.UsernameQuery, lenient=True, answers={200: auth.Existence},
        signed_in=False, limit=limits.CHECK_USERNAME, tags=("accounts",),
    ),
    Operation(
        "POST", "/api/auth/login/second-factor/", factors.complete, "Complete a sign-in with a second factor",
        body=factors.SecondFactor, answers={200: auth.TokenPair}, problems=(401,),
        signed_in=False, limit=limits.LOGIN_ADDRESS, tags=("factors",),
    ),
    Operation(
        "GET", "/api/auth/factors/", factors.standing, "Which second factors have I?",
        answers={200: factors.Standing}, enrols=True, tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/totp/", factors.offer_totp, "Begin to use one-time passwords",
        answers={200: factors.TotpOffer}, problems=(409,), enrols=True, tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/totp/confirm/", factors.confirm_totp, "Show the first one-time password",
        body=factors.Otp, answers={200: factors.RecoveryCodes}, problems=(409,), enrols=True,
        tags=("factors",),
    ),
    Operation(
        "DELETE", "/api/auth/totp/", factors.remove_totp, "Give up one-time passwords",
        body=passwords.Proof, answers={204: None}, problems=(409,), tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/recovery-codes/", factors.renew_codes, "Get new recovery codes",
        body=passwords.Proof, answers={200: factors.RecoveryCodes}, problems=(409,), tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/passkeys/options/", passkeys.offer, "Begin to add a passkey",
        answers={200: passkeys.CreationOptions}, enrols=True, tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/passkeys/", passkeys.register, "Add a passkey",
        body=passkeys.NewPasskey, answers={201: passkeys.OwnPasskey}, problems=(409,), enrols=True,
        tags=("factors",),
    ),
    Operation(
        "GET", "/api/auth/passkeys/", passkeys.list_own, "List own passkeys",
        answers={200: list[passkeys.OwnPasskey]}, enrols=True, tags=("factors",),
    ),
    Operation(
        "PATCH", "/api/auth/passkeys/{passkey_id}/", passkeys.rename, "Give an own passkey another name",
        body=passkeys.Named, answers={200: passkeys.OwnPasskey}, problems=(404,), tags=("factors",),
    ),
    Operation(
        "DELETE", "/api/auth/passkeys/{passkey_id}/", passkeys.remove, "Remove an own passkey",
        answers={204: None}, problems=(404, 409), tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/login/passkey/options/", passkeys.ask, "Begin to sign in with a passkey",
        body=passkeys.Who, answers={200: passkeys.RequestOptions}, problems=(401, 404),
        signed_in=False, limit=limits.LOGIN_ADDRESS, tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/login/passkey/", passkeys.login, "Sign in with a passkey alone",
        body=passkeys.PasskeyLogin, answers={200: auth.TokenPair}, problems=(401,),
        signed_in=False, limit=limits.LOGIN_ADDRESS, tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/passkeys/step-up/options/", passkeys.ask_step_up, "Begin to prove by passkey who is there",
        answers={200: passkeys.RequestOptions}, problems=(404,), tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/passkeys/step-up/", passkeys.step_up, "Prove by passkey who is there",
        body=passkeys.Shown, answers={204: None}, tags=("factors",),
    ),
    Operation(
        "POST", "/api/auth/export/", account.export_own, "Take everything along as one file",
        answers={200: bytes}, tags=("accounts",),
    ),
    Operation(
        "DELETE", "/api/auth/account/", account.erase, "Erase my account",
        body=passwords.Proof, answers={204: None, 202: None}, enrols=True, tags=("accounts",),
    ),
    Operation(
        "GET", "/api/auth/audit/", audit.list_own, "List what was done in my name, newest first",
        query=audit.AuditQuery, answers={200: list[Event]}, tags=("accounts",),
    ),
    Operation("GET", "/api/users/me/", users.me, "Who am I?", answers={200: users.Me}, tags=("accounts",)),
    Operation(
        "PATCH", "/api/users/me/", users.change_me, "Change what I say of myself",
        body=users.MyChanges, answers={200: users.Me}, tags=("accounts",),
    ),
    Operation(
        "GET", "/api/auth/messages/", messages.list_own, "List own messages, newest first",
        query=messages.MessagesQuery, lenient=True, answers={200: list[Message]}, problems=(404,), tags=("messages",),
    ),
    Operation(
        "POST", "/api/auth/send/", messages.send, "Send a message",
        body=messages.Send, lenient=True, answers={201: Message, 200: Message}, problems=(404, 409),
        tags=("messages",),
    ),
    Operation(
        "GET", "/api/messages/{message_id}/", messages.read_one, "Read one message",
        answers={200: Message}, problems=(404,), tags=("messages",),
    ),
    Operation(
        "GET", "/api/conversations/", conversations.list_own, "List own conversations, newest first",
        query=conversations.ConversationsQuery, answers={200: list[conversations.Conversation]}, tags=("messages",),
    ),
    Operation(
        "PATCH", "/api/messages/{message_id}/", messages.edit, "Give an own message another text",
        body=messages.NewText, answers={200: Message}, problems=(404, 409), tags=("messages",),
    ),
    Operation(
        "DELETE", "/api/messages/{message_id}/", messages.delete, "Take an own message back",
        answers={204: None}, problems=(404, 409), tags=("messages",),
    ),
    Operation(
        "POST", "/api/conversations/{username}/read/", conversations.read, "Note what has been read",
        body=conversations.UpTo, answers={204: None}, problems=(404,), tags=("messages",),
    ),
    Operation(
        "GET", "/api/conversations/{username}/", conversations.timer, "Show a conversation's timer",
        answers={200: conversations.Timer}, problems=(404,), tags=("messages",),
    ),
    Operation(
        "PATCH", "/api/conversations/{username}/", conversations.set_timer, "Set a conversation's timer",
        body=conversations.NewTimer, answers={200: conversations.Timer}, problems=(404,), tags=("messages",),
    ),
    Operation(
        "DELETE", "/api/conversations/{username}/", account.delete_conversation, "Delete a conversation of mine",
        answers={204: None, 202: None}, problems=(404,), tags=("messages",),
    ),
    Operation(
        "GET", "/api/events/", events.list_own, "List or await what has happened behind a position",
        query=events.EventsQuery, answers={200: events.Events}, tags=("messages",),
    ),
    Operation(
        "PUT", "/api/blocks/{username}/", blocks.put, "Block a person",
        answers={204: None}, problems=(404,), tags=("blocks",),
    ),
    Operation(
        "DELETE", "/api/blocks/{username}/", blocks.delete, "Take a block back",
        answers={204: None}, problems=(404,), tags=("blocks",),
    ),
    Operation(
        "GET", "/api/blocks/", blocks.list_own, "List whom I block",
        query=blocks.BlocksQuery, answers={200: list[blocks.Blocked]}, tags=("blocks",),
    ),
    Operation(
        "PUT", "/api/mutes/{username}/", mutes.put, "Be told nothing of a person by push",
        answers={204: None}, problems=(404,), tags=("push",),
    ),
    Operation(
        "DELETE", "/api/mutes/{username}/", mutes.delete, "Be told of a person again",
        answers={204: None}, problems=(404,), tags=("push",),
    ),
    Operation(
        "GET", "/api/mutes/", mutes.list_own, "List whom I have muted",
        query=mutes.MutesQuery, answers={200: list[mutes.Muted]}, tags=("push",),
    ),
    Operation(
        "GET", "/api/push/key/", push.key, "Get the key to subscribe to pushes with",
        answers={200: push.PublicKey}, tags=("push",),
    ),
    Operation(
        "GET", "/api/push/subscriptions/", push.list_own, "List my devices that are told by push",
        answers={200: list[push.PushDevice]}, tags=("push",),
    ),
    Operation(
        "POST", "/api/push/subscriptions/", push.subscribe, "Tell this device by push",
        body=push.PushSubscription, answers={204: None}, problems=(409,), tags=("push",),
    ),
    Operation(
        "DELETE", "/api/push/subscriptions/", push.remove_own, "Tell this device no more",
        answers={204: None}, problems=(404,), tags=("push",),
    ),
    Operation(
        "DELETE", "/api/push/subscriptions/{session_id}/", push.remove, "Tell one of my devices no more",
        answers={204: None}, problems=(404,), tags=("push",),
    ),
    Operation(
        "GET", "/livez", ops.livez, "Is the process alive?",
        answers={200: ops.Alive}, signed_in=False, tags=("operations",),
    ),
    Operation(
        "GET", "/readyz", ops.readyz, "Should it get traffic?",
        answers={200: ops.Readiness, 503: ops.Readiness},
        signed_in=False, limit=limits.OPERATIONS, tags=("operations",),
    ),
    Operation(
        "GET", "/api/openapi.json", ops.openapi, "This description",
        answers={200: dict}, signed_in=False, limit=limits.OPERATIONS, tags=("operations",),
    ),
    Operation(
        "GET", "/api/asyncapi.json", ops.asyncapi, "The description of the WebSocket",
        answers={200: dict}, signed_in=False, limit=limits.OPERATIONS, tags=("operations",),
    ),
)  # fmt: skip


def make_application(doorway: Doorway, files: Files) -> Application:
    """The Tornado application: the table above, the socket, the page, and nothing else."""
    doors = {
        path: (Door, {"doorway": doorway, "operations": operations, "route": path})
        for path, operations in _by_path().items()
    }
    rules = [url(_pattern(path), *door) for path, door in doors.items() if "{" in path]
    rules += [
        url(r"/ws/chat/?", Socket, {"doorway": doorway}),
        url(r"/", Page, {"doorway": doorway, "files": files}),
        url(r"/api/docs/?", Reference, {"doorway": doorway, "files": files}),
        url(r"/static/([A-Za-z0-9._-]+)", Asset, {"doorway": doorway, "files": files}),
        url(r"/(sw\.js|manifest\.webmanifest)", Standing, {"doorway": doorway, "files": files}),
        url(r"/\.well-known/security\.txt", SecurityText, {"doorway": doorway}),
    ]
    return _Paths(
        {form: door for path, door in doors.items() if "{" not in path for form in _forms(path)},
        rules,
        default_handler_class=Absent,
        default_handler_args={"doorway": doorway},
        log_function=log_request,
    )


class _Paths(Application):
    """Finds a path without a parameter by one look. Tornado would try one pattern after the other, for each request."""

    def __init__(self, plain: Mapping[str, _Place], rules: list[URLSpec], **settings: Any) -> None:
        super().__init__(rules, **settings)
        self._plain = plain

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Tornado's question: who answers this request?"""
        found = self._plain.get(request.path)
        return super().find_handler(request, **kwargs) if found is None else self.get_handler_delegate(request, *found)


def _by_path() -> dict[str, dict[str, Operation]]:
    paths: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation
    return paths


def _forms(path: str) -> tuple[str, str]:
    """The path with its last slash and without."""
    bare = path.rstrip("/")
    return bare, bare + "/"


def _pattern(path: str) -> str:
    """The path as a regular expression; ids are digits, names are anything, the last slash may be left out."""
    ids = re.sub(r"{(\w+_id)}", r"(?P<\1>[0-9]+)", path.rstrip("/"))
    return re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", ids) + "/?"
