"""What matching and the comparison with bills say, and why a bill is not believed, in Chinese and English.

The books keep one text, in English. `phrases.csv` has each of them with its Chinese; a name in braces stands for a
value, which is told in the words of its kind, or for a further phrase.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dashboards import terms
from schemas.money import yuan
from schemas.reasons import ANSWER, BILL

SEVERAL = "; "
"""Between phrases that are told together."""
_SHARE = re.compile(r"([\d.]+) of (\S+) for ([^,]+)")
_ROW = re.compile(r"^row (\d+)$")
_FIELD = re.compile(r"\{([a-z_]+)\}")


class Told(NamedTuple):
    """A text in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        """For a terminal."""
        return self.zh if self.zh == self.en else f"{self.zh} — {self.en}"


class Phrase(NamedTuple):
    """A phrase: how it is recognised, and how it is told."""

    pattern: re.Pattern[str]
    zh: str
    en: str


Reading = Callable[[str], Told | None]
"""A value for people; None: it is none of its kind."""
_CODES = ("moved", "way", "kind", "rule", "sort", "state", "told", "reason", "problem", "field", "money")
_PATTERNS = {
    **dict.fromkeys(("n", "m"), r"\d+"),
    **dict.fromkeys(("amount", "other"), r"-?[\d.]+|[A-Z]{3}"),
    **dict.fromkeys(_CODES, r"[a-z][a-z0-9_]*"),
    "dues": r"[\d,]+ dues?",
    "day": r"\d{4}-\d\d-\d\d",
    "time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "bill": r"[^()]+",
    "counted": r"[\d,]+ [a-z]+",
    **dict.fromkeys(("column", "total"), r"[^\s:,;]+"),
    "sum": "lines|paid|refunded|fee",
    "part": r"a cell|a field|a text|[a-z_]+|[\u4e00-\u9fff]+",
    "fault": r"(?:[\u4e00-\u9fff]+ )?(?:is|has|of|with|says) .+",
}
"""How values look; others are any text. They are narrow, so that no text takes long to look through."""


def _phrases() -> Iterator[Phrase]:
    with (Path(__file__).parent / "phrases.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            parts = _FIELD.split(row["english"])
            parts[::2] = map(re.escape, parts[::2])
            parts[1::2] = [f"(?P<{name}>{_PATTERNS.get(name, '.+?')})" for name in parts[1::2]]
            yield Phrase(re.compile("".join(parts), re.DOTALL), row["chinese"], row["english"])


PHRASES = tuple(_phrases())


def _of(labels: Mapping[str, tuple[str, str]]) -> Reading:
    return lambda code: Told(*labels[code]) if code in labels else None


def _coded(labels: Mapping[str, str]) -> Reading:
    """Of what has a Chinese name, and is its own English one."""
    return lambda code: Told(labels[code], code) if code in labels else None


def _units(text: str) -> Told | None:
    """Amounts in 0.0001, with what stands between them."""
    said = re.sub(r"\d+", lambda found: yuan(int(found[0])), text)
    return Told(said.replace(" and ", "、"), said)


def _shares(text: str) -> Told | None:
    """What of payments is for which documents."""
    return Told(_SHARE.sub(r"\2 的 \1 对 \3", text).replace(", ", "、"), text)


_FIELDS = {
    "currency": "币种",
    "direction": "收付方向",
    "order": "订单号",
    "original": "原支付",
    "payer": "付款方",
}
_READINGS: dict[str, Reading] = {
    "moved": _of(terms.MOVED),
    "way": _of(terms.WAYS),
    "kind": _of(terms.EXCEPTIONS),
    "sort": lambda code: Told(terms.SORTS[code][0], code),
    **dict.fromkeys(("state", "told"), _of(terms.MONEY_STATES)),
    "reason": _coded(ANSWER),
    "problem": _coded(BILL),
    "field": _coded(_FIELDS),
    "money": lambda name: Told("金额", "amount") if name == "amount_e4" else None,
    "units": _units,
    "values": lambda text: Told(text.replace(" and ", "、"), text),
    "shares": _shares,
    "dues": lambda text: Told(f"{text.partition(' ')[0]} 张单据", text),
}


_PLACES = {"it": "该账单", "the line": "该行", "its archive's entry": "压缩包中的文件"}
_PARTS = {"a cell": "有一格", "a field": "有一字段", "a text": "有一段文本"}
_SUMS = {"lines": "笔数", "paid": "收款", "refunded": "退款", "fee": "手续费"}
_READINGS |= {
    "counted": lambda text: Told(text.partition(" ")[0], text),
    "place": lambda text: Told(_PLACES.get(text) or _ROW.sub(r"第 \1 行", text), text),
    "part": lambda text: Told(_PARTS.get(text, f"{text} "), text),
    "sum": _coded(_SUMS),
}
"""Of why a bill is not believed."""


class Phrases:
    """`labels`: of the matching rules in force, by their names."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        rules = terms.RULES | {name: (label, name) for name, label in labels.items()}
        further = dict.fromkeys(
            ("evidence", "why", "line", "bills", "more_bills", "fault", "sums"), self._known
        )
        self._readings = {**_READINGS, **further, "detail": self.told, "rule": _of(rules)}

    def told(self, text: str) -> Told:
        """A text of the books for people; what no phrase knows as it is."""
        return self._known(text) or Told(text, text)

    def rule(self, name: str) -> Told:
        """A matching rule, or what stands in its place."""
        return self._readings["rule"](name) or Told(name, name)

    def _known(self, text: str) -> Told | None:
        for phrase in PHRASES:
            found = phrase.pattern.fullmatch(text)
            if found is not None and (said := self._filled(phrase, found.groupdict())) is not None:
                return said
        parts = [self._known(part) for part in text.split(SEVERAL)] if SEVERAL in text else []
        if not parts or None in parts:
            return None
        return Told("；".join(one.zh for one in parts if one), SEVERAL.join(one.en for one in parts if one))

    def _filled(self, phrase: Phrase, values: Mapping[str, str]) -> Told | None:
        said: dict[str, Told] = {}
        for name, value in values.items():
            read = self._readings.get(name)
            one = Told(value, value) if read is None else read(value)
            if one is None:
                return None
            said[name] = one
        return Told(
            phrase.zh.format_map({name: one.zh for name, one in said.items()}),
            phrase.en.format_map({name: one.en for name, one in said.items()}),
        )


def not_believed(reason: str, detail: str) -> str:
    """Why a bill is not believed, for a terminal."""
    return f"{BILL.get(reason, '')} {reason}: {Phrases({}).told(detail)}".lstrip()
