"""A real browser with a signed-in victim opens the attacker's page: from another site, and from this very host."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from tests.flows.person import person
from tests.handlers.raw import rows
from tests.instances import Instance

# Everything that a page can try against another origin with the victim's cookie; what it got to see.
ATTACK = """async (victim) => {
  const outcome = async (attempt) => {
    try { return await attempt(); } catch (error) { return `refused: ${error.name}`; }
  };
  const opened = (protocols) => new Promise((resolve) => {
    const socket = new WebSocket(victim.replace("http", "ws") + "/ws/chat/", protocols);
    socket.onopen = () => resolve("opened");
    socket.onerror = () => resolve("refused: socket");
  });
  const read = async (path, options) => {
    const answer = await fetch(victim + path, { credentials: "include", ...options });
    return answer.type === "opaque" ? "refused: opaque" : `read ${answer.status} ${await answer.text()}`;
  };
  const framed = () => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
      try { resolve(frame.contentDocument.body ? "refused: another document" : "refused: nothing"); }
      catch { resolve("refused: frame"); }
    };
    frame.src = victim + "/";
    document.body.append(frame);
  });
  const scripted = (path) => new Promise((resolve) => {
    const script = document.createElement("script");
    script.onload = () => resolve("loaded");
    script.onerror = () => resolve("refused: script");
    script.src = victim + path;
    document.body.append(script);
  });
  const posted = () => {
    const form = document.createElement("form");
    const action = victim + "/api/auth/logout/";
    Object.assign(form, { method: "POST", action, target: "sink", enctype: "text/plain" });
    const sink = document.createElement("iframe");
    sink.name = "sink";
    document.body.append(sink, form);
    return new Promise((resolve) => { sink.onload = () => resolve("refused: sent"); form.submit(); });
  };
  const refresh = { method: "POST", body: "{}" };
  const json = { "Content-Type": "application/json", "X-Recado-Session": "cookie" };
  return {
    socket: await outcome(() => opened([])),
    "socket of recado.v1": await outcome(() => opened(["recado.v1"])),
    "read the profile": await outcome(() => read("/api/users/me/")),
    "read it blindly": await outcome(() => read("/api/users/me/", { mode: "no-cors" })),
    "renew the session": await outcome(() => read("/api/auth/refresh/", { ...refresh, headers: json })),
    "renew it by a simple request": await outcome(() => read("/api/auth/refresh/", { ...refresh, mode: "no-cors" })),
    "sign out": await outcome(() => read("/api/auth/logout/", { method: "POST", mode: "no-cors" })),
    "a form": await outcome(posted),
    "a script of an answer": await outcome(() => scripted("/api/users/me/")),
    "the page in a frame": await outcome(framed),
  };
}"""


@contextmanager
def evil_site() -> Iterator[int]:
    """A page of the attacker, on every address of loopback."""

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>evil</title><body>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def stored(instance: Instance) -> dict[str, int]:
    """How many rows there are, but for the audit log, which tells of the attack."""
    return {table: count for table, count in rows(instance).items() if not table.startswith("audit")}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["another site", "another port of this host"])
def test_the_attackers_page_gets_nothing_and_changes_nothing(chromium: Browser, instance: Instance, host: str) -> None:
    """To a browser another port of `localhost` is the same site: there it sends even a SameSite=Strict cookie."""
    with evil_site() as port, person(chromium, instance) as victim:
        victim.register("victim")
        before = stored(instance)
        page = victim.context.new_page()
        page.goto(f"http://{host}:{port}/")
        outcomes = page.evaluate(ATTACK, instance.url)
        assert {name: told for name, told in outcomes.items() if not str(told).startswith("refused")} == {}
        page.close()
        assert stored(instance) == before
        victim.page.reload()
        victim.is_live()  # the session goes on
        victim.complaints.clear()
