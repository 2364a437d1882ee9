"""Every way in: the table of operations, and the application made from it."""

import re
from collections.abc import Mapping
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import URLSpec
from tornado.web import Application, RequestHandler, url

from actions import limits
from actions.messages import Message
from handlers import auth, blocks, conversations, events, messages, ops, users
from handlers.base import Absent, Doorway
from handlers.door import Door
from handlers.logs import log_request
from handlers.operation import Operation
from handlers.pages import Asset, Files, Page, Reference
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
        answers={204: None}, tags=("accounts",),
    ),
    Operation(
        "POST", "/api/auth/ws-ticket/", auth.ws_ticket, "Get a one-time ticket for a WebSocket",
        answers={200: auth.Ticket}, tags=("accounts",),
    ),
    Operation(
        "GET", "/api/auth/check-username/", auth.check_username, "Does this name exist?",
        query=auth.UsernameQuery, lenient=True, answers={200: auth.Existence},
        signed_in=False, limit=limits.CHECK_USERNAME, tags=("accounts",),
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
        "GET", "/livez", ops.livez, "Is the process alive?",
        answers={200: ops.Alive}, signed_in=False, tags=("operations",),
    ),
    Operation(
        "GET", "/readyz", ops.readyz, "Should it get traffic?",
        answers={200: ops.Readiness, 503: ops.Readiness}, signed_in=False, tags=("operations",),
    ),
    Operation(
        "GET", "/api/openapi.json", ops.openapi, "This description",
        answers={200: dict}, signed_in=False, tags=("operations",),
    ),
    Operation(
        "GET", "/api/asyncapi.json", ops.asyncapi, "The description of the WebSocket",
        answers={200: dict}, signed_in=False, tags=("operations",),
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
