"""Installs what the tests need from outside Python, where it is missing: `python -m tests.servers.install`.

Mosquitto, Chromium and Prometheus (for promtool) come from Debian's packages, Kafka from Maven Central. What
cannot be had is said loudly; under CI=true that is a failure.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KAFKA = ROOT / ".cache" / "kafka"
POM = Path(__file__).with_name("pom.xml")
DEBIAN = {"mosquitto": "mosquitto", "chromium": "chromium", "promtool": "prometheus"}
"""Command → Debian package."""


def path_of(command: str) -> str | None:
    """Where a command is; servers live in /usr/sbin, which is not on every PATH."""
    return shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def missing() -> list[str]:
    """What is not there."""
    found = [command for command in DEBIAN if path_of(command) is None]
    if not list(KAFKA.glob("kafka_*.jar")):
        found.append("kafka")
    if path_of("java") is None:
        found.append("java")
    return found


def _debian(packages: list[str]) -> None:
    """Install packages without starting their services."""
    if path_of("apt-get") is None or not packages:
        return
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    policy = Path("/usr/sbin/policy-rc.d")
    ours = os.geteuid() == 0 and not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        subprocess.run([*root, "apt-get", "update", "-qq"], env=quiet, check=False)
        subprocess.run(
            [*root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            env=quiet,
            stdout=sys.stderr,
            check=False,
        )
    finally:
        if ours:
            policy.unlink()


def _maven() -> None:
    if path_of("mvn") is None:
        return
    fresh = KAFKA.with_name("kafka.new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [
        "mvn",
        "-q",
        "-B",
        "-f",
        str(POM),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={fresh}",
    ]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0:
        shutil.rmtree(KAFKA, ignore_errors=True)
        fresh.rename(KAFKA)


def main() -> int:
    """Install; 0 if all is there or CI is not asking."""
    wanted = missing()
    if wanted:
        packages = [DEBIAN[name] for name in wanted if name in DEBIAN]
        if "java" in wanted:
            packages.append("default-jre-headless")
        if "kafka" in wanted and path_of("mvn") is None:
            packages.append("maven")
        _debian(packages)
        if "kafka" in wanted:
            _maven()
    if still := missing():
        line = "*" * 78
        sys.stderr.write(f"{line}\n* NOT THERE, tests that need it will fail: {', '.join(still)}\n{line}\n")
        return 1 if os.environ.get("CI") == "true" else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
