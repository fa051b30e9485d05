"""Prometheus' own tool accepts the alert rules, and they fire when they should."""

import re
import subprocess

import pytest

from tests.servers.install import ROOT, path_of

RULES = ROOT / "deploy" / "prometheus"


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "alerts.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
)
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    tool = path_of("promtool")
    assert tool is not None, "promtool is not installed: python -m tests.servers.install"
    ran = subprocess.run([tool, *words], cwd=RULES, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_rules_speak_of_metrics_that_exist() -> None:
    names = set(re.findall(r"waybook_[a-z_]+", (RULES / "alerts.yml").read_text()))
    places = ("flows", "deploy")
    code = "\n".join(path.read_text("utf-8") for place in places for path in (ROOT / place).rglob("*.py"))
    declared = set(re.findall(r'"(waybook_[a-z_]+)"', code))
    suffixed = declared | {f"{name}{end}" for name in declared for end in ("_bucket", "_sum", "_count")}
    assert names
    assert names <= suffixed
