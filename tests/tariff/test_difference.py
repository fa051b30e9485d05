"""Differences of books: by what rows are for, not by where they stand."""

from flows.rating.book import read_book
from flows.rating.difference import difference
from flows.rating.settings import FILE
from tests.rating.material import FILES, NETWORK


def changes(**changed: str) -> list[str]:
    """What differs after some files are others."""
    other = {
        **FILES,
        **{name.replace("_", "-") + ".csv": text for name, text in changed.items() if name != "toml"},
    }
    if "toml" in changed:
        other[FILE] = changed["toml"]
    return [str(change) for change in difference(read_book(FILES, NETWORK), read_book(other, NETWORK))]


def test_a_book_does_not_differ_from_itself_in_another_order() -> None:
    header, *lines = FILES["transit-2025.csv"].splitlines()
    assert changes(transit_2025="\n".join([header, *reversed(lines)]) + "\n") == []


def test_prices_that_change_come_and_go() -> None:
    assert changes(waybill="product,price\n,1.10\n特快,2\n") == [
        "~ waybill base waybill.csv: any: price 1.00 → price 1.10",
        "- waybill base waybill.csv: product ecommerce: price 0.85",
        "+ waybill base waybill.csv: product express: price 2.00",
    ]
    header, _, *rest = FILES["transit-2025.csv"].splitlines()
    (gone,) = changes(transit_2025="\n".join([header, *rest]) + "\n")
    assert gone.startswith("- transit base transit-2025.csv: ")


def test_the_order_of_surcharges_and_discounts() -> None:
    lines = (
        f'[[table]]\nfee = "waybill"\nkind = "{kind}"\nname = "{name}"\nfile = "{name}.csv"\nshape = "flat"\n'
        "effective_from = 2025-01-01\n"
        for kind, name in (("discount", "减"), ("surcharge", "加"))
    )
    toml = FILES[FILE] + "".join(lines)
    prices = {f"{name}.csv": "price\n1\n" for name in "加减"}
    usual, mixed = (
        read_book({**FILES, **prices, FILE: order + toml}, NETWORK)
        for order in ("", 'adjustments = "as_listed"\n')
    )
    assert [str(change) for change in difference(usual, mixed)] == [
        "~ waybill: order of surcharges and discounts: 加、减 → 减、加"
    ]
    assert not list(difference(mixed, mixed))


def test_settings_and_tables() -> None:
    toml = FILES[FILE]
    assert changes(toml=toml.replace("divisor = 6000", "divisor = 5000")) == [
        "~ transit base transit-2026.csv: divisor: 6000 → 5000"
    ]
    assert changes(toml=toml.replace("difference_g = 500", "difference_g = 600"))[0].startswith(
        "~ weight policy: {"
    )
    renamed = changes(toml=toml.replace('"测试价格手册"', '"另一本"'))
    assert renamed == ["~ name: 测试价格手册 → 另一本"]
    words = changes(toml=toml.replace("[weight]", '[words]\nchannel = "taobao|douyin"\n[weight]', 1))
    assert words == ["+ words channel: taobao|douyin"]
    lines = ["[[table]]", 'fee = "waybill"', 'kind = "surcharge"', 'name = "春节"', 'file = "s.csv"']
    more = "\n".join([toml, *lines, 'shape = "flat"', "effective_from = 2025-01-01", ""])
    assert [line[:1] for line in changes(toml=more, s="price\n1\n")] == ["+", "+"]
