"""How right the matching is, and how fast: labelled traffic, heard out of order and in part twice.

    python -m tests.bench.matching [--stories 200000] [--seed 1]

Prints the tables of RESULTS.md: precision and recall by kind, and what a search for allocations costs.
"""

import argparse
import time

from flows.reconciliation.allocation import TooComplexError, Work, allocations
from flows.reconciliation.rules import Rule
from tests.reconciliation.grading import Grade, graded, play, wrong
from tests.reconciliation.traffic import traffic


def rightness(stories: int, seed: int) -> None:
    """Precision and recall."""
    made = traffic(stories, seed)
    start = time.process_time()
    lane = play(made, seed)
    spent = time.process_time() - start
    facts = len(made.dues) + len(made.payments)
    print(
        f"{len(made.dues)} dues, {len(made.payments)} payments; {spent / facts * 1e6:.0f} µs of CPU a fact\n"
    )
    print(
        "| kind | payments | matched | wrong | precision | decidable | recall |\n|---|---|---|---|---|---|---|"
    )
    total = Grade()
    for kind, grade in sorted(graded(made, lane).items()):
        total.add(grade)
        _row(kind, grade)
    _row("**all**", total)
    for line in wrong(made, lane)[:20]:
        print(line)


def _row(kind: str, grade: Grade) -> None:
    print(
        f"| {kind} | {grade.payments} | {grade.right + grade.wrong} | {grade.wrong} | {grade.precision:.5f} "
        f"| {grade.decidable} | {grade.recall:.5f} |"
    )


def allocation() -> None:
    """What a search costs by the number of open items."""
    print("\n| open items | groups of up to | ms |\n|---|---|---|")
    rule = Rule(name="r", label="r", kind="payer_and_amount", documents=40)
    for items in (3, 10, 20, 30, 40):
        amounts = [300_017 * n + n * n * 1_301 for n in range(1, items + 1)]
        for size in (3, 6):
            bound = Rule(name="r", label="r", kind="payer_and_amount", documents=size)
            start = time.process_time()
            try:
                allocations(sum(amounts[::3][:size]) + 1, [], amounts, bound, Work(200_000))
                said = f"{(time.process_time() - start) * 1e3:.2f}"
            except TooComplexError:
                said = f"beyond the bound after {(time.process_time() - start) * 1e3:.0f}"
            print(f"| {items} | {min(size, rule.documents)} | {said} |")


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stories", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rightness(arguments.stories, arguments.seed)
    allocation()


if __name__ == "__main__":
    main()
