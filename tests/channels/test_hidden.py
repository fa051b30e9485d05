"""Payers become tokens, cards' numbers disappear, evidence is sealed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.channels.cards import could_be_card, replaced
from sources.channels.evidence import Evidence
from sources.channels.tokens import TOKEN, Tokens

TOKENS = Tokens(b"\x01" * 32)
CARDS = {
    "Visa": "4111111111111111",
    "Visa, 13": "4222222222222",
    "Mastercard": "5555555555554444",
    "Mastercard 2": "2223003122003222",
    "American Express": "378282246310005",
    "Diners": "30569309025904",
    "JCB": "3530111333300000",
    "Discover": "6011111111111117",
    "UnionPay": "6200000000000005",
    "UnionPay, 19": "6205500000000000004",
    "UnionPay 81": "8171999900000018",
}
NONE = {
    "check digit": "4111111111111112",
    "no issuer": "1234567812345670",
    "short": "411111111111",
    "channel's number of 28 digits": "4200001234202511111234567890",
    "Alipay's user": "2088000000000042",
    "phone": "13800138000",
    "date and time": "20251111120000",
}


def _digits_of(text: str) -> str:
    return "".join(filter(str.isdigit, text))


@pytest.mark.parametrize("name", CARDS)
def test_a_cards_number_is_found_however_it_is_written(name: str) -> None:
    """Together, in groups, wide, between words; never in a longer row of digits."""
    card = CARDS[name]
    groups = " ".join(card[n : n + 4] for n in range(0, len(card), 4))
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in card)
    for text in (
        card,
        groups,
        groups.replace(" ", "-"),
        wide,
        groups.replace(" ", "  "),
        "\u200b".join(card),
    ):
        for around in ("{}", "卡号{}。", "FR-1007 {} 2025-11-11", "a{}b", "({})"):
            shown = TOKENS.scrub(around.format(text))
            assert TOKENS.token(card) in shown
            assert card not in _digits_of(shown)
    assert TOKENS.scrub(card + card) == card + card


@pytest.mark.parametrize("name", NONE)
def test_other_numbers_stay(name: str) -> None:
    """Orders, phones, channels' numbers."""
    assert TOKENS.scrub(NONE[name]) == NONE[name]
    assert TOKENS.scrub(f"单号 {NONE[name]} 已付") == f"单号 {NONE[name]} 已付"


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(sorted(CARDS.values())), st.data())
def test_no_text_hides_a_cards_number(text: str, card: str, data: st.DataObject) -> None:
    """Wherever it is put among other signs, unless more digits make its row longer."""
    at = data.draw(st.integers(0, len(text)))
    left, right = text[:at], text[at:]
    shown = TOKENS.scrub(f"{left}运{card}费{right}")
    assert card not in shown
    assert TOKENS.scrub(shown) == shown


@given(st.text(max_size=200))
def test_scrubbing_what_is_clean_changes_nothing(text: str) -> None:
    """What is scrubbed stays as it is, whatever the text."""
    once = TOKENS.scrub(text)
    assert TOKENS.scrub(once) == once
    assert replaced(once, lambda digits: "?") == once


def test_the_check_digit_is_luhns() -> None:
    """One of ten numbers is right, and only that one."""
    r = random.Random(3)
    for _ in range(200):
        body = "4" + "".join(str(r.randrange(10)) for _ in range(r.randrange(11, 18)))
        assert sum(could_be_card(body + str(digit)) for digit in range(10)) == 1


def test_tokens_are_the_same_for_the_same_account_and_key() -> None:
    """Gaps and wide digits are no difference, keys and cases of letters are."""
    token = TOKENS.token("6222020200000000024")
    assert TOKEN.fullmatch(token)
    assert not _digits_of(token)
    for same in (
        "6222 0202 0000 0000 024",
        "6222-0202-0000-0000-024",
        " 6222020200000000024\n",
        "６222020200000000024",
    ):
        assert TOKENS.token(same) == token
    assert TOKENS.token("622202*********0024") == TOKENS.token("6222 02** **** ***0 024")
    assert TOKENS.token("oUpF8a") != TOKENS.token("oUpF8A")
    assert Tokens(b"\x02" * 32).token("6222020200000000024") != token


def test_evidence_opens_only_with_its_key_and_under_its_name() -> None:
    """Sealed alike twice; altered or under another name it does not open; old keys still open."""
    old, new = b"\x01" * 64, b"\x02" * 64
    evidence = Evidence([new, old])
    sealed = evidence.seal("ntf-1", b"raw")
    assert sealed == Evidence([new]).seal("ntf-1", b"raw")
    assert sealed != evidence.seal("ntf-2", b"raw")
    assert b"raw" not in sealed
    assert evidence.unseal("ntf-1", sealed) == b"raw"
    assert evidence.unseal("ntf-1", Evidence([old]).seal("ntf-1", b"raw")) == b"raw"
    for name, altered in (("ntf-2", sealed), ("ntf-1", bytes([sealed[0] ^ 1]) + sealed[1:]), ("ntf-1", b"")):
        with pytest.raises(ValueError, match="evidence"):
            evidence.unseal(name, altered)
    with pytest.raises(ValueError, match="evidence"):
        Evidence([old]).unseal("ntf-1", sealed)
