"""From the content of a verified notification to a payment, by the shape that fits it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from schemas.limits import MOST_IDENTIFIER
from schemas.money import whole_fen
from schemas.payments import Payment
from schemas.times import DAY, SECOND
from sources.channels import fields
from sources.channels.bodies import Content
from sources.channels.model import Channel, Merchant, Shape, paths_of
from sources.channels.read import built_in
from sources.channels.refused import RefusedError
from sources.channels.tokens import Tokens

Meaning = TypeVar("Meaning")
FEWEST_TELLING = 6
"""Characters of an identifier that is looked for in texts: shorter ones stand there by chance."""
MOST_DAYS = 400
"""A payment that is said to be older than this when it is notified is none of ours."""
MOST_PAYMENTS = 200
"""Of one notification; WeChat's combined orders have up to 50."""


class Decoder:
    """Reads the contents of one channel's notifications."""

    def __init__(self, channel: Channel, tokens: Tokens) -> None:
        self._channel = channel
        self._tokens = tokens
        self._merchants = {merchant.number: merchant for merchant in channel.merchant}
        self._shapes = [_Reader(shape) for shape in (*channel.shape, *built_in(channel.format))]
        self._lists = list(dict.fromkeys(shape.shape.each for shape in self._shapes if shape.shape.each))

    def payments(
        self, content: Content, group: str, received: int, own: Sequence[Merchant] | None
    ) -> tuple[Payment, ...]:
        """The payments that a content tells of: all of them, or none is believed. `own`: merchants whose key opened it;
        None: the key says nothing.

        Raises RefusedError.
        """
        each, parts = next(
            (
                (name, found)
                for name in self._lists
                if (found := _elements(content, name.split("."))) is not None
            ),
            ("", [content]),
        )
        if not parts:
            raise RefusedError("field_missing", f"{each} has no element")
        if len(parts) > MOST_PAYMENTS:
            raise RefusedError("body_too_large", f"{each} has more than {MOST_PAYMENTS} elements")
        payments = tuple(self._payment(each, part, group, received, own) for part in parts)
        if len({one.key for one in payments}) < len(payments):
            raise RefusedError("conflicting_duplicate", f"{each} tells of one payment twice")
        return payments

    def _payment(
        self, each: str, content: Content, group: str, received: int, own: Sequence[Merchant] | None
    ) -> Payment:
        shape = next((one for one in self._shapes if one.shape.each == each and one.fits(content)), None)
        if shape is None:
            raise RefusedError("unknown_type", "it tells of nothing that this channel's shapes know")
        merchant = self._merchant(content, shape, shape.merchant, group)
        recipient = self._merchant(content, shape, shape.recipient, group) if shape.recipient else merchant
        if recipient.apps and shape.app:
            field, app = shape.first(content, shape.app)
            if app not in recipient.apps:
                raise RefusedError("unknown_merchant", f"{field} is none of the merchant's apps")
        if own is not None and recipient not in own:
            raise RefusedError("unknown_merchant", "it was encrypted for another merchant")
        return self._filled(shape, content, merchant, received)

    def _merchant(self, content: Content, shape: "_Reader", paths: Sequence["_Path"], group: str) -> Merchant:
        field, number = shape.first(content, paths)
        merchant = self._merchants.get(number)
        if merchant is None:
            raise RefusedError("unknown_merchant", f"{field} is none of the channel's merchants")
        if merchant.group != group:
            raise RefusedError("unknown_merchant", f"{field} is not of group {group}")
        return merchant

    def _filled(self, shape: "_Reader", content: Content, merchant: Merchant, received: int) -> Payment:
        rules = shape.shape
        time = self._time(shape, content, received)
        code = shape.optional(content, shape.currency)
        currency = fields.currency_of(rules.currency, code) if code else "CNY"
        amount = fields.amount(rules.amount, shape.needed(content, shape.amount), rules.unit, currency)
        if not amount:
            raise RefusedError("amount_out_of_range", f"{rules.amount} is nothing")
        if currency == "CNY" and not whole_fen(amount):
            raise RefusedError("part_of_a_fen", f"{rules.amount} has a part of a fen, which nobody can pay")
        fee = shape.optional(content, shape.fee)
        settled = shape.optional(content, shape.settled)
        payer = next(filter(None, (shape.text(content, one).strip() for one in shape.payer)), "")
        backwards = rules.kind in ("refund", "chargeback")
        return Payment(
            channel=self._channel.name,
            merchant=merchant.called,
            group=merchant.group,
            number=self._joined(shape.number, [shape.needed(content, one) for one in shape.number]),
            kind=rules.kind,
            state=shape.word(content, shape.state, rules.states, "success"),
            amount_e4=amount,
            time=time,
            direction=shape.word(content, shape.direction, rules.directions, "out" if backwards else "in"),
            order=self._identifier(rules.order, shape.optional(content, shape.order)),
            original=self._joined(shape.original, [shape.text(content, one) for one in shape.original]),
            currency=currency,
            fee_e4=fields.amount(rules.fee, fee, rules.unit, currency) if fee else None,
            payer=self._tokens.token(payer) if payer else "",
            text=self._text(shape, content, payer),
            settled=fields.settled(rules.settled, settled, time) if settled else None,
        )

    def _time(self, shape: "_Reader", content: Content, received: int) -> int:
        """When it happened; not later than it was told, and not long ago."""
        field, when = shape.first(content, shape.time)
        time = fields.time(field, when, shape.shape.time_format, shape.offset)
        if time > received + self._channel.max_ahead * SECOND:
            raise RefusedError("time_in_future", f"{field} is later than when it was received")
        if time < received - MOST_DAYS * DAY:
            raise RefusedError("time_too_old", f"{field} is more than {MOST_DAYS} days ago")
        return time

    def _text(self, shape: "_Reader", content: Content, payer: str) -> str:
        """Free text without cards' numbers and without the payer's identifier."""
        text = " ".join(filter(None, (fields.readable(shape.text(content, one)) for one in shape.texts)))
        if len(payer) >= FEWEST_TELLING and payer in text:
            text = text.replace(payer, self._tokens.token(payer))
        return self._tokens.scrub(text)[: fields.MOST_TEXT]

    def _identifier(self, field: str, value: str) -> str:
        """An identifier without cards' numbers; the channel's bills have the same one."""
        return self._tokens.scrub(fields.identifier(field, value.strip()))[:MOST_IDENTIFIER]

    def _joined(self, paths: Sequence["_Path"], values: Sequence[str]) -> str:
        """Several fields that name something together; empty: one of them is."""
        parts = [self._identifier(one.name, value) for one, value in zip(paths, values, strict=True)]
        return fields.identifier("the number", "/".join(parts)) if all(parts) else ""


def _elements(content: Content, steps: Sequence[str]) -> list[Content] | None:
    """A content once for each element of a list in it, with the element in the list's place; None: it has no list."""
    first, *below = steps
    inner = content.get(first)
    parts: list[Any] | None
    if below:
        parts = _elements(inner, below) if isinstance(inner, dict) else None
    else:
        parts = inner if isinstance(inner, list) else None
    return None if parts is None else [{**content, first: part} for part in parts[: MOST_PAYMENTS + 1]]


class _Path:
    """A field's name and the steps to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps = name.split(".")


class _Reader:
    """A shape, its paths split once."""

    def __init__(self, shape: Shape) -> None:
        def one(name: str) -> _Path | None:
            return _Path(name) if name else None

        def several(names: Sequence[str]) -> list[_Path]:
            return [_Path(name) for name in names]

        self.shape = shape
        self.has = several(shape.has)
        self.when = [(_Path(name), words) for name, words in shape.when.items()]
        self.merchant, self.app = several(paths_of(shape.merchant)), several(paths_of(shape.app))
        self.recipient = several(paths_of(shape.recipient))
        self.amount, self.order, self.fee = _Path(shape.amount), one(shape.order), one(shape.fee)
        self.currency, self.settled = one(shape.currency), one(shape.settled)
        self.state, self.direction = one(shape.state), one(shape.direction)
        self.number, self.original = several(shape.number), several(shape.original)
        self.time, self.payer, self.texts = several(shape.time), several(shape.payer), several(shape.text)
        self.offset = fields.offset_of(shape.zone)

    def fits(self, content: Content) -> bool:
        """Whether a content is of this shape."""
        return all(self.text(content, one) for one in self.has) and all(
            self.text(content, one) in words for one, words in self.when
        )

    @staticmethod
    def text(content: Content, path: _Path) -> str:
        """A field's text; empty: it is not there."""
        found: object = content
        for step in path.steps:
            if not isinstance(found, dict):
                return ""
            found = found.get(step)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise RefusedError("field_unreadable", f"{path.name} is no text and no number")
        return found

    def optional(self, content: Content, path: _Path | None) -> str:
        """A field's text; empty: it is not there, or the shape has no such field."""
        return self.text(content, path) if path is not None else ""

    def needed(self, content: Content, path: _Path) -> str:
        """A field's text, which must not be empty."""
        if not (found := self.text(content, path).strip()):
            raise RefusedError("field_missing", f"{path.name} is missing")
        return found

    def first(self, content: Content, paths: Sequence[_Path]) -> tuple[str, str]:
        """The first of several fields that is filled in: (name, text)."""
        for path in paths:
            if found := self.text(content, path).strip():
                return path.name, found
        raise RefusedError("field_missing", f"{paths[0].name} is missing")

    def word(
        self, content: Content, path: _Path | None, words: Mapping[str, Meaning], default: Meaning
    ) -> Meaning:
        """What one of the channel's words means."""
        if path is None:
            return default
        found = words.get(self.needed(content, path))
        if found is None:
            raise RefusedError("field_unreadable", f"{path.name} has a word that is not known")
        return found
