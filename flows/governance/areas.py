"""Which outlets serve which county: `areas.csv` with columns outlet,county (codes of GB/T 2260).

A county may be served by several outlets. A county that no outlet serves is an anomaly only once somebody
writes that address.
"""

from collections.abc import Container, Mapping

from schemas.problems import Problem
from schemas.rows import Rows, wrong

FILE = "areas.csv"
COLUMNS = ("outlet", "county")

Areas = dict[str, tuple[str, ...]]
"""By county: the outlets that serve it, in order of the file."""


def read_areas(
    rows: Rows, outlets: Container[str], counties: Mapping[str, str], problems: list[Problem]
) -> Areas:
    """The areas in these rows; what is wrong is added to `problems`."""
    served: dict[str, dict[str, int]] = {}
    for number, row in rows:
        outlet, county = row["outlet"], row["county"]
        if outlet not in outlets:
            problems.append(wrong(FILE, number, "outlet", f"{outlet!r} is no outlet of sites.csv"))
        if county not in counties:
            problems.append(wrong(FILE, number, "county", f"{county!r} is no county of places.csv"))
        before = served.setdefault(county, {}).setdefault(outlet, number)
        if before != number:
            message = f"{county} is already {outlet}'s in row {before}"
            problems.append(wrong(FILE, number, "county", message, "stands_twice"))
    return {county: tuple(found) for county, found in served.items()}
