"""Weight policies of single lines: their names resolved to codes, ambiguous ones refused."""

from collections.abc import Sequence

import msgspec

from flows.rating.findings import Broken, Findings
from flows.rating.places import Gazetteer
from flows.rating.policy import Line, WeightPolicy, undecided


class Special(msgspec.Struct, frozen=True):
    """A `[[weight.policy]]` as it is written: for whom, and its line in the file."""

    product: str
    origin_province: str
    destination_province: str
    row: int
    policy: WeightPolicy


NAMED = ("product", "origin_province", "destination_province")


def with_lines(
    policy: WeightPolicy, specials: Sequence[Special], places: Gazetteer, file: str, findings: Findings
) -> WeightPolicy:
    """The policy with those of its lines. Problems go to `findings`; only without any is it to be used."""
    lines: dict[Line, WeightPolicy] = {}
    found: list[tuple[Line, int]] = []
    for special in specials:
        line = _line(special, places, file, findings)
        if any(line):
            lines[line] = special.policy
            found.append((line, special.row))
    for n, (line, row) in enumerate(found):
        for other, earlier in found[:n]:
            if undecided(line, other, lines):
                message = (
                    f"a parcel may match this and the policy of {file} row {earlier} alike: leave one of them out, "
                    "or add one that names what both name"
                )
                findings.add(file, row, "", Broken("ambiguous_policy", message))
    return msgspec.structs.replace(policy, lines=lines) if lines else policy


def _line(special: Special, places: Gazetteer, file: str, findings: Findings) -> Line:
    codes = []
    for column in NAMED:
        text = getattr(special, column)
        names = places.products if column == "product" else places.kinds["province"]
        codes.append(findings.value(file, special.row, column, names.find(text)) or "" if text else "")
    if not any(getattr(special, column) for column in NAMED):
        message = f"a [[weight.policy]] names one of {', '.join(NAMED)}; without, it is [weight] itself"
        findings.add(file, special.row, "", Broken("policy_of_nothing", message))
    return codes[0], codes[1], codes[2]
