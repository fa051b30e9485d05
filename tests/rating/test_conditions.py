"""Conditions in CEL: whatever could go wrong with one for some parcel is found when its book is read."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.audit.tariffs import _condition as audited
from flows.rating.conditions import NAMES, NUMBER, TEXT, TYPES, Condition, condition
from flows.rating.findings import Broken


@pytest.mark.parametrize(
    ("text", "rule", "says"),
    [
        ('channel == "taobao" && weight_g > "3000"', "wrong_type", "at character 33: '>' does not fit number, text"),
        ('channel == "taobao" && channel > 1000', "wrong_type", "at character 32: '>' does not fit text, number"),
        ('"x" in hubs && weight_g', "wrong_type", "'&&' does not fit true or false, number"),
        ('"x" in hubs ? channel > 1000 : false', "wrong_type", "'>' does not fit text, number"),
        ('weight_g == "1"', "wrong_type", "'==' does not fit number, text"),
        ("holiday == 3", "wrong_type", "'==' does not fit text, number"),
        ("1 in hubs", "wrong_type", "'in' does not fit number, texts"),
        ("weight_g > 3u", "wrong_type", "'>' does not fit number, unsigned number"),
        ("weight_g", "wrong_type", "is true or false in no case, but number"),
        ("weight_g > 1.5", "not_whole", "numbers are whole"),
        ("weight_g * 9223372036854775807 > 3", "overflows", "so large that it could not be worked out"),
        ("99999999999999999999 > weight_g", "not_cel", "at character 1: invalid int literal"),
        ("weight > 3", "unknown_name", "'weight' is no fact of a parcel; the nearest is weight_g; "),
        ("product == STD", "unknown_name", "a text stands in quotation marks, 'STD'; there are origin, "),
        ("channel = 'douyin'", "not_cel", "at character 9: write == for what has to be equal"),
        ("hubs.first == 'A'", "not_cel", "at character 5: "),
        ('channel.matches("a")', "not_allowed", "at character 16: 'matches' may not"),
        ('string(weight_g) == "3"', "not_allowed", "'string' may not"),
        ("weight_g % 2 == 0", "not_allowed", "'%' may not"),
        ('hubs[0] == "A"', "not_allowed", "'[ ]' may not"),
        ('hubs.exists(hub, hub == "x")', "not_allowed", "at character 12: 'exists' may not"),
        ("services.map(a, true).size() > 0", "not_allowed", "at character 13: 'map' may not"),
        ("[1, 1].map(a, [1].map(b, a + b)).size() > 0", "not_allowed", "'map' may not"),
        ('hubs.filter(hub, hub == "x").size() > 0', "not_allowed", "'filter' may not"),
        ("channel ==", "not_cel", "at character 11: Syntax error"),
        ("product == '" + "x" * 400 + "'", "condition_too_long", "400"),
    ],
)  # fmt: skip
def test_refused(text: str, rule: str, says: str) -> None:
    found = condition(text)
    assert isinstance(found, Broken)
    assert found.rule == rule
    assert says in found.message


FACTS = st.fixed_dictionaries(
    {
        name: st.integers(-(2**40), 2**40)
        if kind == NUMBER
        else st.sampled_from(["", "A", "B"])
        if kind == TEXT
        else st.lists(st.sampled_from(["A", "B"]), max_size=3)
        for name, kind in TYPES.items()
    }
)
NUMBERS = st.sampled_from([name for name in NAMES if TYPES[name] == NUMBER]) | st.integers(0, 9).map(str)
TEXTS = st.sampled_from([*(name for name in NAMES if TYPES[name] == TEXT), '"A"', "'B'"])
SIDES = NUMBERS | TEXTS | st.sampled_from(["hubs", "services", "true"])
SIMPLE = st.builds(
    lambda one, sign, other: f"{one} {sign} {other}", SIDES, st.sampled_from(["==", ">", "in", "+"]), SIDES
)
ANY = st.recursive(
    SIMPLE,
    lambda some: (
        st.builds(
            lambda one, sign, other: f"({one} {sign} {other})", some, st.sampled_from(["&&", "||"]), some
        )
        | st.builds(lambda one, two, three: f"({one} ? {two} : {three})", some, some, some)
        | st.builds(lambda one: f"!({one})", some)
    ),
    max_leaves=5,
)


@given(ANY, FACTS)
def test_what_is_accepted_is_true_or_false_of_every_parcel_and_the_auditor_agrees(
    text: str, facts: dict[str, Any]
) -> None:
    found = condition(text)
    if not isinstance(found, Broken):
        assert isinstance(found.program.eval(data=facts).value(), bool)
        assert found.holds(facts) == audited(text, facts)


def test_a_product_that_overflows_for_one_parcel_is_false() -> None:
    large = condition("weight_g * pieces > 0")
    assert isinstance(large, Condition)
    facts = dict.fromkeys(NAMES, 2**40)
    assert not large.holds(facts)
    assert not audited(large.text, facts)


def test_what_it_looks_at_and_compares_with() -> None:
    one = Condition("""channel == 'it\\'s' && (weight_g > 3 || product in ["A", ""])""")
    assert one.names == ["channel", "product", "weight_g"]
    assert one.texts == ["it\\'s", "A", ""]
    assert pickle.loads(pickle.dumps(one)) == one


def test_whole_texts_that_it_compares_facts_with() -> None:
    one = Condition(
        """'A' != product && channel in ['x', "y"] || 'up' in services || origin.startsWith('3')"""
    )
    assert one.compared == [("product", "A"), ("channel", "x"), ("channel", "y"), ("services", "up")]
    assert Condition("product in [] || pieces == 3").compared == []
