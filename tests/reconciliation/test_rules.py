"""`matching.toml` is refused as a whole, with the row and what would be right."""

import pytest

from flows.reconciliation.rules import DEFAULT, FILE, default_rules, read_matching
from schemas.problems import DocumentError
from schemas.times import DAY, MINUTE

TEXT = DEFAULT.read_text("utf-8")
FIRST = next(n for n, line in enumerate(TEXT.splitlines(), 1) if line == "[[rule]]")
LAST = max(n for n, line in enumerate(TEXT.splitlines(), 1) if line == "[[rule]]")


def test_the_default_is_read_as_it_stands() -> None:
    rules = default_rules()
    assert [rule.kind for rule in rules.rules] == [
        "order_number",
        "reference",
        "payer_and_amount",
        "amount_in_window",
    ]
    assert rules.patience == 10 * MINUTE
    assert (rules.write_off, rules.four_eyes) == (500_000, 10_000_000)
    assert rules.rules[2].before == 120 * DAY
    assert rules.rules[0].before is None
    assert rules.rules[3].direction == "in"


@pytest.mark.parametrize(
    ("old", "new", "row", "column", "rule"),
    [
        ('name = "order_number"', 'name = "decided"', FIRST + 1, "name", "wrong_name"),
        ('name = "order_number"', 'name = "deposit"', FIRST + 1, "name", "wrong_name"),
        ('name = "amount_in_window"', 'name = "reference"', LAST + 1, "name", "repeated_rule"),
        ('kind = "order_number"', 'kind = "by_magic"', FIRST + 3, "kind", "wrong_setting"),
        ("documents = 20", "documents = 0", FIRST + 4, "documents", "wrong_setting"),
        ("documents = 20", "documents = 41", FIRST + 4, "documents", "wrong_setting"),
        ("documents = 20", "documents = 1.5", FIRST + 4, "documents", "wrong_setting"),
        ("documents = 20", 'tolerance = "0.00001"', FIRST + 4, "tolerance", "unreadable"),
        ("documents = 20", 'tolerance = "-1"', FIRST + 4, "tolerance", "unreadable"),
        ("documents = 20", "permille = 101", FIRST + 4, "permille", "wrong_setting"),
        ("documents = 20", 'before = "3 weeks"', FIRST + 4, "before", "unreadable"),
        ("documents = 20", 'before = "9999d"', FIRST + 4, "before", "unreadable"),
        ("documents = 20", "least = 2", FIRST + 4, "least", "wrong_setting"),
        ("documents = 20", 'parties = ["甲"]', FIRST + 4, "parties", "wrong_setting"),
        ("documents = 20", 'prefer = ["oldest"]\nprfer = 1', FIRST + 7, "", "not_toml"),
        ("documents = 20", "document = 20", FIRST + 4, "document", "unknown_setting"),
        ('prefer = ["fewest_payments"]', 'prefer = ["oldest", "oldest"]', FIRST + 6, "prefer", "repeated"),
        ('prefer = ["fewest_payments"]', 'prefer = ["cheapest"]', FIRST + 6, "prefer", "wrong_setting"),
        ('kind = "order_number"', 'kind = "oldest_first"', FIRST, "parties", "wrong_setting"),
        ('before = "30m"\n', "", LAST, "before", "wrong_window"),
        ('before = "30m"', 'before = "4d"', LAST + 5, "before", "wrong_window"),
        ('before = "30m"', 'before = "30m"\ndocuments = 2', LAST + 6, "documents", "wrong_setting"),
        ("work = 200000", "work = 0", 28, "work", "wrong_setting"),
        ("most = 2000", "most = 999999", 30, "most", "wrong_setting"),
        ('patience = "10m"', 'patience = "soon"', 26, "patience", "unreadable"),
        ('write_off = "50.00"', 'write_off = "a bit"', 34, "write_off", "unreadable"),
        ('four_eyes = "1000.00"', 'four_eyes = "-5"', 35, "four_eyes", "unreadable"),
        ("[decisions]", "[decision]", 33, "decision", "unknown_setting"),
        ("[decisions]", "[decisions", 33, "", "not_toml"),
    ],
)
def test_what_is_refused(old: str, new: str, row: int, column: str, rule: str) -> None:
    assert old in TEXT
    with pytest.raises(DocumentError) as refused:
        read_matching(TEXT.replace(old, new, 1))
    places = [(one.file, one.row, one.column, one.rule) for one in refused.value.problems]
    assert (FILE, row, column, rule) in places


def test_rules_by_number_come_first_and_amounts_last() -> None:
    head, *rules = TEXT.split("[[rule]]")
    for shuffled, row in (([rules[2], rules[0]], 2), ([rules[3], rules[2]], 2)):
        with pytest.raises(DocumentError) as refused:
            read_matching("[[rule]]".join([head, *shuffled]))
        assert {one.rule for one in refused.value.problems} == {"out_of_place"}
        assert len(refused.value.problems) < row


def test_a_file_without_rules_is_refused() -> None:
    with pytest.raises(DocumentError, match="1 to"):
        read_matching("rule = []")
    with pytest.raises(DocumentError, match="a list of 1 to 50 sections: \\[\\[rule\\]\\]"):
        read_matching("")


def test_every_problem_is_told_at_once() -> None:
    """Of all types, times and amounts, also where something else of the same section is wrong."""
    changes = {
        'patience = "10m"': "patience = 10",
        "work = 200000": 'work = "many"',
        'four_eyes = "1000.00"': 'four_eyes = "-5"',
        'label = "按订单号"': "label = 1\nbefore = 3",
        'before = "120d"\nafter = "3d"\ndocuments = 6': 'before = "soon"\nafter = 3\ndocument = 6',
        'kind = "amount_in_window"': 'kind = "in_window"',
    }
    text = TEXT + '[[deduct]]\nkinds = ["topup"]\nparty = "C-1"\n'
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(DocumentError) as refused:
        read_matching(text)
    lines = text.splitlines()
    found = [(lines[one.row - 1], one.rule) for one in refused.value.problems]
    assert sorted(found) == sorted(
        (
            ("patience = 10", "wrong_setting"),
            ('work = "many"', "wrong_setting"),
            ('four_eyes = "-5"', "unreadable"),
            ("label = 1", "wrong_setting"),
            ("before = 3", "wrong_setting"),
            ('before = "soon"', "unreadable"),
            ("after = 3", "wrong_setting"),
            ("document = 6", "unknown_setting"),
            ('kind = "in_window"', "wrong_setting"),
            ('kinds = ["topup"]', "wrong_kind"),
            ('party = "C-1"', "unknown_setting"),
        )
    )
    assert 'after is not a time in quotation marks, as "30m", "72h" or "90d" [wrong_setting]' in str(
        refused.value
    )
