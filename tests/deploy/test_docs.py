"""What README and the guides say is there: files that they link, headings, modules and commands with their options."""

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.cli import parser
from tests.servers.install import ROOT

PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
_COMMAND = re.compile(r"^(?:\.venv/bin/)?(waybook .*?|python -m .*?)(?:\s+#.*)?$")
_SIGN = re.compile(r"[^\w\- ]")


def blocks(page: Path) -> list[str]:
    """What stands in a page's blocks of code."""
    return re.findall(r"^```\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> Iterator[list[str]]:
    """Each command of ours that a page shows, in words."""
    for page in PAGES:
        for block in blocks(page):
            for line in block.splitlines():
                if (found := _COMMAND.match(line)) is not None:
                    yield shlex.split(re.sub(r"[|>] .*|[\[\]]", "", found[1]))


def anchors(page: Path) -> set[str]:
    """What headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {_SIGN.sub("", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for path, heading in _LINK.findall(page.read_text("utf-8")):
        if path.startswith("http"):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not heading or heading in anchors(target), heading


@pytest.mark.parametrize("words", [*commands()], ids=" ".join)
def test_commands_are_understood(words: list[str]) -> None:
    if words[0] == "python":
        assert find_spec(words[2]) is not None
        return
    asked = [word.replace("YT…", "YT7500000000001") for word in words[1:]]
    parser(*asked[:1]).parse_args(asked)


def test_commands_are_found() -> None:
    """All of them: a page that is written otherwise would be passed over."""
    shown = {words[1] for words in commands() if words[0] == "waybook"}
    (known,) = (action.choices for action in parser()._actions if action.choices)
    assert set(known) - shown <= {"demo", "publish-tariff", "publish-network"}
