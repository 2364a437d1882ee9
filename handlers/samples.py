"""A sample of every frame, for the documents: alice writes to bob, and what comes of it."""

from collections.abc import Mapping
from typing import Any

Sample = Mapping[str, Any]

CLIENT_ID = "0d4d8e9c-1c35-4c0b-9a55-2b8f4a3f7c11"
MESSAGE: Sample = {
    "id": 1,
    "sender": "alice",
    "recipient": "bob",
    "content": "hi",
    "timestamp": "2026-11-22T09:11:53.373Z",
    "client_id": CLIENT_ID,
}

PLAIN_CLIENT: Mapping[str, Sample] = {"send": {"recipient": "bob", "content": "hi"}}
PLAIN_SERVER: Mapping[str, Sample] = {
    "message": {
        "sender": "alice",
        "message": "hi",
        "id": 1,
        "recipient": "bob",
        "timestamp": "2026-11-22T09:11:53.373Z",
    },
    "error": {"error": "There is no such recipient.", "code": "not_found"},
}

V1_CLIENT: Mapping[str, Sample] = {
    "hello": {
        "type": "hello",
        "token": "eyJhbGciOi…",
        "position": 0,
        "epoch": "f2b3c1d0a9e84756",
        "device": "alice's phone",
        "ref": "1",
    },
    "send": {"type": "send", "client_id": CLIENT_ID, "recipient": "bob", "content": "hi", "ref": "2"},
    "ack": {"type": "ack", "position": 1},
    "read": {"type": "read", "peer": "alice", "up_to": 1, "ref": "3"},
    "edit": {"type": "edit", "id": 1, "content": "hi, Bob", "ref": "4"},
    "delete": {"type": "delete", "id": 1, "ref": "5"},
    "typing": {"type": "typing", "peer": "bob"},
    "auth": {"type": "auth", "token": "eyJhbGciOi…", "ref": "6"},
    "ping": {"type": "ping", "ref": "7"},
}
V1_SERVER: Mapping[str, Sample] = {
    "welcome": {
        "type": "welcome",
        "username": "alice",
        "position": 0,
        "epoch": "f2b3c1d0a9e84756",
        "outcome": "recovered",
        "heartbeat_seconds": 25,
        "ref": "1",
    },
    "sent": {
        "type": "sent",
        "client_id": CLIENT_ID,
        "message": MESSAGE,
        "position": 1,
        "duplicate": False,
        "ref": "2",
    },
    "pong": {"type": "pong", "position": 1, "ref": "7"},
    "message": {"type": "message", "position": 1, "message": MESSAGE},
    "edited": {
        "type": "edited",
        "position": 4,
        "message": {**MESSAGE, "content": "hi, Bob", "edited_at": "2026-11-22T09:12:30.120Z"},
    },
    "deleted": {"type": "deleted", "position": 5, "id": 1, "peer": "bob"},
    "expired": {"type": "expired", "position": 7, "id": 2, "peer": "bob"},
    "receipt": {"type": "receipt", "position": 2, "kind": "delivered", "by": "bob", "peer": "bob", "up_to": 1},
    "timer": {"type": "timer", "position": 6, "peer": "bob", "by": "alice", "ttl_seconds": 86400},
    "unknown": {"type": "unknown", "position": 8},
    "typing": {"type": "typing", "peer": "alice"},
    "presence": {"type": "presence", "peer": "alice", "online": True},
    "notice": {"type": "notice", "kind": "login", "at": "2026-11-22T09:14:00.250Z", "session": 4503599627370497},
    "heartbeat": {"type": "heartbeat", "position": 5},
    "error": {"type": "error", "code": "not_found", "detail": "There is no such message of yours.", "ref": "4"},
    "bye": {"type": "bye", "code": 1012, "reason": "restarting, resume", "resume_after_ms": 1730},
}
