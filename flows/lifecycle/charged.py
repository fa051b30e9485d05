"""A block's charges as the columns of their table, made in runs."""

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec.structs import astuple

from flows.journal.post import charge_ids
from flows.lifecycle.kept import NUMBER, TEXT, Kept, Words
from flows.lifecycle.parcel import Line
from flows.rating.model import Row
from sinks.columns import Id128, Ints, Made, Texts, Vocabulary

RUN = 1_000
"""Charges that are worth making into columns together."""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """A charge, or the reversal of one (`reversal`: `revision` is the one it takes back, no explanation)."""

    waybill: str
    fee: int
    revision: int
    reversal: bool
    amount: int
    time: int
    cause: str
    origin: str
    destination: str
    product: str
    weight_class: str
    weight_id: str
    actual_g: int
    volumetric_g: int
    chargeable_g: int
    continued_g: int
    row: Row | None
    """The tariff's row; None for freight and reversals."""
    order_id: str = ""
    passed_over: str = ""
    """Losing rows of the tariff, with their reasons."""
    steps: str = ""
    """JSON of the price's passes, where the columns do not say everything."""


NO_WEIGHT_USED = ("", "", 0, 0, 0, 0)
"""The weight's columns of a charge that no weight decides."""


def reversal(waybill: str, fee: int, revision: int, amount: int, time: int, cause: str, line: Line) -> Charge:
    """A charge of this amount in red: it stood with this revision, for this time and line."""
    origin, destination, product = line
    return Charge(
        waybill,
        fee,
        revision,
        True,
        -amount,
        time,
        cause,
        origin,
        destination,
        product,
        *NO_WEIGHT_USED,
        None,
    )


class Party(msgspec.Struct, frozen=True, gc=False):
    """What a charge says that the order alone does not: what part it is for, and who pays whom."""

    part: str
    payer: str
    payee: str


GRAMS = ("actual_g", "volumetric_g", "chargeable_g", "continued_g")
_COLUMNS = {
    "waybill": ("waybill", TEXT),
    "fee": ("fee", NUMBER),
    "revision": ("revision", NUMBER),
    "reversal": ("reversal", NUMBER),
    "amount": ("amount", NUMBER),
    "time": ("event_time", NUMBER),
    "cause": ("cause", TEXT),
    "origin": ("origin", "parties"),
    "destination": ("destination", "parties"),
    "product": ("product", "products"),
    "weight_class": ("weight_class", "classes"),
    "weight_id": ("weight_event", TEXT),
    **{name: (name, NUMBER) for name in GRAMS},
    "order_id": ("order_event", TEXT),
    "steps": ("steps", TEXT),
}
"""By field: the table's column and how it is kept."""
BY_ORDER = -1
"""In the place of a party's number: the order tells it."""


class Charges:
    """A block's charges, in order. `append` them, or `add` those whose parties the order does not tell.

    `fees`: the names that their fee codes stand for.
    """

    def __init__(self, words: Words, fees: Sequence[str]) -> None:
        self.words = words
        self.newest: list[Charge] = []
        """Those that are no columns yet."""
        self.append = self.newest.append
        self.passed_over = Vocabulary()
        """The words of the column of this name."""
        self._parties: dict[int, Party] = {}
        """By place among the newest."""
        self._fees = fees
        self._kept = Kept(Charge.__struct_fields__, _COLUMNS, words)
        self._parts = Texts()
        self._ids: list[Id128] = []
        self._reverses: list[Id128] = []

    def __len__(self) -> int:
        return self._kept.rows + len(self.newest)

    def add(self, charge: Charge, party: Party) -> None:
        """Append one between these parties."""
        self._parties[len(self.newest)] = party
        self.append(charge)

    def since(self, place: int) -> list[Charge]:
        """Those from this place on, of a run that goes on."""
        assert place >= self._kept.rows, "they are columns by now"
        return self.newest[place - self._kept.rows :]

    def keep(self) -> None:
        """The newest become columns."""
        if not self.newest:
            return
        told = self._kept.take(list(map(astuple, self.newest)))
        fields = dict(zip(Charge.__struct_fields__, told, strict=True))
        numbers = self._kept.numbers
        numbers["row"].append(np.fromiter(map(id, fields["row"]), np.int64, len(self.newest)))
        numbers["passed_over"].append(self.passed_over.codes(fields["passed_over"]))
        fees = self._fees
        names = [
            f"{waybill}|{fees[fee]}|{revision}|{time}"
            for waybill, fee, revision, time in zip(
                fields["waybill"], fields["fee"], fields["revision"], fields["time"], strict=True
            )
        ]
        self._keep_parties(names)
        self._identify(names, fields["reversal"])
        self.newest.clear()
        self._parties.clear()

    def _keep_parties(self, names: list[str]) -> None:
        """Parts, payers and payees of the newest that the order does not tell; a part is in the name."""
        n, numbers, known, fees = len(self.newest), self._kept.numbers, self.words.parties, self._fees
        payer, payee, parts = np.full(n, BY_ORDER, np.int32), np.full(n, BY_ORDER, np.int32), [""] * n
        for place, party in self._parties.items():
            payer[place], payee[place] = known[party.payer], known[party.payee]
            if party.part:
                parts[place], of = party.part, self.newest[place]
                names[place] = f"{of.waybill}|{fees[of.fee]}/{party.part}|{of.revision}|{of.time}"
        numbers["payer"].append(payer)
        numbers["payee"].append(payee)
        self._parts.add(parts)

    def _identify(self, names: list[str], reversal: Sequence[bool]) -> None:
        """What charges are called is hashed; a reversal is called as what it takes back, and says so."""
        reverses = np.zeros((len(names), 2), np.uint64)
        if any(reversal):
            backs = np.flatnonzero(reversal)
            reverses[backs] = charge_ids([names[place] for place in backs])
            names = [name + "|r" if back else name for name, back in zip(names, reversal, strict=True)]
        self._ids.append(charge_ids(names))
        self._reverses.append(reverses)

    def numbers(self, column: str) -> Ints:
        """A column of numbers or of words' codes; `row`: where the rows are in memory."""
        return self._kept.number(column)

    def text(self, column: str) -> Made:
        """A column of texts."""
        return Texts.joined([self._parts]) if column == "part" else self._kept.text(column)

    def ids(self) -> tuple[Id128, Id128]:
        """The ids, and those of the charges that they take back."""
        return np.concatenate(self._ids), np.concatenate(self._reverses)
