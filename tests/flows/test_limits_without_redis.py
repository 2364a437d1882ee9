"""Redis dies while people come and go: what must not be tried more often is guarded here, what must go on goes on."""

from collections import Counter
from pathlib import Path

from tests.instances import Instance
from tests.servers import RedisServer

WRONG = {"username": "alice", "password": "a wrong password"}


def answers(instance: Instance, path: str, body: object, times: int) -> Counter[int]:
    """The statuses of so many calls; one that is refused says when to come back."""
    replies = [instance.call("POST", path, body) for _ in range(times)]
    for reply in replies:
        assert ("retry-after" in reply.headers) == (reply.status == 429)
    return Counter(reply.status for reply in replies)


def test_sign_ins_are_guarded_and_sessions_go_on(tmp_path: Path, own_redis: RedisServer) -> None:
    settings = {"RECADO_LIMITS_ENABLED": "true"}
    with Instance(tmp_path, redis_url=own_redis.url, settings=settings) as running:
        running.register("alice")
        running.register("bob")
        assert answers(running, "/api/auth/login/", WRONG | {"username": "carol"}, 12) == {401: 10, 429: 2}
        assert answers(running, "/api/auth/login/", WRONG, 5) == {401: 5}
        own_redis.kill()
        # Closed: a quarter of ten, once, and then nothing more for minutes.
        assert answers(running, "/api/auth/login/", WRONG, 6) == {401: 2, 429: 4}
        assert answers(running, "/api/auth/login/", WRONG | {"username": "nobody"}, 6) == {401: 2, 429: 4}
        # Open: all of two hundred; a closed limit would have fifty.
        assert answers(running, "/api/auth/refresh/", {"refresh": "rt1_none"}, 60) == {401: 60}
        # Counted here in any case.
        token = running.sign_in("bob")
        assert {running.call("GET", "/api/users/me/", token=token).status for _ in range(30)} == {200}
        own_redis.start()
        # It has forgotten what was spent; the instance asks it again within a second.
        while running.call("POST", "/api/auth/login/", WRONG).status != 401:
            pass
        assert answers(running, "/api/auth/login/", WRONG, 12) == {401: 9, 429: 3}
        own_redis.kill()
        assert answers(running, "/api/auth/login/", WRONG, 6) == {429: 6}  # coming and going gives nothing anew
