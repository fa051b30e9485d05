"""`make soak`, its first part: the reader of books and workbooks against a hundred thousand mutated ones.

python -m tests.tariff.soak [--files N] [--workbooks N]
"""

import argparse
import sys
import time

from hypothesis import HealthCheck, given, settings

from tests.tariff.mutations import damaged, mutated, try_files, try_workbook


def main() -> int:
    """0 when every book was taken or refused as it should be; an example of another outcome is raised."""
    parser = argparse.ArgumentParser(prog="tests.tariff.soak")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--workbooks", type=int, default=5_000)
    wanted = parser.parse_args()
    began, taken, refused = time.monotonic(), 0, 0

    def count(outcome: bool) -> None:
        nonlocal taken, refused
        taken, refused = taken + outcome, refused + (not outcome)

    def often(examples: int) -> settings:
        return settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )

    often(wanted.files)(given(mutated())(lambda files: count(try_files(files))))()
    often(wanted.workbooks)(given(damaged())(lambda raw: count(try_workbook(raw))))()
    sys.stdout.write(
        f"{taken + refused:,} mutated books: {taken:,} taken, {refused:,} refused with their problems, "
        f"{time.monotonic() - began:.0f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
