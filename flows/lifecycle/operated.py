"""The parties in whose books charges stand, a column at a time: whoever runs the outlet on the business day."""

from itertools import pairwise

import numpy as np

from flows.governance.operators import Operators
from sinks.columns import Ints, Vocabulary

Spans = list[tuple[int, Operators]]
"""From which row on which history was in force, the first from row 0."""


def operated(outlets: Ints, days: Ints, spans: Spans, parties: Vocabulary) -> Ints:
    """The parties' codes for outlets' codes and business days. Without transfers the same array comes back."""
    if not any(operators.histories for _, operators in spans):
        return outlets
    found = outlets.copy()
    ends = [*spans, (len(outlets), spans[-1][1])]
    for (start, operators), (end, _) in pairwise(ends):
        codes = [parties[outlet] for outlet in operators.histories]
        changing = np.flatnonzero(np.isin(outlets[start:end], codes)) + start
        for code in np.unique(outlets[changing]).tolist():
            history = list(operators.histories.values())[codes.index(code)]
            rows = changing[outlets[changing] == code]
            steps = np.searchsorted([day for day, _ in history], days[rows], side="right") - 1
            found[rows] = parties.codes([party for _, party in history])[steps]
    return found
