"""Labelled traffic, made without the matcher: what is matched is right, and what can be decided is."""

from tests.reconciliation.grading import Grade, graded, play, wrong
from tests.reconciliation.traffic import STORIES, traffic


def test_precision_and_recall_by_kind() -> None:
    made = traffic(12_000, seed=5, companies=400)
    lane = play(made, seed=5)
    grades = graded(made, lane)
    assert len(grades) > len(STORIES) - 3
    total = Grade()
    for grade in grades.values():
        total.add(grade)
    told = "\n".join(wrong(made, lane))
    assert total.wrong <= 1, told
    assert total.recall >= 0.999, told
    assert all(grade.decided >= grade.decidable * 0.98 for grade in grades.values()), told


def test_the_labels_are_no_echo_of_the_matcher() -> None:
    """A matcher that took whatever is there would be found out."""
    made = traffic(2_000, seed=6)
    lane = play(made, seed=6)
    right = sum(grade.right for grade in graded(made, lane).values())
    for key in made.labels:
        lane.matches[key] = [one for other in list(lane.matches.values())[:1] for one in other]
    spoilt = graded(made, lane)
    assert sum(grade.right for grade in spoilt.values()) < right / 100
    assert sum(grade.wrong for grade in spoilt.values()) > right / 2
