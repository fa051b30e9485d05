"""The trial calculator: what a parcel would cost, from facts that people write, by the very code that rates parcels."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from flows.fees.current import FEES
from flows.fees.model import AT_SITES, OF_MONTHS, OF_STAYS, OF_STORES, Due
from flows.governance.network import Network
from flows.rating.explain import of_quote
from flows.rating.factors import DIRECTIONS, KG, M3, part
from flows.rating.facts import NOWHERE, ORDINARY, Stay, Terms, Trial
from flows.rating.findings import Broken
from flows.rating.model import CALLED, Book
from flows.rating.passes import Step
from flows.rating.places import Gazetteer, Names, gazetteer
from flows.rating.tariffs import Quote, Tariffs
from flows.rating.trial_fields import words_in
from flows.rating.trial_remarks import Remarks
from schemas.limits import (
    MOST_IDENTIFIER,
    MOST_LENGTH_MM,
    MOST_SHIPPED,
    MOST_STORED_CM3,
    MOST_STORED_G,
    MOST_WEIGHT_G,
)
from schemas.money import parse_yuan
from schemas.problems import hint
from schemas.times import calendar_date, date_of, day_of

MOST_COUNT = 100_000
MOST_CUBIC = MOST_LENGTH_MM**3 // 1_000
MISSING = "is missing; write an outlet's code or name"
IN_STORES = frozenset(due.price for due in FEES.dues if due.trigger in OF_STORES)
"""Fees of goods in stores, of which there may be more than of a parcel."""
IN_PLACE = frozenset(due.price for due in FEES.dues if due.trigger in (*OF_STAYS, *OF_MONTHS))
"""Those of which nothing goes anywhere: without a destination they are priced as the lanes price them."""
_BY_NAME = {due.name: due for due in FEES.dues}

T = TypeVar("T")


Asked = Mapping[str, str]
"""Texts by the fields' names; a field that is absent or blank is not said."""


class Answer(msgspec.Struct, frozen=True):
    """What a fee would cost, or (`error`) why that cannot be said."""

    fee: str
    quote: Quote | None = None
    steps: list[Step] = []
    error_zh: str = ""
    error_en: str = ""
    remarks: list[Step] = []
    """What nobody said and was assumed, and words that nothing knows."""
    priced: bool = True
    """Whether a row has a price for it, be it that the weight is missing."""
    owed: bool = True
    """Whether what is asked about comes to owe it; of a fee that is asked for by name nobody doubts it."""


class RefusedError(ValueError):
    """What is asked cannot be understood: by field, what would be right."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in problems.items()))
        self.problems = dict(problems)


class Calculator:
    """Books in force, to ask of."""

    def __init__(self, books: list[Book], network: Network) -> None:
        self._tariffs = Tariffs(books, network)
        self._places: Gazetteer = gazetteer(network)
        self._versions = {id(table): book.version for book in self._tariffs.books for table in book.tables}
        self.fees = [fee for fee in FEES.prices if fee in self._tariffs.fees]
        """In the order in which they fall due."""
        self._shares = {due.price: _BY_NAME[due.share_of] for due in FEES.dues if due.share_of}
        """By the price of a share: what it is a share of."""
        self._remarks = Remarks(self._tariffs.books, network)

    def ask(self, asked: Asked, today: int) -> list[Answer]:
        """The answers: of the fee that is asked for, or of every fee, and which are owed. Raises RefusedError."""
        said = _Said({name: text.strip() for name, text in asked.items() if text.strip()})
        wanted = said.one_of("fee", ("", *self.fees), CALLED)
        day, facts = said.day("date", today), self._facts(said, wanted)
        shared = said.money("shared") if "shared" in said.texts else None
        said.close()
        weighed = "kg" in said.texts
        answers = [
            msgspec.structs.replace(
                self._answer(fee, day, facts, weighed, shared),
                remarks=self._remarks.on(said.texts, self._looks_at(fee, shared), today),
            )
            for fee in ([wanted] if wanted else self.fees)
        ]
        return answers if wanted else [_judged(answer, facts) for answer in answers]

    def _looks_at(self, fee: str, shared: int | None) -> frozenset[str]:
        """What the price of a fee looks at, and that of which it is a share where nobody said what that comes to."""
        names = self._tariffs.fees[fee].looks_at if fee in self.fees else frozenset[str]()
        if fee in self._shares and shared is None:
            due = self._shares[fee]
            names |= {due.amount} if due.amount in ("payment", "cod") else self._looks_at(due.price, None)
        return names

    def _answer(self, fee: str, day: int, facts: Trial, weighed: bool, shared: int | None) -> Answer:
        if fee in self._shares and shared is None:
            found = self._shared(self._shares[fee], day, facts, weighed)
            if isinstance(found, Answer):
                return msgspec.structs.replace(found, fee=fee)
            shared = found
        quote = self._tariffs.rate(fee, day, facts, shared or 0)
        if quote is None:
            zh, en = self._no_price(fee, day)
            return Answer(fee, error_zh=zh, error_en=en, priced=False)
        if not weighed and self._tariffs.needs_weight(quote.row):
            return Answer(
                fee,
                error_zh="此价格按重量计算，请填写重量",
                error_en="the price depends on the weight: say kg",
            )
        return Answer(fee, quote, of_quote(quote, facts, self._versions[id(quote.row.table)]))

    def _no_price(self, fee: str, day: int) -> tuple[str, str]:
        """Why a fee has no price: on that day nothing has one, or no row is for such a parcel."""
        tables = [
            one for book in self._tariffs.books for one in book.tables if (one.fee, one.kind) == (fee, "base")
        ]
        first = min((one.first_day for one in tables), default=day)
        last = max((one.last_day for one in tables), default=day)
        if day < first:
            return f"价格自 {date_of(first)} 起才有", f"no price of it is in force before {date_of(first)}"
        if day > last:
            return f"价格只到 {date_of(last)}", f"no price of it is in force after {date_of(last)}"
        return "没有适用的价格", "no row has a price for this parcel"

    def _shared(self, due: Due, day: int, facts: Trial, weighed: bool) -> int | Answer:
        """What a due comes to of which there is a share, money units; or why that cannot be said."""
        if due.amount == "payment":
            return facts.payment
        if due.amount == "cod":
            return (facts.terms or ORDINARY).cod
        answer = self._answer(due.price, day, facts, weighed, None)
        if answer.quote is None:
            error_zh, error_en = f"{due.zh}：{answer.error_zh}", f"{due.en}: {answer.error_en}"
            return Answer("", error_zh=error_zh, error_en=error_en)
        return answer.quote.amount

    def _facts(self, said: "_Said", wanted: str) -> Trial:
        terms = Terms(
            pieces=said.number("pieces", 1, MOST_COUNT, "a whole number of pieces", 1),
            channel=said.word("channel"),
            billing=said.word("billing"),
            direction=said.one_of("direction", DIRECTIONS),
            insured=said.money("insured"),
            cod=said.money("cod"),
            promised_h=said.number("promised", 1, MOST_COUNT, "a whole number of hours"),
            services=said.words("services"),
        )
        stay = Stay(
            pallets=said.number("pallets", 1, MOST_COUNT, "a whole number of pallets"),
            days=said.number("days", 1, MOST_COUNT, "a whole number of days"),
            hours=said.number("hours", 1, MOST_COUNT, "a whole number of hours"),
            temperature=said.word("temperature"),
            area=said.word("area"),
            vehicle=said.word("vehicle"),
        )
        stored = wanted in IN_STORES or stay != NOWHERE
        longest, volume = said.size(MOST_STORED_CM3 if stored else MOST_CUBIC)
        outlets = self._places.kinds["outlet"]
        origin = said.named("from", outlets, MISSING)
        return Trial(
            origin=origin,
            destination=said.named("to", outlets, "" if wanted in IN_PLACE else MISSING) or origin,
            product=said.named("product", self._places.products),
            customer=said.word("customer"),
            payment=said.money("payment"),
            weight_g=said.number("kg", KG, MOST_STORED_G if stored else MOST_WEIGHT_G, "kilograms as 2.5"),
            volume_cm3=volume,
            longest_mm=longest,
            hubs=said.words("hubs"),
            terms=terms,
            month_parcels=said.number("month", 1, MOST_SHIPPED, "a whole number of parcels"),
            month_amount=said.money("billed"),
            stay=stay if stay != NOWHERE else None,
        )


def _judged(answer: Answer, facts: Trial) -> Answer:
    """The answer, with whether the fee is owed: a due that may be left out is not, where nothing has a price for it."""
    dues = [due for due in FEES.dues if due.price == answer.fee and _may_be_owed(due, facts)]
    return msgspec.structs.replace(answer, owed=any(answer.priced or due.required for due in dues))


def _may_be_owed(due: Due, facts: Trial) -> bool:
    """Whether these facts lead to the due: without a claim, and at sites only where some are said."""
    if due.share_of:
        return _may_be_owed(_BY_NAME[due.share_of], facts)
    terms = facts.terms or ORDINARY
    declared = {"": 1, "payment": facts.payment, "insured": terms.insured, "cod": terms.cod}
    return (
        (due.trigger in OF_STORES) == (facts.stay is not None)
        and due.trigger != "claimed"
        and (due.trigger not in AT_SITES or bool(facts.hubs))
        and declared[due.needs] > 0
        and due.parcels in ("", terms.direction)
    )


class _Said:
    """Texts by field, read one by one: all that cannot be understood is kept, and refused together."""

    def __init__(self, texts: Asked) -> None:
        self.texts = texts
        self._problems: dict[str, str] = {}

    def close(self) -> None:
        """Raises RefusedError if anything was not understood."""
        if self._problems:
            raise RefusedError(self._problems)

    def named(self, field: str, names: Names, missing: str = "") -> str:
        """The code of an outlet or product; `missing`: what to say where it has to be said and is not."""
        if field in self.texts:
            return self._found(field, names.find(self.texts[field]), "")
        if missing:
            self._problems[field] = missing
        return ""

    def size(self, most: int) -> tuple[int, int]:
        """The longest side in mm and the volume in cm³, `most` at most; 0 where nothing is said."""
        if "cm" not in self.texts:
            return 0, self.number("m3", M3, most, "cubic metres as 0.006")
        if "m3" in self.texts:
            self._problems["m3"] = "say either cm or m3"
        text = self.texts["cm"]
        sides = text.lower().replace("×", "x").replace("*", "x").split("x")
        read = [part(side.strip(), 10, "centimetres") for side in sides]
        mm = [side for side in read if isinstance(side, int) and 0 < side <= MOST_LENGTH_MM]
        if len(read) != 3 or len(mm) != 3:
            self._problems["cm"] = f"{text!r} is no length x width x height in cm; write 30x20x10"
            return 0, 0
        return max(mm), mm[0] * mm[1] * mm[2] // 1_000

    def number(self, field: str, per: int, most: int, unit: str, default: int = 0) -> int:
        """Parts of which a unit has `per`."""
        if field not in self.texts:
            return default
        return self._found(field, part(self.texts[field], per, unit, most), default)

    def money(self, field: str) -> int:
        """Units of money, not negative."""
        text = self.texts.get(field, "0")
        try:
            units = parse_yuan(text)
        except ValueError as error:
            self._problems[field] = str(error)
            return 0
        if units < 0:
            self._problems[field] = f"{text!r} is negative"
        return units

    def word(self, field: str) -> str:
        """A word as it is."""
        text = self.texts.get(field, "")
        if len(text) > MOST_IDENTIFIER:
            self._problems[field] = f"has more than {MOST_IDENTIFIER} characters"
        return text

    def words(self, field: str) -> tuple[str, ...]:
        """Words joined by |."""
        return tuple(words_in(self.texts.get(field, "")))

    def one_of(self, field: str, allowed: Sequence[str], called: Mapping[str, str] | None = None) -> str:
        """One of these words, by default the first; `called`: what else they are called."""
        text = self.texts.get(field, allowed[0])
        word = (called or {}).get(text, text)
        if word not in allowed:
            there = [word for word in allowed if word]
            self._problems[field] = f"{text!r} is none of {', '.join(there)}{hint(text, there)}"
        return word

    def day(self, field: str, default: int) -> int:
        """A date as days since 1970-01-01."""
        text = self.texts.get(field)
        try:
            return day_of(calendar_date(text)) if text else default
        except ValueError:
            self._problems[field] = f"{text!r} is no date as 2025-11-11"
            return default

    def _found(self, field: str, found: T | Broken, default: T) -> T:
        if isinstance(found, Broken):
            self._problems[field] = found.message
            return default
        return found
