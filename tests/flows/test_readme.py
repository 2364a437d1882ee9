"""What the README tells people to type works as it stands: the shell lines, and the lines for the browser's console."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.flows.person import PATIENCE_MS, person
from tests.instances import ROOT, Instance

README = ROOT / "README.md"
ADDRESS = "http://localhost:8000"
SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh") if shutil.which(shell)]


def block(name: str, language: str) -> str:
    """The one fenced block between the markers of this name."""
    text = README.read_text()
    found = re.search(rf"<!-- {name}:begin -->\s*```{language}\n(.*?)```\s*<!-- {name}:end -->", text, flags=re.DOTALL)
    assert found, f"README.md has no ```{language} block between <!-- {name}:begin --> and <!-- {name}:end -->"
    return found[1]


def typed(shell: str, instance: Instance, home: Path) -> str:
    """What the shell lines print, when they are pasted into this shell."""
    lines = block("talk", "sh")
    assert ADDRESS in lines
    ran = subprocess.run(
        [shell],
        input=lines.replace(ADDRESS, instance.url),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_two_people_talk_by_the_shell_lines(instance: Instance, tmp_path: Path, shell: str) -> None:
    printed = [json.loads(line) for line in typed(shell, instance, tmp_path).splitlines() if line]
    sent, received = printed[-2:]
    assert received == [sent]
    assert sent["sender"] != sent["recipient"]
    assert sent["content"]


def test_they_go_on_in_the_console_of_a_browser(chromium: Browser, instance: Instance, tmp_path: Path) -> None:
    first = json.loads(typed("sh", instance, tmp_path).splitlines()[-1])[0]
    with person(chromium, instance) as visitor:
        visitor.is_at("sign-view")
        console = visitor.context.new_cdp_session(visitor.page)
        with visitor.page.expect_console_message(lambda message: '"sender"' in message.text) as shown:
            # As the developer tools do it: `await` at the top, and what is declared stays.
            done = console.send(
                "Runtime.evaluate",
                {"expression": block("console", "js"), "replMode": True, "awaitPromise": True},
            )
        assert "exceptionDetails" not in done, done
        frame = json.loads(shown.value.text)
        assert {frame["sender"], frame["recipient"]} == {first["sender"], first["recipient"]}
        visitor.complains_of_nothing()
    # Whoever it was for finds it on the page.
    password = _password_of(frame["recipient"])
    with person(chromium, instance) as reader:
        reader.sign_in(frame["recipient"], password)
        reader.choose(frame["sender"])
        expect(reader.at("message-text").last).to_have_text(frame["message"], timeout=PATIENCE_MS)


def _password_of(name: str) -> str:
    found = re.search(rf'"username": "{name}", "password": "([^"]+)"', block("talk", "sh"))
    assert found
    return found[1]
