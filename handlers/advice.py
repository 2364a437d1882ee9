"""What a client should do about each error code: the table behind the documents. docs/protocol.md says the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """One code: its HTTP status, if it has one; what it means; what now; whether an error frame may hold it."""

    code: str
    status: int | None
    meaning: str
    now: str
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class FieldAdvice:
    """One code of a single field, in `errors`."""

    code: str
    meaning: str
    now: str


ERRORS = (
    Advice(
        "invalid",
        400,
        "Something in the request or the frame is not valid.",
        "Mend the fields that `errors` (in a frame: `field`) names. The same again fails again.",
        spoken=True,
    ),
    Advice(
        "no_hello",
        None,
        "The first frame of `recado.v1` was not `hello`.",
        "Say `hello`, then the rest again.",
        spoken=True,
    ),
    Advice(
        "unauthenticated",
        401,
        "No token, or one that is wrong or has ended; at sign-in: a wrong name or password.",
        "Refresh the access token and try once more. If the refresh is refused, sign in.",
        spoken=True,
    ),
    Advice(
        "second_factor_required",
        401,
        "The password was right, and the person has a second factor. At sign-in `mfa_token` comes with it.",
        "Ask for one of `factors`; at sign-in send it with `mfa_token` to `login/second-factor`.",
    ),
    Advice(
        "wrong_password",
        401,
        "The password that was shown again is wrong; the session is as good as before.",
        "Ask the person again. Do not refresh.",
    ),
    Advice(
        "wrong_code",
        401,
        "The one-time password, the recovery code or the passkey does not fit, or has been used.",
        "Ask again: a one-time password changes every 30 seconds. Do not refresh.",
    ),
    Advice(
        "forbidden",
        403,
        "Not allowed: closed registration, a foreign origin, or a cookie from elsewhere.",
        "Do not try again; tell the person.",
        spoken=True,
    ),
    Advice(
        "step_up_required",
        403,
        "This asks for a sign-in, or a step-up, within the last five minutes.",
        "Ask for the password, call `step-up`, then the same again.",
    ),
    Advice(
        "second_factor_off",
        403,
        "Second factors are switched off on this server.",
        "Do not offer them.",
    ),
    Advice(
        "push_off",
        403,
        "Push messages are switched off on this server.",
        "Do not offer them.",
    ),
    Advice(
        "enrolment_required",
        403,
        "Everybody needs a second factor here, and the caller has none.",
        "Let the person enrol one; until then only that, and signing out, is open to them.",
        spoken=True,
    ),
    Advice(
        "passkeys_unavailable",
        403,
        "The server does not know under which name it is reached, or that is an address.",
        "Do not offer passkeys; the operator sets `[server] public_url`.",
    ),
    Advice(
        "not_found",
        404,
        "There is no such thing, or none that the caller may know of.",
        "Do not try again; forget the id or the name.",
        spoken=True,
    ),
    Advice(
        "method_not_allowed",
        405,
        "The path has no such method.",
        "See `Allow`; the client must be mended.",
    ),
    Advice(
        "timeout",
        408,
        "The request took too long to arrive.",
        "Send it again; a message with its `client_id`.",
    ),
    Advice(
        "conflict",
        409,
        "The name is taken, the `client_id` belongs to another message, or the message is being changed elsewhere.",
        "Choose another name; give another message a `client_id` of its own; make the change again.",
        spoken=True,
    ),
    Advice(
        "too_large",
        413,
        "The body or the frame is too large.",
        "Send less. The same again fails again.",
        spoken=True,
    ),
    Advice(
        "unsupported_media_type",
        415,
        "The body is not announced as JSON.",
        "Send `Content-Type: application/json`.",
    ),
    Advice(
        "misdirected",
        421,
        "The `Host` is none of this server's (`[server] allowed_hosts`).",
        "Use the address that the operator has given out.",
    ),
    Advice(
        "upgrade_required",
        426,
        "This path is a WebSocket.",
        "Connect by WebSocket, version 13; behind a proxy, let `Upgrade` through.",
    ),
    Advice(
        "too_many_requests",
        429,
        "A limit is spent.",
        "Wait `Retry-After` seconds (in a frame: `retry_after`), then send the same again.",
        spoken=True,
    ),
    Advice(
        "internal",
        500,
        "Something failed in the server.",
        "Try again later; a message with its `client_id`. The operator finds the cause by `request_id`.",
        spoken=True,
    ),
    Advice(
        "unavailable",
        503,
        "Something that is needed is busy or out of reach; nothing was stored by half.",
        "Wait `Retry-After` seconds (in a frame: `retry_after`), then send the same again; a message with its"
        " `client_id`.",
        spoken=True,
    ),
)

FIELD_ERRORS = (
    FieldAdvice("missing", "The field must be there.", "Add it."),
    FieldAdvice("unknown", "There is no such field.", "Leave it out; look for a slip in its name."),
    FieldAdvice("malformed", "It is not JSON, or not a query, as this server reads it.", "Mend the encoding."),
    FieldAdvice("duplicate", "The parameter is given more than once.", "Give it once."),
    FieldAdvice("invalid", "The value is of the wrong kind.", "See its type in the OpenAPI document."),
    FieldAdvice("empty", "There is nothing but white space.", "Ask for a text."),
    FieldAdvice("too_long", "The value is too long.", "Shorten it; `detail` says how many are allowed."),
    FieldAdvice("too_short", "The value is too short.", "Lengthen it; `detail` says how many are needed."),
    FieldAdvice("out_of_range", "The number is too small or too large.", "`detail` says what is allowed."),
    FieldAdvice(
        "not_found",
        "There is no such message in this conversation, or none that the caller may know of.",
        "Send it without, or not at all.",
    ),
    FieldAdvice("taken", "The name, or one that looks like it, belongs to somebody.", "Ask for another name."),
    FieldAdvice("bad_start", "A name starts with a letter or a digit.", "Ask for another name."),
    FieldAdvice("bad_end", "A name does not end with a full stop.", "Ask for another name."),
    FieldAdvice("bad_character", "A name cannot hold that character.", "Ask for another name."),
    FieldAdvice("mixed_scripts", "A name keeps to the letters of one script.", "Ask for another name."),
    FieldAdvice("common", "The password is guessed at once.", "Ask for another password."),
    FieldAdvice("like_name", "The password is too much like the name.", "Ask for another password."),
)
