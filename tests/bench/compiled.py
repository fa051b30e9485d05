"""A benchmark, and the lanes that it starts, with the hot path compiled where this machine can do that.

    python -m tests.bench.compiled [--interpreted] MODULE ...       MODULE: tests.bench, tests.bench.loop…

Says first which it is. `python -m MODULE` measures the sources as they stand.
"""

import os
import subprocess
import sys

import setup
from tests.servers.install import ROOT

COMPILED = ROOT / "build" / "compiled"
FLAG = "--interpreted"
AS_SOURCES = """
import importlib, sys
print(*(name for name in sys.argv[1:] if importlib.import_module(name).__file__.endswith(".py")))
"""


def environment(*first: str) -> dict[str, str]:
    """Of programs that look for modules there first, and here for the others."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((*first, str(ROOT)))}


def interpreted(there: dict[str, str]) -> list[str]:
    """Modules of the hot path that programs of this environment do not find compiled."""
    command = [sys.executable, "-P", "-c", AS_SOURCES, *setup.modules()]
    return subprocess.run(command, env=there, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def compiled() -> dict[str, str]:
    """The environment of programs whose hot path is compiled. Ends this one, saying why, where that fails."""
    make = ["make", "-s", "--no-print-directory", "compiled"]
    if subprocess.run(make, cwd=ROOT, check=False, stdout=sys.stderr).returncode:
        sys.exit(f"lanes could not be compiled (see above); {FLAG} measures them as they stand")
    there = environment(str(COMPILED))
    if found := interpreted(there):
        sys.exit(
            f"{COMPILED} was compiled for another Python than {sys.executable}, which would run as they stand: "
            f"{', '.join(found)}. Remove it, or take the Python of `make compiled`, .venv/bin/python"
        )
    return there


def main() -> None:
    """Become the benchmark."""
    asked = sys.argv[1:2] == [FLAG]
    lacking = "as asked" if asked else setup.missing()
    there = environment() if lacking else compiled()
    sys.stdout.write(f"interpreted: {lacking}\n" if lacking else "compiled\n")
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-P", "-m", *sys.argv[1 + asked :]], there)


if __name__ == "__main__":
    main()
