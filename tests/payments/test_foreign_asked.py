"""What people are asked bears its age, and its currency where it is not the ledger's."""

from datetime import date

from dashboards.asked import showing
from dashboards.live.lists import LISTINGS, list_page
from dashboards.payments import AGES
from dashboards.trail import trail
from deploy.reconciliation.people import Answer, listing, undone
from deploy.reconciliation.taken import became
from schemas.money import YUAN
from schemas.times import DAY
from tests.channels.world import NOON, told, world
from tests.payments.written import written
from tests.servers.store import Store


def test_what_is_asked_bears_its_currency_and_its_age(lasting_store: Store) -> None:
    """In the list, alone, beside its payment, on the page, and after an answer; yuan bear none."""
    books = written(lasting_store)
    for number, currency in (("D1", "USD"), ("D2", "CNY")):
        payment = told("bank", number, amount_e4=20 * YUAN, currency=currency)
        books.take(world().signer.notification(payment, payment.time))
    books.until(NOON + DAY).until(NOON + 3 * DAY)
    *listed, as_of = listing(books.client)
    dollars, ours = sorted(listed, key=lambda line: "/D2" in line)
    assert as_of.endswith(AGES)
    assert ("/D1  20.00 USD  " in dollars, "/D2  20.00  " in ours) == (True, True)
    number, subject = dollars.split()[0], dollars.split()[5]
    first, *others = showing(books.client, number)
    assert f"{subject}  20.00 USD  待处理 open" in first
    assert any("待处理 open  20.00 USD  " in line for line in others)
    assert any("待处理 open  20.00 USD" in step.line for step in trail(books.client, subject))
    page = list_page(books.client, LISTINGS["exceptions"], "", 1)
    assert sorted(row["foreign"] for row in page["rows"]) == ["", "USD"]
    assert page["ages_as_of"] == as_of
    books.take(Answer(books.client, "li").refund(number))
    (undone_,) = undone(books.client)
    assert f"{subject}  20.00 USD  li" in undone_
    (row,) = list_page(books.client, LISTINGS["decisions"], "", 1)["rows"]
    assert row["foreign"] == "USD"
    books.take(Answer(books.client, "li", "认错").withdraw(row["decision_id"]))
    asked = Answer(books.client, "li").ignore(number, date(2025, 12, 1))
    books.take(asked).until(NOON + 5 * DAY)
    assert became(books.client, asked)[1][-1].endswith("  20.00 USD  暂缓 sleeps")
    ours, _ = listing(books.client)
    assert "  2d  " in ours
