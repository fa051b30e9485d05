"""The job: dropped files and downloads become messages on Kafka, each bill once and as a whole."""

import gzip
import os
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from dashboards.phrases import not_believed
from deploy.bills.job import Job, UnknownBillError
from deploy.bills.office import Office, superseded
from schemas import topics
from schemas.payments import BillComplete, BillLine, BillLines, BillRefused
from schemas.problems import DocumentError
from schemas.settings import Settings, to_environment
from schemas.times import SECOND, business_day, date_of
from sources.bills.download.http import PAUSE, Web
from sources.bills.settings import read_sources
from sources.bills.verified import end_of
from tests.bills.channel import Channel
from tests.bills.material import DAY_OF_BILL, HIDING, file_of, lines, shaped
from tests.deploy.command import waybook

BILLS = """
[[bill]]
channel = "wechat"
merchant = "1900000001"
group = "north"
format = "wechat-trade"
files = "1900000001All*"

[[bill]]
channel = "bank"
merchant = "main"
group = "north"
format = "mt940"
number = "1900000001"
sort = "fund"
files = "*.sta"
"""
DOWNLOADED = """
[[bill]]
channel = "wechat"
merchant = "1900000001"
group = "north"
format = "wechat-trade"
download = "wechat"
address = "{address}"
key = "merchant.pem"
serial = "5157F09EFDC096DE15EBE81A47057A72"

[[bill]]
channel = "alipay"
merchant = "2088000000000001"
group = "north"
format = "alipay"
download = "alipay"
address = "{address}/gateway.do"
app = "2021000000000001"
key = "merchant.pem"
"""
NAME = "1900000001All2025-11-11.csv.gz"
Sent = BillLines | BillComplete | BillRefused


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A broker in this process, directories, and a key for tokens."""
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(cluster.list_topics(timeout=10).brokers.values()))
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "tokens.key").write_text(bytes(range(32)).hex())
    (tmp_path / "bills" / "drop").mkdir(parents=True)
    (tmp_path / "bills" / "bills.toml").write_text(BILLS)
    yield Settings(
        kafka=f"127.0.0.1:{broker.port}", partitions=4, keys=tmp_path / "keys", bills=tmp_path / "bills"
    )
    del cluster


def job_of(settings: Settings, said: list[str] | None = None, web: Web | None = None) -> Job:
    """A job as after a start."""
    return Job(settings, Office(settings.bills), HIDING, (said if said is not None else []).append, web)


def sent(settings: Settings) -> list[bytes]:
    """All messages on the topic, partition by partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": "test",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 20,
        }
    )
    found: list[bytes] = []
    ends = 0
    try:
        consumer.assign([TopicPartition(topics.BILLS.name, p, OFFSET_BEGINNING) for p in range(4)])
        while ends < 4:
            message = consumer.poll(10)
            assert message is not None
            if (error := message.error()) is None:
                found.append(message.value() or b"")
                assert message.key() == b"north"
            else:
                assert error.code() == KafkaError._PARTITION_EOF
                ends += 1
    finally:
        consumer.close()
    return found


def events(settings: Settings) -> list[Sent]:
    """The same as events."""
    return [msgspec.json.decode(raw, type=Sent) for raw in sent(settings)]


def lines_in(found: list[Sent]) -> list[BillLine]:
    """All lines, in order of their parts."""
    return [line for one in found if isinstance(one, BillLines) for line in one.lines]


def test_a_bill_is_sent_once_as_a_whole(settings: Settings, tmp_path: Path) -> None:
    """Lines in parts, then what it came to; again nothing is sent."""
    given = lines(1_500)
    file = tmp_path / NAME
    file.write_bytes(file_of("wechat-trade", given))
    (note,) = job_of(settings).load(file)
    found = events(settings)
    assert lines_in(found) == shaped("wechat-trade", given)
    assert [one.part for one in found if isinstance(one, BillLines)] == [1, 2]
    end = found[-1]
    assert isinstance(end, BillComplete)
    assert (end.parts, end.lines, end.day) == (2, len(given), DAY_OF_BILL)
    assert end.paid_e4 == sum(line.amount_e4 for line in given if line.kind == "payment")
    assert end.refunded_e4 == sum(line.amount_e4 for line in given if line.kind == "refund")
    assert note == next(Office(settings.bills).notes())
    said: list[str] = []
    assert job_of(settings, said).load(file) == [note]
    assert len(sent(settings)) == 3
    assert said == [f"{NAME}: has been sent before"]


def test_a_job_that_is_killed_sends_the_same_again(settings: Settings, tmp_path: Path) -> None:
    """The same bytes with the same ids, so that lanes know them."""
    file = tmp_path / NAME
    file.write_bytes(file_of("wechat-trade", lines(1_500)))
    with mock.patch.object(Office, "keep", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        job_of(settings).load(file)
    job_of(settings).load(file)
    raw = sent(settings)
    assert raw[:3] == raw[3:]


def test_parts_fit_into_messages(settings: Settings, tmp_path: Path) -> None:
    """However long the lines are."""
    given = [msgspec.structs.replace(line, text="货" * 1_000) for line in lines(800)]
    file = tmp_path / NAME
    file.write_bytes(file_of("wechat-trade", given))
    job_of(settings).load(file)
    raw = sent(settings)
    assert max(map(len, raw)) < 1_000_000
    assert len(lines_in(events(settings))) == len(given)


def test_a_bill_that_is_not_believed_is_told(settings: Settings, tmp_path: Path) -> None:
    """With its reason, and nothing of it counts."""
    file = tmp_path / NAME
    file.write_bytes(file_of("wechat-trade", lines(3))[:-30])
    (note,) = job_of(settings).load(file)
    (found,) = events(settings)
    assert isinstance(found, BillRefused)
    assert (found.reason, found.day) == (note.reason, DAY_OF_BILL) == ("bill_truncated", DAY_OF_BILL)


def test_a_file_of_no_known_day_is_no_days_bill(settings: Settings, tmp_path: Path) -> None:
    """It is listed as refused, and no lane is told of it: there it would be a dead letter."""
    file = tmp_path / "statement"
    file.write_bytes(b"?")
    said: list[str] = []
    job = job_of(settings, said)
    with mock.patch.object(Job, "_produce") as produce:
        (note,) = job.load(file, None, job.named("bank/main/fund"))
    assert (note.reason, produce.call_count) == ("bill_unreadable", 0)
    assert said == [
        f"statement: bank main fund of 不明 unknown: {not_believed('bill_unreadable', note.detail)}"
    ]
    listed = waybook(("bills", "list"), to_environment(settings)).stdout.splitlines()
    assert listed[1].startswith("不明 unknown  bank")
    assert job.load(file, DAY_OF_BILL, job.named("bank/main/fund"))[0].day == DAY_OF_BILL
    assert len(events(settings)) == 1


def test_what_no_lane_would_take_is_no_bill(settings: Settings, tmp_path: Path) -> None:
    """It would be noted as sent, and its day's bill missed for ever."""
    file = tmp_path / NAME
    raw = gzip.decompress(file_of("wechat-trade", lines(3)))
    number = lines(3)[2].number
    assert number.encode() in raw
    file.write_bytes(raw.replace(number.encode(), b""))
    (note,) = job_of(settings).load(file)
    (found,) = events(settings)
    assert isinstance(found, BillRefused)
    assert (note.reason, note.detail) == (
        "bill_unreadable",
        "movement 3: its number is none that a lane takes",
    )


def test_a_second_bill_of_a_day_is_later_than_the_first(settings: Settings, tmp_path: Path) -> None:
    """So that it takes its place, also when the job was killed in between; the list says so."""
    first, second = tmp_path / NAME, tmp_path / f"2-{NAME}"
    first.write_bytes(file_of("wechat-trade", lines(3)))
    second.write_bytes(file_of("wechat-trade", lines(2)))
    job = job_of(settings)
    job.load(first)
    source = job.named("wechat/1900000001/trade")
    with mock.patch.object(Office, "keep", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        job.load(second, None, source)
    (note,) = job_of(settings).load(second, None, source)
    assert [one.time - end_of(DAY_OF_BILL) for one in events(settings)] == [0, 0, *[SECOND] * 4]
    said: list[str] = []
    (sent_before,) = job_of(settings, said).load(first)
    assert sent_before.time == end_of(DAY_OF_BILL)
    assert said == [
        f"{NAME}: has been sent before, and a later bill of its day counts: packed anew (gzip) it is a bill of its own"
    ]
    former = superseded(list(Office(settings.bills).notes()))
    assert {one.bill for one in former} == {one.bill for one in Office(settings.bills).notes()} - {note.bill}
    listed = waybook(("bills", "list"), to_environment(settings)).stdout
    assert listed.count("superseded") == 1


def test_statements_of_a_day_are_told_apart(settings: Settings, tmp_path: Path) -> None:
    """Events and notes say which one it is, refused ones, too; a later file of the same one takes its place."""
    raw, job = file_of("mt940", lines(3)), job_of(settings)
    source = job.named("bank/main/fund")
    for name, content in (
        ("1.sta", raw),
        ("2.sta", raw.replace(b":28C:1/1", b":28C:2/1")),
        ("3.sta", raw.replace(b":20:", b":20:again")),
        ("4.sta", raw.replace(b":28C:1/1", b":28C:3/1").replace(b":62F:", b":99X:")),
    ):
        (tmp_path / name).write_bytes(content)
        job.load(tmp_path / name, DAY_OF_BILL, source)
    said = [one.statement for one in events(settings) if not isinstance(one, BillLines)]
    assert said == ["1/1", "2/1", "1/1", "3/1"]
    former = superseded(list(Office(settings.bills).notes()))
    assert [one.file for one in former] == ["1.sta"]


def test_a_refused_file_is_looked_at_again(settings: Settings, tmp_path: Path) -> None:
    """What was wrong may have been the digest beside it, or our settings."""
    file, beside = tmp_path / NAME, tmp_path / f"{NAME}.sha256"
    file.write_bytes(file_of("wechat-trade", lines(3)))
    beside.write_text("0" * 64)
    assert [one.reason for _ in range(2) for one in job_of(settings).load(file)] == ["bill_hash_wrong"] * 2
    listed = waybook(("bills", "list"), to_environment(settings)).stdout
    assert (
        f"{NAME}  账单摘要不符 bill_hash_wrong: 其 sha256 与 {beside.name} 中的不符 — its sha256 is not"
        in listed
    )
    beside.unlink()
    assert [one.reason for one in job_of(settings).load(file)] == [""]
    assert [type(one) for one in events(settings)] == [BillRefused, BillRefused, BillLines, BillComplete]
    assert [note.reason for note in Office(settings.bills).notes()] == [""]


def test_dropped_files_are_taken_away(settings: Settings) -> None:
    """Those that are believed, those that are not, and neither what is being written nor what nobody knows."""
    drop = settings.bills / "drop"
    good, statement = file_of("wechat-trade", lines(3)), file_of("mt940", lines(3))
    (drop / NAME).write_bytes(good)
    (drop / "20251111.sta").write_bytes(statement)
    (drop / "20251111.sta.sha256").write_text("0" * 64)
    (drop / "unknown.csv").write_bytes(good)
    (drop / f".{NAME}").write_bytes(good)
    said: list[str] = []
    job = job_of(settings, said)
    assert job.pull(DAY_OF_BILL, quiet=1_000) == []
    assert f"drop/{NAME}: written less than 1000 s ago, a later pass takes it" in said
    notes = job.pull(DAY_OF_BILL, quiet=-1)
    assert [(note.channel, note.reason) for note in notes] == [("wechat", ""), ("bank", "bill_hash_wrong")]
    assert sorted(os.listdir(drop)) == [f".{NAME}", "unknown.csv"]
    assert os.listdir(settings.bills / "done") == [NAME]
    assert sorted(os.listdir(settings.bills / "refused")) == [
        f"20251111.sta{end}" for end in ("", ".sha256", ".txt")
    ]
    (left,) = Office(settings.bills).left()
    assert left.startswith("drop/unknown.csv is no bill that bills.toml knows")
    assert left in said
    (drop / "unknown.csv").unlink()
    (drop / NAME).write_bytes(good)
    assert [note.bill for note in job.pull(DAY_OF_BILL, quiet=-1)] == [notes[0].bill]
    assert len(os.listdir(settings.bills / "done")) == 2
    assert Office(settings.bills).left() == []


def test_the_commands(settings: Settings, tmp_path: Path) -> None:
    """load, pull and list."""
    environment = to_environment(settings)
    file = tmp_path / "bill.csv"
    file.write_bytes(file_of("wechat-trade", lines(3)))
    unknown = waybook(("bills", "load", str(file)), environment)
    assert (unknown.returncode, "--as" in unknown.stderr) == (1, True)
    none = waybook(("bills", "load"), environment)
    assert (none.returncode, none.stderr) == (1, "say which: waybook bills load FILE…\n")
    wrong = tmp_path / "wrong"
    for mistaken, said in (
        (("load", str(wrong)), f"there is no file {wrong}: nothing is sent\n"),
        (
            ("load", str(file), str(wrong), "--as", "wechat/1900000001/trade"),
            f"there is no file {wrong}: nothing",
        ),
        (("list", "--directory", str(wrong)), f"there is no directory {wrong}: --directory or WAYBOOK_BILLS"),
        (("pull", "--directory", str(wrong)), f"there is no directory {wrong}: --directory or WAYBOOK_BILLS"),
        (
            ("list", "--directory", str(tmp_path)),
            f"{tmp_path} is no directory of bills: there is no bills.toml",
        ),
    ):
        ran = waybook(("bills", *mistaken), environment)
        assert (ran.returncode, ran.stdout, ran.stderr[: len(said)]) == (1, "", said)
    assert not wrong.exists()
    assert waybook(("bills", "list"), environment).stdout == "还没有账单 no bill was sent yet\n"
    words = ("bills", "load", str(file), "--as", "wechat/1900000001/trade", "--day", "2025-11-11")
    assert waybook(words, environment).returncode == 0
    nothing = waybook(("bills", "pull", "--day", "2025-11-11"), environment)
    assert (nothing.returncode, nothing.stdout) == (
        0,
        "没有新账单 no new bill: none to be taken is dropped, and no channel has one of 2025-11-11 to give "
        "(each is asked from its `ready` of the next day on)\n",
    )
    listed = waybook(("bills", "list"), environment).stdout.splitlines()
    assert listed[1].split()[:6] == ["2025-11-11", "wechat", "1900000001", "trade", "4", "3.03"]
    assert "not taken" not in "".join(listed)
    assert waybook(("bills", "list", "--day", "2025-11-11"), environment).stdout.splitlines() == listed
    assert waybook(("bills", "list", "--day", "2025-11-12"), environment).stdout.startswith("还没有账单")
    (settings.bills / "drop" / "mystery.csv").write_bytes(b"?")
    assert waybook(("bills", "pull", "--quiet", "-1"), environment).returncode == 1
    *_, head, line = waybook(("bills", "list"), environment).stdout.splitlines()
    assert head.startswith("未取用 not taken")
    assert line.startswith("  drop/mystery.csv is no bill that bills.toml knows: see `files` there")
    (settings.bills / "bills.toml").write_text("[[bill]]\nchannel = 1\n")
    assert "bills.toml row 2 column channel" in waybook(("bills", "pull"), environment).stderr
    (settings.bills / "bills.toml").write_bytes('[[bill]]\nchannel = "银行"\n'.encode("gbk"))
    assert "bills.toml row 2: is not UTF-8 but probably GBK" in waybook(("bills", "pull"), environment).stderr


def test_settings_are_refused_as_a_whole() -> None:
    """With every problem, each at its row: of types, of what is written there, and of what stands twice."""
    text = BILLS + BILLS.replace("mt940", "pdf").replace(
        'files = "*.sta"', 'charset = "x"\nkinds = { a = "gift" }'
    )
    text += '[[bill]]\nchannel = 1\nmerchant = "m"\nformat = "csv"\n[bill.columns]\nnumbr = "x"\ntime = 3\n'
    with pytest.raises(DocumentError) as error:
        read_sources(text)
    lines = text.splitlines()
    assert sorted((lines[one.row - 1], one.column or one.rule) for one in error.value.problems) == sorted(
        (
            ('format = "pdf"', "format"),
            ('kinds = { a = "gift" }', "kinds"),
            ('charset = "x"', "charset"),
            ("[[bill]]", "files"),
            ("[[bill]]", "stands_twice"),
            ("[[bill]]", "stands_twice"),
            ("channel = 1", "channel"),
            ("[[bill]]", "group"),
            ('numbr = "x"', "numbr"),
            ("[bill.columns]", "number"),
            ("time = 3", "time"),
        )
    )


@pytest.mark.parametrize(
    ("setting", "column"),
    [
        ('provider = "1900000100"', "provider"),
        ('kinds = { "收费" = "fee" }', "kinds"),
        ('cut_off = "23:00"', "cut_off"),
        ("several_days = true", "several_days"),
        ('totals = { column = "流水号", value = "合计" }', "totals"),
    ],
)
def test_what_a_format_does_not_have_is_refused(setting: str, column: str) -> None:
    """Alipay's trades have their fees in their own rows, and its day is the calendar's."""
    text = BILLS.replace('format = "mt940"', f'format = "alipay"\n{setting}')
    with pytest.raises(DocumentError) as error:
        read_sources(text)
    assert [one.column for one in error.value.problems] == [column]


@pytest.mark.parametrize("value", ["", "*", " ? "])
def test_a_row_of_totals_is_known_by_something(value: str) -> None:
    """Otherwise every row would be one."""
    text = BILLS.replace('format = "mt940"', 'format = "csv"')
    text += '[bill.columns]\nnumber = "n"\ntime = "t"\namount = "a"\n'
    text += f'[bill.totals]\ncolumn = "n"\nvalue = "{value}"\n'
    with pytest.raises(DocumentError) as error:
        read_sources(text)
    assert [one.column for one in error.value.problems] == ["totals"]


def test_the_example_is_read() -> None:
    """As it stands."""
    text = Path(read_sources.__code__.co_filename).with_name("example.toml").read_text("utf-8")
    assert {one.channel for one in read_sources(text)} == {"wechat", "alipay", "unionpay", "bank"}


@pytest.fixture
def channel(settings: Settings) -> Iterator[Channel]:
    """A channel that is asked for bills."""
    server = Channel(settings.keys)
    (settings.bills / "bills.toml").write_text(DOWNLOADED.format(address=server.address))
    server.bills["/v3/bill/tradebill", DAY_OF_BILL] = file_of("wechat-trade", lines(30))
    server.bills["alipay", DAY_OF_BILL] = file_of("alipay", lines(30))
    yield server
    server.stop()


def test_bills_are_fetched_from_the_channels(settings: Settings, channel: Channel) -> None:
    """Signed requests; what is there already is not asked for again; a day without trades has an empty bill."""
    job = job_of(settings)
    notes = job.pull(DAY_OF_BILL)
    assert [(note.channel, note.lines, note.reason) for note in notes] == [
        ("wechat", 38, ""),
        ("alipay", 38, ""),
    ]
    asked = len(channel.requests)
    assert job.pull(DAY_OF_BILL) == []
    assert len(channel.requests) == asked
    quiet = job.pull(date(2025, 11, 12))
    assert [(note.channel, note.lines, note.parts) for note in quiet] == [("wechat", 0, 0), ("alipay", 0, 0)]
    assert sorted(os.listdir(settings.bills / "done")) == [
        "alipay-2088000000000001-trade-2025-11-11",
        "wechat-1900000001-trade-2025-11-11",
    ]


def test_nobody_is_asked_before_the_bill_can_be_there(settings: Settings, channel: Channel) -> None:
    """A channel that has not written it yet would say that there is none, and the day have an empty bill."""
    today = date_of(business_day(int(time.time() * SECOND)))
    assert job_of(settings).pull(today) == []
    assert (channel.requests, Office(settings.bills).left()) == ([], [])
    file = settings.bills / "bills.toml"
    text = file.read_text().replace("serial =", 'ready = "00:00"\nserial =')
    file.write_text(text.replace("app =", 'ready = "24:00"\napp ='))
    assert [note.channel for note in job_of(settings).pull(today - timedelta(days=1))] == ["wechat"]


def test_a_provider_asks_for_its_sub_merchants_bill(settings: Settings, channel: Channel) -> None:
    """Or else it would get that of all of them, which is nobody's."""
    file = settings.bills / "bills.toml"
    text = file.read_text().replace('download = "wechat"', 'download = "wechat"\nprovider = "1900000100"')
    job_of(settings).pull(DAY_OF_BILL)
    file.write_text(text)
    job_of(settings).pull(date(2025, 11, 12))
    assert channel.callers == [("1900000001", ""), ("1900000100", "1900000001")]


@pytest.mark.parametrize(
    "faults",
    [
        ["500", "503", "429"],
        ["", "500"],
        ["", "cut"],
        ["", "short", "", "changed"],
        ["hash"],
        ["slow"],
        ["nonsense"],
    ],
    ids="-".join,
)
def test_what_goes_wrong_on_the_way_is_tried_again(
    settings: Settings, channel: Channel, faults: list[str]
) -> None:
    """With pauses that grow; what comes in the end is what the channel has."""
    pauses: list[float] = []
    channel.faults = list(faults)
    notes = job_of(settings, web=Web(pauses.append, quiet=1)).pull(DAY_OF_BILL)
    assert [(note.lines, note.reason) for note in notes] == [(38, ""), (38, "")]
    wrong = [fault for fault in faults if fault]
    assert pauses == [PAUSE * 2**number for number in range(len(wrong))]


@pytest.mark.parametrize("fault", ["500", "403", "hash"])
def test_a_channel_that_does_not_give_its_bill_is_left_for_the_next_pass(
    settings: Settings, channel: Channel, fault: str
) -> None:
    """It is said, nothing is sent, and the other channels' bills come."""
    channel.faults = [fault, "", fault, "", fault, "", fault, "", fault] if fault == "hash" else [fault] * 5
    if fault == "403":
        channel.faults = ["403"]
    said: list[str] = []
    notes = job_of(settings, said, Web(lambda _: None)).pull(DAY_OF_BILL)
    assert [note.channel for note in notes] == ["alipay"]
    (left,) = Office(settings.bills).left()
    assert left.startswith("wechat 1900000001 trade of 2025-11-11: 127.0.0.1")
    assert left in said
    assert [note.channel for note in job_of(settings).pull(DAY_OF_BILL)] == ["wechat"]


def test_our_key_is_missed_by_name(settings: Settings, channel: Channel) -> None:
    """Before anybody is asked."""
    (settings.keys / "merchant.pem").write_text("no key")
    said: list[str] = []
    assert job_of(settings, said).pull(DAY_OF_BILL) == []
    assert "merchant.pem is no private key" in said[0]
    assert channel.requests == []


def test_who_is_not_known_is_asked_about(settings: Settings, tmp_path: Path) -> None:
    """A name that fits nothing."""
    file = tmp_path / "x"
    file.write_bytes(b"")
    with pytest.raises(UnknownBillError):
        job_of(settings).load(file)
    with pytest.raises(UnknownBillError):
        job_of(settings).named("wechat/1/trade")
