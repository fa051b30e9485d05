"""Completeness of scan chains: which scan calls for which other, by when, and who answers for it.

`chains.toml` of the network directory, optional; a network without it is not watched. A rule:

    [[rule]]
    name = "sent_after_pick_up"     # its name in tables and metrics
    label = "揽收后未按时发件"         # for people
    when = "10"                     # after this scan (any but 70 and 80, with which the watching ends) …
    at = "any"                      # at an outlet, a hub or any site (default: any)
    then = ["20", "50"]             # … one of these comes, at the same time or later
    hours = 24                      # within so many hours
    responsible = "scan"            # the outlet of that scan (default), or the order's origin or destination

`need = ["30"]` instead of `then`: one of these has come before, at the same time or earlier; `hours` is then how
long a late message may take to say so.

A breach may cost a penalty by itself, once it is final (no scan that could close it is waited for any more):

    due = "late"                    # a due of fees.toml that claims make due, paid by whoever is responsible
    amount = "5.00"                 # yuan; left out: the tariff book's price

A rule is judged by the scans' own times. With `then`, the clock starts at the earliest scan that nothing has
followed yet; with `need`, at the first scan. So a breach is a function of the scans and of data time.
"""

import struct
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from flows.fees.current import FEES
from schemas.events import GONE, OPERATIONS
from schemas.limits import MOST_IDENTIFIER
from schemas.money import parse_payable
from schemas.problems import NOT_TOML, Problem, not_toml
from schemas.times import HOUR

FILE = "chains.toml"
BREACH = "breach:"
"""How the ids of claims begin that breaches make; the rule's name follows."""
MOST_RULES = 100
MOST_HOURS = 24 * 30
PLACES = ("any", "outlet", "hub")
RESPONSIBLE = ("scan", "origin", "destination")

SITE_BITS, OPERATION_BITS = 19, 3
MOST_SITES = 1 << SITE_BITS
"""Sites that a lane can tell apart in its trails."""
TIME_BITS = SITE_BITS + OPERATION_BITS
LATER = 1 << 62
"""No time that comes (ms)."""

# A trail holds a scan as a little-endian number of eight bytes: time << TIME_BITS | operation << SITE_BITS | site.

NUMBER = {code: number for number, code in enumerate(OPERATIONS)}
"""Operations as trails have them."""
WATCHED = tuple(code for code in OPERATIONS if code not in GONE)
"""Scans after which a clock may run: a parcel that goes back or on is watched no more."""


class Rule(msgspec.Struct, frozen=True):
    """One rule."""

    name: str
    label: str
    when: str
    at: str
    after: bool
    """Whether the others come later (`then`) or came before (`need`)."""
    others: tuple[str, ...]
    hours: int
    responsible: str
    due: str = ""
    """The due that a breach costs when it is final; empty: nothing."""
    amount: int = 0
    """Of the penalty, in 0.0001 yuan; 0: the tariff says how much."""

    @property
    def claim(self) -> str:
        """The id of the claim that a final breach makes."""
        return BREACH + self.name


class Start(msgspec.Struct, frozen=True):
    """A scan after which a rule's clock runs, because no other scan has stopped it. Times are UTC ms."""

    rule: Rule
    time: int
    site: int
    """The site's number."""

    @property
    def due(self) -> int:
        """When the rule is broken."""
        return self.time + self.rule.hours * HOUR


class Chains:
    """Rules, ready to judge trails. `is_hub`: by the number of a site; None: the directory has it no more."""

    def __init__(self, rules: tuple[Rule, ...], is_hub: Callable[[int], bool | None]) -> None:
        self.rules = rules
        self._is_hub = is_hub
        self._compiled = [
            (rule, NUMBER[rule.when], [NUMBER[other] for other in rule.others]) for rule in rules
        ]
        self.wakes = {
            code: min((rule.hours * HOUR for rule in rules if rule.when == code), default=LATER)
            for code in OPERATIONS
        }
        """By operation: ms after such a scan at which the first rule may be broken; LATER: none can."""

    def running(self, trail: bytes) -> Iterator[Start]:
        """The clocks that run after the scans of a trail, in order of the rules: at most one a rule."""
        scans = struct.unpack(f"<{len(trail) // 8}Q", trail)
        first, last = [LATER] * len(NUMBER), [-1] * len(NUMBER)
        for scan in scans:
            operation, time = scan >> SITE_BITS & 7, scan >> TIME_BITS
            if time > last[operation]:  # noqa: PLR1730  (a call costs more than a comparison)
                last[operation] = time
            if time < first[operation]:  # noqa: PLR1730
                first[operation] = time
        for rule, when, others in self._compiled:
            if last[when] < 0:
                continue
            if rule.after:
                stopped = max([last[other] for other in others])
                if last[when] > stopped:
                    yield from self._earliest(rule, scans, when, stopped)
            elif (stopping := min([first[other] for other in others])) > first[when]:
                yield from (one for one in self._earliest(rule, scans, when, -1) if one.time < stopping)

    def _earliest(self, rule: Rule, scans: Iterable[int], when: int, after: int) -> Iterator[Start]:
        """The earliest scan of an operation, at the rule's place, later than a time; nothing if there is none."""
        found = [
            scan
            for scan in scans
            if scan >> SITE_BITS & 7 == when and scan >> TIME_BITS > after and self._lies(rule, scan)
        ]
        if found:
            scan = min(found)
            yield Start(rule, scan >> TIME_BITS, scan & MOST_SITES - 1)

    def _lies(self, rule: Rule, scan: int) -> bool:
        return rule.at == "any" or self._is_hub(scan & MOST_SITES - 1) is (rule.at == "hub")


def read_chains(files: Mapping[str, str], problems: list[Problem]) -> tuple[Rule, ...]:
    """The rules of a directory, none where it has no `chains.toml`. What is wrong goes to `problems`."""
    if FILE not in files:
        return ()
    try:
        document = tomllib.loads(files[FILE])
    except NOT_TOML as error:
        problems.append(not_toml(FILE, error))
        return ()
    problems += [
        Problem(FILE, 0, key, "unknown_setting", "a chains.toml has [[rule]] sections only")
        for key in sorted(document.keys() - {"rule"})
    ]
    sections = document.get("rule", [])
    if not isinstance(sections, list) or not all(isinstance(one, dict) for one in sections):
        problems.append(Problem(FILE, 0, "rule", "wrong_setting", "is a list of sections: [[rule]]"))
        return ()
    if len(sections) > MOST_RULES:
        problems.append(Problem(FILE, 0, "rule", "too_many_rules", f"has more than {MOST_RULES} rules"))
        return ()
    rows = [n for n, line in enumerate(files[FILE].splitlines(), 1) if line.strip().startswith("[[rule")]
    rules = [_rule(section, rows[n] if n < len(rows) else 0, problems) for n, section in enumerate(sections)]
    names = [rule.name for rule in rules]
    for n, name in enumerate(names):
        if name and name in names[:n]:
            row = rows[n] if n < len(rows) else 0
            problems.append(Problem(FILE, row, "name", "repeated_rule", f"{name} stands above already"))
    return tuple(rules)


def _rule(section: Mapping[str, Any], row: int, problems: list[Problem]) -> Rule:
    """A section as a rule; usable only if it added no problem."""

    def wrong(key: str, message: str) -> None:
        problems.append(Problem(FILE, row, key, "wrong_setting", message))

    def word(key: str, allowed: Iterable[str], default: str = "") -> str:
        value = section.get(key, default)
        if not isinstance(value, str) or value not in allowed:
            wrong(key, f"{value!r} is none of {', '.join(allowed)}")
        return str(value)

    def text(key: str) -> str:
        value = section.get(key)
        if not isinstance(value, str) or not value.strip() or len(value) > 64:
            wrong(key, f"{value!r} is no text of 1 to 64 characters")
        return str(value).strip()

    for key in sorted(section.keys() - _SETTINGS):
        wrong(key, f"there is no setting {key} here; there are {', '.join(sorted(_SETTINGS))}")
    if ("then" in section) == ("need" in section):
        wrong("then", "a rule has either then = […] (later scans) or need = […] (earlier scans)")
    key = "then" if "then" in section else "need"
    others = section.get(key, [])
    if (
        not isinstance(others, list)
        or not others
        or not all(isinstance(other, str) and other in OPERATIONS for other in others)
    ):
        wrong(key, f"is a list of operations out of {', '.join(OPERATIONS)}")
        others = []
    if section.get("when") in others:
        wrong(key, "a scan cannot stop the clock that it starts")
    hours = section.get("hours")
    if not isinstance(hours, int) or isinstance(hours, bool) or not 0 <= hours <= MOST_HOURS:
        wrong("hours", f"{hours!r} is no whole number from 0 to {MOST_HOURS}")
        hours = 0
    due, amount = _penalty(section, wrong)
    return Rule(
        name=text("name"),
        label=text("label"),
        when=word("when", WATCHED),
        at=word("at", PLACES, "any"),
        after=key == "then",
        others=tuple(others),
        hours=hours,
        responsible=word("responsible", RESPONSIBLE, "scan"),
        due=due,
        amount=amount,
    )


def _penalty(section: Mapping[str, Any], wrong: Callable[[str, str], None]) -> tuple[str, int]:
    """The due that a breach costs, and its amount in 0.0001 yuan."""
    due, amount = section.get("due", ""), section.get("amount", "")
    if "due" in section and due not in PENALTIES:
        wrong("due", f"{due!r} is none of {', '.join(PENALTIES)}")
    if due and len(BREACH + str(section.get("name"))) > MOST_IDENTIFIER:
        wrong("name", f"has more than {MOST_IDENTIFIER - len(BREACH)} characters, and the rule has a due")
    if "amount" not in section:
        return str(due), 0
    if not due:
        wrong("amount", "an amount goes with the due that it is for")
    try:
        units = parse_payable(amount) if isinstance(amount, str) else 0
    except ValueError:
        units = 0
    if units <= 0:
        wrong(
            "amount",
            f'{amount!r} is no text with an amount of yuan above nothing, in whole fen, such as "5.00"',
        )
    return str(due), units


PENALTIES = tuple(
    due.name
    for due in FEES.dues
    if due.trigger == "claimed" and any(FEES.rules.rules[fee].payer == "responsible" for fee in due.fees)
)
"""Dues that somebody who is responsible pays."""
_SETTINGS = {"name", "label", "when", "at", "then", "need", "hours", "responsible", "due", "amount"}
