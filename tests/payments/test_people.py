"""What people are asked in the terminal, what they answer, and why a payment was matched."""

import re
from collections.abc import Callable
from datetime import date

import msgspec
import pytest

from dashboards.asked import showing
from dashboards.payments import figures
from dashboards.records import record
from dashboards.trail import one_meant, trail
from dashboards.why import explained
from deploy import cli
from deploy.reconciliation import people
from deploy.reconciliation.people import Answer, listing, undone
from deploy.reconciliation.taken import WRITING, became
from schemas.money import YUAN
from schemas.payments import BillLine, PaymentDecided, exception_id
from schemas.times import DAY
from tests.bills.lane import not_believed, parts
from tests.channels.world import NOON
from tests.deploy.command import waybook
from tests.payments.test_close_people import sent_to
from tests.payments.world import decided, due, key, paid, refunded
from tests.payments.written import Written, written
from tests.servers.store import Store


@pytest.fixture(scope="module")
def store(lasting_store: Store) -> Written:
    """Books in a store."""
    return written(lasting_store)


def test_from_the_question_to_the_answer(store: Written) -> None:
    store.take(
        due("FR-1001", "2000.00"),
        due("FR-1002", "30.00"),
        paid("A1", "2000.00", "FR-7777"),
        paid("A2", "29.00", "FR-1002"),
    ).until(NOON + DAY)
    unknown = store.exception("unknown_payment")
    lines = [line for line in listing(store.client) if unknown in line]
    assert len(lines) == 1
    assert "来款无对应单据" in lines[0]
    assert f"{key('A1')}  2,000.00  " in lines[0]
    shown = "\n".join(showing(store.client, unknown))
    assert "2,000.00" in shown
    assert "待处理 open" in shown
    assert "依据 evidence: 没有可核销的未结单据 — nothing open that it could pay" in shown

    made = Answer(store.client, "li", "customer called").match(unknown, [("FR-1001", 2000 * YUAN)])
    store.take(made)
    assert store.status("FR-1001")[0] == "open", "above the four-eyes amount another person has to agree"
    (waits,) = [line for line in undone(store.client) if made.id in line]
    assert (
        f"waits for another person: waybook exceptions approve  核销 match  {key('A1')} → FR-1001  2,000.00"
        in waits
    )
    assert any(unknown in line and made.id in line for line in listing(store.client))
    with pytest.raises(ValueError, match="another person"):
        Answer(store.client, " Li").approve(made.id)
    store.take(*(decided("approve", f"K{n}", by, of=made.id) for n, by in enumerate(("li", " LI ", "ｌｉ"))))
    assert store.status("FR-1001")[0] == "open", "that is the same person"
    assert any(made.id in line for line in undone(store.client))
    store.take(Answer(store.client, "wang").approve(made.id))
    assert store.status("FR-1001")[0] == "paid"
    assert not [line for line in listing(store.client) if unknown in line]
    assert not list(undone(store.client))
    closed = "\n".join(showing(store.client, unknown))
    assert "已关闭 closed" in closed
    assert made.id in closed
    with pytest.raises(LookupError, match="is closed"):
        Answer(store.client, "li").refund(unknown)
    assert any("人工裁决：2000.00" in line.zh for line in explained(store.client, key("A1")))

    with pytest.raises(ValueError, match="withdraw needs a reason"):
        Answer(store.client, "wang").withdraw(made.id)
    first = Answer(store.client, "wang", "another customer's").withdraw(made.id)
    store.take(first)
    assert store.status("FR-1001")[0] == "paid", (
        "another person had to approve it, so another has to withdraw it"
    )
    assert became(store.client, first)[1][0].startswith(
        f"已记录 noted; {made.id}: 撤回待他人确认 withdrawal waits"
    )
    (waits,) = [line for line in undone(store.client) if made.id in line]
    assert "withdrawal waits for another person: waybook exceptions withdraw  核销 match" in waits
    with pytest.raises(ValueError, match="wang has withdrawn it: another person"):
        Answer(store.client, "wang", "again").withdraw(made.id)
    second = Answer(store.client, "zhao", "another customer's").withdraw(made.id)
    store.take(second)
    assert became(store.client, second)[1][0].startswith(f"已记录 noted; {made.id}: 已撤回 withdrawn")
    assert not list(undone(store.client))
    with pytest.raises(LookupError, match="was withdrawn"):
        Answer(store.client, "chen").approve(made.id)
    assert store.status("FR-1001")[0] == "open"
    assert store.balances()["HQ", "2601"] == -2000


def test_an_exception_sleeps_and_wakes(store: Written) -> None:
    store.take(paid("A5", "3.00", "FR-8888")).until(NOON + 2 * DAY)
    number = next(line.split()[0] for line in listing(store.client) if key("A5") in line)
    store.take(Answer(store.client, "li").ignore(number, date(2025, 11, 20)))
    assert not [line for line in listing(store.client) if number in line]
    (line,) = [line for line in listing(store.client, ignored=True) if number in line]
    assert line.endswith("  暂缓至 sleeps until 2025-11-20 00:00:00")
    store.until(NOON + 10 * DAY)
    assert [line for line in listing(store.client) if number in line]
    for days, there in ((8, True), (10, False)):
        assert any(number in line for line in listing(store.client, age=days * DAY)) == there


def test_why(store: Written) -> None:
    store.take(due("FR-1010", "40.00"), paid("A10", "40.00", "FR-1010"))
    told = "\n".join(map(str, explained(store.client, key("A10"))))
    assert "matched: 40.00 for FR-1010 by order_number" in told
    assert "order_number: 40.00 for FR-1010 (order number FR-1010)" in told
    with pytest.raises(LookupError, match="no payment"):
        explained(store.client, key("A99"))
    with pytest.raises(LookupError, match="no exception ex-1"):
        list(showing(store.client, "ex-1"))


def test_why_is_told_by_the_same_ages_as_matching_goes_by(store: Written) -> None:
    store.take(
        due("FR-1011", "100.00", references=("CO-1011",), due_day="2025-12-31"),
        due("FR-1012", "70.00", references=("CO-1011",), due_day="2025-11-30"),
        paid("A11", "90.00", "CO-1011"),
        paid("A12", "80.00", "CO-1011", time=NOON + 1000),
    )
    stands = {
        document: amount
        for (payment, document), (amount, _) in store.matches().items()
        if payment == key("A11")
    }
    assert stands == {"FR-1012": 70, "FR-1011": 20}
    told = explained(store.client, key("A11"))
    assert [line.en for line in told if line.en.startswith("matched: ")] == [
        "matched: 20.00 for FR-1011 by order_number (order number CO-1011, 2 payments together)",
        "matched: 70.00 for FR-1012 by order_number (order number CO-1011, 2 payments together)",
    ]


def test_from_a_payment_or_a_document_down_to_the_notification(store: Written) -> None:
    store.take(due("FR-1030", "40.00"), paid("A30", "40.00", "FR-1030", fee_e4=2_400))
    store.take(due("FR-1030", "30.00", id="FR-1030-2", time=NOON))
    told = [step.line for step in trail(store.client, key("A30"))]
    shown = "\n".join(told)
    assert sum(line.startswith("核销") for line in told) == 3, shown
    assert "taken back" in shown
    assert "多付 amount_over" in shown
    assert (
        "1815 支付渠道资金-其他渠道 Clearing of other channels 借 40.00  渠道收款 receipt through a channel"
        in shown
    )
    assert told[-1].startswith("通知 notification")
    assert "waybook evidence ntf-" in told[-1]
    line = BillLine("payment", "A30", "FR-1030", "", 400_000, 2_400, NOON)
    store.take(*parts(date(2025, 11, 11), line))
    (billed,) = [step for step in trail(store.client, key("A30")) if step.label == "账单 bill"]
    assert billed.line.startswith(
        "账单 bill  2025-11-11  交易账单 trade bill  成功 success  40.00 CNY  手续费 fee 0.24  "
    )
    steps = trail(store.client, "FR-1030")
    assert [(step.label, step.other) for step in steps[-2:]] == [
        ("账单 bill", key("A30")),
        ("通知 notification", key("A30")),
    ]
    assert steps[-1].text.endswith(f")  {key('A30')}")
    document = "\n".join(step.line for step in steps)
    assert "多付 over-paid" in document
    assert key("A30") in document
    assert "receivable" in document
    with pytest.raises(LookupError, match="no payment and no document"):
        trail(store.client, "FR-404")


def test_a_document_tells_its_own_entries_and_those_of_its_matches(store: Written) -> None:
    store.take(
        due("FR-1032", "50.00"),
        due("FR-1033", "30.00", references=("CO-1032",)),
        due("FR-1034", "20.00", references=("CO-1032",)),
        paid("A32", "20.00", "FR-1032", fee_e4=1_000),
        paid("A33", "50.00", "CO-1032"),
    )
    store.take(due("FR-1032", "10.00", id="FR-1032-2", time=NOON))
    store.take(decided("write_off", "K32", document="FR-1034", amount_e4=YUAN))
    for document, payment, own, lines in (("FR-1032", "A32", 6, 6), ("FR-1034", "A33", 2, 8)):
        steps = trail(store.client, document)
        entries = [step for step in steps if step.label == "分录 journal"]
        matches = [step for step in steps if step.label in ("核销 match", "核减 write-off")]
        of_matches = [step for step in entries if "核销" in step.text or "核减" in step.text]
        assert (len(entries) - len(of_matches), len(of_matches)) == (own, lines), steps
        for match in matches:
            number = match.text.rpartition("(")[2].rstrip(")")
            two = [step for step in of_matches if f"{match.label} {number}" in step.text]
            assert len(two) == 2, match.line
            between = f"{key(payment)} → {document}" if match.other else document
            assert all(step.text.endswith(f"{number}  {between}") for step in two), two
            assert all(step.other == match.other for step in two), two
        assert not any("payment_in" in step.text for step in entries), "the receipt is the payment's"
    of_payment = [step for step in trail(store.client, key("A33")) if step.label == "分录 journal"]
    assert {step.other for step in of_payment} == {"", "FR-1033", "FR-1034"}


def test_an_answer_tells_what_holds_after_it(store: Written) -> None:
    """What a person left of a payment a rule has matched, and of another nothing could."""
    party = {"party": "C-34"}
    store.take(
        due("FR-1036", "60.00", **party),
        due("FR-1037", "90.00", **party),
        paid("A36", "100.00", "FR-7736", payer="someone"),
    ).until(NOON + 19 * DAY)
    number = exception_id("north", "unknown_payment", key("A36"))
    store.take(made := Answer(store.client, "li", "说了").match(number, [("FR-1036", 60 * YUAN)]))
    taken, (state, *holds) = became(store.client, made)
    assert (taken, state) == (True, "生效 in force")
    over = exception_id("north", "amount_over", key("A36"))
    assert holds == [
        f"{key('A36')}  100.00 CNY  已核销 matched 60.00  未核销 not matched 40.00",
        "  FR-1036  60.00  人工裁决 decided: 人工裁决 — a person's decision",
        "FR-1036  多付 over-paid  已付 paid 60.00  已退 refunded 0.00  未付 open 0.00 CNY",
        f"{number}  来款无对应单据 unknown_payment  {key('A36')}  已关闭 closed",
        f"{over}  多付 amount_over  {key('A36')}  40.00  待处理 open",
    ]
    store.take(due("FR-1038", "40.00", references=("FR-7736",), **party))
    _, (_, *holds) = became(store.client, made)
    assert holds[2] == "  FR-1038  40.00  按订单号 order_number: 订单号 FR-7736 — order number FR-7736"
    assert not any("待处理" in line for line in holds)
    told = [str(line) for line in explained(store.client, key("A36"))]
    assert told[-1] == (
        "人工核销其中 60.00，余款由规则核销 40.00，尚有 0.00 未核销 — "
        "people matched 60.00 of it, rules 40.00 of what that left; 0.00 is not matched"
    )
    store.take(back := Answer(store.client, "li", "认错").withdraw(made.id))
    _, (state, *holds) = became(store.client, back)
    assert state == f"已记录 noted; {made.id}: 已撤回 withdrawn"
    assert any(f"{key('A36')}  60.00  待处理 open" in line for line in holds), holds


def test_what_nobody_is_asked_about_is_answered_too(store: Written) -> None:
    """A match by a number that was wrong, and the rest of what may be paid in parts: neither is an exception."""
    store.take(
        due("FR-1080", "60.00", party="C-80"),
        due("FR-1081", "60.00", party="C-81"),
        due("FR-1082", "10.00", party="C-82"),
        paid("A80", "60.00", "FR-1080"),
        paid("A82", "9.00", "FR-1082"),
    )
    assert not [line for line in listing(store.client) if key("A80") in line or key("A82") in line]
    answer = Answer(store.client, "li", "尾差")
    store.take(made := answer.match("A80", [("FR-1081", 60 * YUAN)]))
    assert made.exception == ""
    assert (store.status("FR-1080")[0], store.status("FR-1081")[0]) == ("open", "paid")
    store.take(made := answer.write_off("FR-1082", "", YUAN))
    assert became(store.client, made)[1][1] == (
        "FR-1082  已付清 paid  已付 paid 9.00  已退 refunded 0.00  已核减 written off 1.00  未付 open 0.00 CNY"
    )
    store.take(other := answer.write_off("FR-1082", "", YUAN // 2))
    assert "已核减 written off 0.50  未付 open 0.50 CNY" in became(store.client, other)[1][1], (
        "the later one counts"
    )
    with pytest.raises(ValueError, match=r"no more than 1\.00 of FR-1082 can be written off"):
        answer.write_off("FR-1082", "", YUAN + 1)
    with pytest.raises(ValueError, match=r"no more than 0\.00 of FR-1081 can be written off"):
        answer.write_off("FR-1081", "", YUAN)
    with pytest.raises(LookupError, match="FR-1082 is no payment"):
        answer.refund("FR-1082")
    with pytest.raises(LookupError, match="no payment and no document FR-404"):
        answer.match("FR-404", [("FR-1081", YUAN)])
    store.take(made := answer.refund(key("A80")))
    assert made.amount_e4 == 60 * YUAN, "all of it goes back"
    store.take(due("FR-1083", "20.00"), paid("A83", "25.00", "FR-1083"))
    made = answer.refund("A83")
    assert made.exception == exception_id("north", "amount_over", key("A83"))
    assert made.amount_e4 == 5 * YUAN, "where people are asked about a part of it, that part"
    store.take(made)
    with pytest.raises(
        ValueError, match=rf"5.00 of \S+ has to go back already, by {made.id}: withdraw that, or say"
    ):
        answer.refund("A83")
    with pytest.raises(ValueError, match=r"is of 25\.00: no more can go back"):
        answer.refund("A83", 25 * YUAN + 100)
    store.take(whole := answer.refund("A83", 25 * YUAN))
    assert whole.amount_e4 == 25 * YUAN, "in the place of what was decided before"
    owed = "FR-1083  未付 open  已付 paid 0.00  已退 refunded 0.00  未付 open 20.00 CNY"
    assert owed in became(store.client, whole)[1], "the document that it is taken from is told, too"
    store.take(answer.withdraw(whole.id), answer.withdraw(made.id))


def test_what_was_decided_is_told_with_it(store: Written) -> None:
    """Which payment is for which document, how much, and who agreed: with the payment, the document, the exception and
    the decision itself."""
    store.take(due("FR-1085", "1500.00"), paid("A85", "1500.00", "FR-7785")).until(NOON + 20 * DAY)
    number = exception_id("north", "unknown_payment", key("A85"))
    store.take(made := Answer(store.client, "li", "客户来函").match(number, [("FR-1085", 1500 * YUAN)]))
    store.take(agreed := Answer(store.client, "wang").approve(made.id))
    decided_ = f"核销 match {made.id}  生效 in force  li  客户来函  {key('A85')} → FR-1085 1,500.00"
    approved = f"复核同意 approve {agreed.id}  已记录 noted  wang  关于 of {made.id}"
    for name in (key("A85"), "FR-1085"):
        steps = [step for step in trail(store.client, name) if step.label == "裁决 decision"]
        assert [step.text for step in steps] == [decided_, approved]
        assert steps[0].other == ({key("A85"), "FR-1085"} - {name}).pop()
    (asked,) = [step for step in trail(store.client, key("A85")) if step.label == "差异 exception"]
    assert "来款无对应单据 unknown_payment  已关闭 closed  1,500.00" in asked.text, (
        "what was asked once stands there, too"
    )
    assert "原路退回" not in asked.text, "nothing is left to be done"
    shown = "\n".join(showing(store.client, number))
    assert "组 group north" in shown
    assert decided_ in shown
    assert approved in shown
    ran = waybook(("exceptions", "show", made.id), {"WAYBOOK_CLICKHOUSE": vars(store.client)["url"]})
    assert (ran.returncode, decided_ in ran.stdout, approved in ran.stdout) == (0, True, True), ran.stderr


def test_what_was_replaced_says_by_what(store: Written) -> None:
    """Of two decisions about the same thing the later one counts, until it is withdrawn: with the payment, the
    document, the exception and the decision itself, and where money has to go back."""
    store.take(
        *(due(f"FR-109{n}", "50.00", party=f"C-9{n}") for n in range(3)),
        paid("A90", "90.00", "FR-7790"),
        paid("A91", "50.00", "FR-7791"),
        paid("A92", "49.00", "FR-1092"),
    ).until(NOON + 20 * DAY)
    number, asleep = (exception_id("north", "unknown_payment", key(one)) for one in ("A90", "A91"))
    li = Answer(store.client, "li", "客户来函")
    answers: list[Callable[[], PaymentDecided]] = [
        lambda: li.match(number, [("FR-1090", 50 * YUAN), ("FR-1091", 40 * YUAN)]),
        lambda: li.match("A90", [("FR-1091", 30 * YUAN)]),
        lambda: li.write_off("FR-1092", "", YUAN),
        lambda: li.write_off("FR-1092", "", YUAN // 2),
        lambda: li.ignore(asleep, date(2026, 1, 1)),
        lambda: li.ignore(asleep, date(2026, 2, 1)),
        lambda: li.refund("A91"),
        lambda: msgspec.structs.replace(made, id="decision-another", time=made.time + 1),
        lambda: li.match("A90", [("FR-1090", 45 * YUAN)]),
    ]
    said = []
    for answer in answers:
        store.take(made := answer())
        said.append(made.id)
    first, second, off, less, sleeps, longer, back, again, third = said

    def states(name: str) -> list[str]:
        steps = [step.text for step in trail(store.client, name) if step.label == "裁决 decision"]
        return ["  ".join(text.split("  ")[:3]) for text in steps]

    replaced = (
        f"核销 match {first}  已被取代 replaced by a later one  由 by {' '.join(sorted((second, third)))}"
    )
    for name in (key("A90"), "FR-1090", "FR-1091"):
        assert states(name)[0] == replaced
    assert states(key("A90"))[1:] == [f"核销 match {one}  生效 in force  li" for one in (second, third)]
    assert states("FR-1092") == [
        f"核减 write off {off}  已被取代 replaced by a later one  由 by {less}",
        f"核减 write off {less}  生效 in force  li",
    ]
    assert states(key("A91")) == [
        f"{what}  {state}"
        for what, one, by in (("暂缓 ignore", sleeps, longer), ("退回 give back", back, again))
        for what, state in (
            (f"{what} {one}", f"已被取代 replaced by a later one  由 by {by}"),
            (f"{what} {by}", "生效 in force  li"),
        )
    ]
    assert replaced in "\n".join(showing(store.client, number))
    assert replaced in record(store.client, "decision", first).lines[0]
    to_go_back = [line for line in undone(store.client) if key("A91") in line]
    assert [again in line for line in to_go_back] == [True], back
    store.take(Answer(store.client, "li", "认错").withdraw(third))
    part = f"核销 match {first}  部分被取代 in part replaced by a later one  由 by {second}"
    assert states(key("A90"))[0] == part
    store.take(Answer(store.client, "li", "认错").withdraw(second))
    assert states(key("A90"))[0] == f"核销 match {first}  生效 in force  li"
    store.take(refunded("R91", "50.00", "A91", time=NOON + 20 * DAY))


def test_nothing_is_told_of_a_block_that_is_not_whole(
    store: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its decision is there before its exceptions are: they would be told as they were."""
    store.take(due("FR-1039", "3.00", party="C-35"), paid("A37", "3.00", "FR-7737")).until(NOON + 19 * DAY)
    number = exception_id("north", "unknown_payment", key("A37"))
    monkeypatch.setattr(Written, "seals", False)
    store.take(made := Answer(store.client, "li").match(number, [("FR-1039", 3 * YUAN)]))
    assert became(store.client, made, 0.3) == (True, ["生效 in force", WRITING])
    monkeypatch.undo()
    store.until(NOON + 19 * DAY)
    assert became(store.client, made)[1][-1].endswith("已关闭 closed")


def test_large_refunds_need_another_person(store: Written) -> None:
    store.take(paid("A40", "5000.00", "FR-8889"), paid("A41", "50.00", "FR-8890")).until(NOON + 20 * DAY)
    numbers = [
        line.split()[0]
        for payment in ("A40", "A41")
        for line in listing(store.client)
        if key(payment) in line
    ]
    for number, state, needs in zip(
        numbers, ("waiting", "in_force"), ("another person", "待退款"), strict=True
    ):
        made = Answer(store.client, "li").refund(number)
        taken, said = became(store.client, made, 0)
        assert not taken
        assert said == ["no lane has taken it yet: waybook exceptions show tells later"]
        store.take(made)
        assert store.rows["decision_state"][-1]["state"] == state
        taken, said = became(store.client, made)
        assert taken
        assert ("another person" in said[0]) == (state == "waiting"), said
        assert said[-1].endswith("待处理 open" if state == "waiting" else "已关闭 closed"), said
        assert [line for line in undone(store.client) if made.id in line and needs in line]
    with pytest.raises(
        ValueError, match=rf"50.00 of \S+ has to go back already, by {made.id}: withdraw that,"
    ):
        Answer(store.client, "zhao").refund("A41")
    store.take(refunded("R41", "30.00", "A41", time=NOON + 20 * DAY))
    assert [line for line in undone(store.client) if "待退款" in line and "20.00" in line]
    store.take(refunded("R42", "20.00", "A41", time=NOON + 20 * DAY))
    assert not [line for line in undone(store.client) if "待退款" in line], "all of it has gone back"


@pytest.mark.parametrize(("words", "said"), [((), ""), (("5.00",), "5.00")])
def test_how_much_goes_back_may_be_said(words: tuple[str, ...], said: str) -> None:
    asked = ("exceptions", "resolve", "A41", "--refund", *words)
    assert cli.parser("exceptions").parse_args(asked).refund == said


def test_what_goes_beyond_what_people_may_decide_is_told(store: Written) -> None:
    store.take(paid("A50", "7.00", "FR-8891")).until(NOON + 21 * DAY)
    number = next(line.split()[0] for line in listing(store.client) if key("A50") in line)
    made = Answer(store.client, "li", "small").write_off(number, "FR-1001", 51 * YUAN)
    store.take(made)
    taken, said = became(store.client, made)
    assert not taken
    assert "被拒绝 refused decision_refused: more than the 50.00 that may be written off of a due" in said[0]


def test_what_would_change_nothing_is_not_said(store: Written) -> None:
    store.take(
        due("FR-1060", "80.00", partial=False),
        paid("A60", "70.00", "FR-1060"),
        paid("A61", "9.00", "FR-8892"),
        due("CB-1060", "9.00", direction="out", kind="invoice"),
        due("FR-1062", "1.00", party="C-62"),
        due("FR-1063", "9.00", currency="USD"),
    )
    store.take(due("FR-1061", "10.00"), paid("A62", "10.00", "FR-1061")).take(refunded("R62", "11.00", "A62"))
    store.until(NOON + 22 * DAY)
    under, unknown, over = (
        next(line.split()[0] for line in listing(store.client) if f"{key(name, kind)}  " in line)
        for name, kind in (("A60", "payment"), ("A61", "payment"), ("R62", "refund"))
    )
    answer = Answer(store.client, "li", "small")
    for asked, wrong in (
        (lambda: answer.match(unknown, [("FR-404", YUAN)]), "no document FR-404 of group north"),
        (lambda: answer.match(unknown, [("FR-1060", 81 * YUAN)]), "no more than 80.00"),
        (lambda: answer.match(unknown, [("CB-1060", 9 * YUAN)]), "money that came: no more than 0.00"),
        (lambda: answer.match(unknown, [("FR-1063", 9 * YUAN)]), "is in CNY, FR-1063 in USD"),
        (lambda: answer.match(over, [("FR-1062", YUAN)]), "money that left: no more than 0.00"),
        (lambda: answer.write_off(unknown, "FR-404", YUAN), "no document FR-404"),
        (lambda: answer.write_off(unknown, "", YUAN), "say --document: it is about none"),
        (lambda: answer.refund(over), "is no payment"),
        (lambda: answer.ignore("ex-1", date(2025, 12, 1)), "no exception ex-1"),
        (lambda: answer.ignore(unknown, date(2025, 11, 12)), "has begun already"),
        (
            lambda: answer.accept(unknown, 9 * YUAN),
            "unknown_payment is not accepted as it is: 查明来款单位后核销",
        ),
        (lambda: Answer(store.client, "li").write_off(under, "", YUAN), "write_off needs a reason"),
        (lambda: Answer(store.client, ""), "say --by"),
    ):
        with pytest.raises((LookupError, ValueError), match=wrong):
            asked()
    (line,) = [line for line in listing(store.client) if under in line]
    assert f"少付 amount_under  {key('A60')}  10.00  " in line
    assert "来款 70.00，所指单据未结 80.00，且该单据不可分期" in "\n".join(showing(store.client, under))
    assert answer.refund(under).amount_e4 == 70 * YUAN, "the payment goes back, not what was missing"
    store.take(made := answer.write_off(under, "", 10 * YUAN))
    assert made.document == "FR-1060", "the exception names one document"
    assert store.status("FR-1060")[0] == "paid"


def test_a_bill_that_people_are_asked_about_is_shown(store: Written) -> None:
    store.take(not_believed(date(2025, 11, 12)))
    number = store.exception("bill_refused")
    shown = "\n".join(showing(store.client, number))
    assert shown.startswith("账单被拒绝 bill_refused  other/SHOP-7/trade/2025-11-12")
    assert shown.splitlines()[-1].startswith("账单 bill  2025-11-12  "), (
        "its file, and why it is not believed"
    )
    assert re.search(r"\([0-9a-z-]+\)  账单\S+ bill_[a-z_]+: ", shown.splitlines()[-1]), shown
    with pytest.raises(LookupError, match="is no payment"):
        Answer(store.client, "li").refund(number)


def test_what_nothing_else_answers_is_accepted(store: Written) -> None:
    store.take(due("FR-1070", "60.00"), paid("A70", "60.00", "FR-1070")).until(NOON + 22 * DAY)
    store.take(*parts(date(2025, 11, 11), BillLine("payment", "A70", "", "", 610_000, 0, NOON)))
    number = exception_id("north", "bill_amount", key("A70"))
    answer = Answer(store.client, "li", "渠道确认")
    with pytest.raises(LookupError, match="no exception ex-1"):
        answer.accept("ex-1", YUAN)
    with pytest.raises(ValueError, match=r"is about 1\.00, not 2\.00"):
        answer.accept(number, 2 * YUAN)
    with pytest.raises(ValueError, match="accept needs a reason"):
        Answer(store.client, "li").accept(number, YUAN)
    store.take(made := answer.accept(number, YUAN))
    assert became(store.client, made) == (
        True,
        [
            "生效 in force",
            f"{key('A70')}  60.00 CNY  已核销 matched 60.00  未核销 not matched 0.00",
            "  FR-1070  60.00  按订单号 order_number: 订单号 FR-1070 — order number FR-1070",
            "FR-1070  已付清 paid  已付 paid 60.00  已退 refunded 0.00  未付 open 0.00 CNY",
            f"{number}  账单金额不符 bill_amount  {key('A70')}  1.00  已认可 accepted",
            "入账 booked: 渠道长款冲减资金损失 the channel has more than is booked  1.00",
        ],
    )
    assert not [line for line in listing(store.client, ignored=True) if number in line]
    (told,) = [line for line in listing(store.client, accepted=True) if number in line]
    assert told.endswith(f"  {made.id}  li  渠道确认")
    assert [row["why"] for row in figures(store.client).exceptions if row["why"] == "bill_amount"] == []
    shown = "\n".join(showing(store.client, number))
    assert "1.00  已认可 accepted" in shown
    *_, billed, heard = shown.splitlines()
    assert billed.startswith("账单 bill  2025-11-11  交易账单 trade bill  成功 success  61.00 CNY  "), (
        "all sides tell"
    )
    assert heard.startswith("通知 notification  2025-11-11 12:00:01  waybook.notifications.other:")
    assert f"登记认可 accept {made.id}  生效 in force  li  渠道确认" in shown
    assert any(
        f"登记认可 accept {made.id}  生效 in force  li  渠道确认  1.00" in step.line
        for step in trail(store.client, key("A70"))
    )
    with pytest.raises(LookupError, match="was accepted"):
        answer.accept(number, YUAN)
    with pytest.raises(LookupError, match="was accepted"):
        answer.ignore(number, date(2026, 1, 1))
    store.take(answer.withdraw(made.id))
    assert [line for line in listing(store.client) if number in line]


def test_what_is_accepted_and_books_nothing_says_so(store: Written) -> None:
    """A repeated line: the money is in the books once, whoever is right."""
    store.take(paid("A75", "60.00", "FR-1075")).until(NOON + 22 * DAY)
    line = BillLine("payment", "A75", "", "", 600_000, 0, NOON)
    store.take(*parts(date(2025, 11, 11), line, line, statement="3"))
    number = exception_id("north", "bill_duplicate", key("A75"))
    store.take(made := Answer(store.client, "li", "渠道确认").accept(number, 60 * YUAN))
    assert became(store.client, made)[1][-1] == "登记认可不另入账 nothing is booked by accepting it"
    assert "不另入账：账上只有一笔" in "\n".join(showing(store.client, number))


def test_the_command_line(store: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "sending", sent_to(store))
    store.take(due("FR-1071", "60.00"), paid("A71", "60.00", "FR-1071")).until(NOON + 22 * DAY)
    store.take(
        *parts(date(2025, 11, 11), BillLine("payment", "A71", "", "", 620_000, 0, NOON), statement="2")
    )
    number = exception_id("north", "bill_amount", key("A71"))

    def run(*words: str) -> tuple[int, str]:
        address: str = vars(store.client)["url"]
        ran = waybook(("exceptions", *words), {"WAYBOOK_CLICKHOUSE": address})
        return ran.returncode, ran.stdout + ran.stderr

    code, said = run("resolve", number, "--ignore-until", "foo")
    assert code == 2
    assert said.endswith("argument --ignore-until: 'foo' is no day such as 2026-01-31\n")
    accept = ("resolve", number, "--by", "li", "--accept")
    assert run(*accept, "2.00") == (1, "accept needs a reason: say --reason TEXT\n")
    code, said = run(*accept, "1.00", "--reason", "渠道确认")
    assert (code, "is about 2.00, not 1.00" in said) == (1, True), said
    code, said = run(*accept, "2.00", "--reason", "渠道确认")
    assert (code, "已认可 accepted" in said) == (0, True), said
    decision = said.split()[1]
    assert f"{decision}  li  渠道确认" in run("list", "--accepted")[1]
    assert number not in run("list", "--ignored")[1]
    assert run("withdraw", decision, "--by", "li")[0] == 1
    code, said = run("withdraw", decision, "--by", "li", "--reason", "渠道又否认")
    assert (code, f"{decision}: 已撤回 withdrawn" in said) == (0, True), said
    assert number in run("list")[1]


def test_what_there_is_not_is_told_in_words(store: Written) -> None:
    """A group that was mistyped looks like one without a question, otherwise."""
    store.take(due("FR-1072", "60.00"), paid("A72", "60.00", "FR-1072"))

    def run(*words: str) -> tuple[int, str]:
        address: str = vars(store.client)["url"]
        ran = waybook(words, {"WAYBOOK_CLICKHOUSE": address})
        return ran.returncode, ran.stdout + ran.stderr

    nobody = (1, "there is no group south; there are: centre, north\n")
    for part in ("list", "decisions"):
        assert run("exceptions", part, "--group", "south") == nobody
    none = "没有这样的待处理异常 no such exception is open\n"
    assert run("exceptions", "list", "--group", "centre") == (0, none), "known by the rules alone"
    assert run("exceptions", "list", "--kind", "too_complex") == (0, none)
    code, said = run("exceptions", "list", "--kind", "too_complex", "--accepted")
    assert (code, said) == (0, "没有这样的已认可异常 no such exception is accepted\n")
    code, said = run("exceptions", "decisions", "--group", "centre")
    assert (code, "no decision waits for anybody" in said) == (0, True), said
    for words, wrong in (
        (("exceptions", "show", "ex-1"), "there is no exception ex-1: "),
        (("exceptions", "approve", "decision-1", "--by", "li"), "there is no decision decision-1\n"),
        (("payments", "show", "FR-404"), "there is no payment and no document FR-404: "),
        (("match", "explain", "FR-404"), "there is no payment and no document FR-404: "),
        (
            ("match", "explain", "FR-1072"),
            "FR-1072 is no payment but a document: waybook payments show tells",
        ),
        (("evidence", "ntf-1"), "there is neither a notification nor a dead letter ntf-1\n"),
        (("close", "show", "close-1"), "there is no close close-1: "),
        (("ledger", "440100-404", "2101"), "there is no book 440100-404"),
        (("trial-balance", "--book", "440100-404"), "there is no book 440100-404"),
        (("balance", "440100-404"), "there is no party 440100-404; "),
    ):
        code, said = run(*words)
        assert (code, said[: len(wrong)]) == (1, wrong)


def test_nothing_is_asked_twice_for_a_payment(store: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    store.take(due("FR-1073", "60.00"), paid("A73", "60.00", "FR-1073"))
    asked: list[str] = []
    query = store.client.query

    def asking(sql: str, parameters: dict[str, object], settings: dict[str, str]) -> object:
        asked.append(f"{sql} {parameters}")
        return query(sql, parameters=parameters, settings=settings)

    monkeypatch.setattr(store.client, "query", asking)
    trail(store.client, one_meant(store.client, key("A73")))
    assert len(asked) > 10
    assert len(set(asked)) == len(asked)


def test_more_exceptions_than_are_listed_are_counted(store: Written) -> None:
    store.take(*(paid(f"A7{n}", "1.00", f"FR-77{n}") for n in range(3))).until(NOON + 23 * DAY)
    *everything, clock = listing(store.client)
    first, as_of, more = listing(store.client, limit=1)
    assert first == everything[0]
    assert as_of == clock
    found = re.fullmatch(
        r"账龄与时长截至账簿时间 (\S+ 12:00:00)，.+ — ages are as of the books' time, .+", clock
    )
    assert found, clock
    assert f"还有 {len(everything) - 1} 项 more" in more
    shown = next(showing(store.client, first.split()[0]))
    assert re.search(f"已 open for [0-9]+[dhm] 截至 as of {found[1]}", shown), shown
    assert not list(listing(store.client, owner="nobody"))
