"""UnionPay's own download call, against a server that speaks it: what is signed, asked for and whole is believed."""

import random
import tracemalloc
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

import pytest

from deploy.bills.office import Office
from schemas.problems import DocumentError
from schemas.settings import Settings
from sources.bills.download import unionpay
from sources.bills.download.http import PAUSE, TRIES, DownloadError, Web
from sources.bills.model import BillError
from sources.bills.settings import read_sources
from sources.bills.unpacking import ZIP
from tests.bills.material import DAY_OF_BILL, file_of, lines, read, shaped, source
from tests.bills.test_job import events, job_of, lines_in, settings
from tests.bills.unionpay import MERCHANT, UnionPay, archive, certificate, key_of

__all__ = ["settings"]
BILLS = """
[[bill]]
channel = "unionpay"
merchant = "898000000000001"
group = "north"
format = "unionpay-zm"
download = "unionpay"
address = "{address}/"
key = "merchant.pem"
serial = "40220995861346480087409489142384722381"
certificates = ["unionpay.cer"]
"""
GIVEN = lines(30)
BILL = file_of("unionpay-zm", GIVEN)


@pytest.fixture
def channel(settings: Settings) -> Iterator[UnionPay]:
    """UnionPay, who is asked for files and has one of a day."""
    server = UnionPay(settings.keys)
    (settings.bills / "bills.toml").write_text(BILLS.format(address=server.address))
    server.files[DAY_OF_BILL] = archive(DAY_OF_BILL, BILL)
    yield server
    server.stop()


def left(settings: Settings) -> str:
    """Why the newest pass has no bill."""
    (why,) = Office(settings.bills).left()
    assert why.startswith(f"unionpay {MERCHANT} trade of 2025-11-11: 127.0.0.1:")
    return why


def test_the_days_file_is_fetched_once(settings: Settings, channel: UnionPay) -> None:
    """Its lines are as they happened; the whole archive is kept; a day without one has an empty bill."""
    (note,) = job_of(settings).pull(DAY_OF_BILL)
    assert (note.channel, note.lines, note.reason) == ("unionpay", len(GIVEN), "")
    assert lines_in(events(settings)) == shaped("unionpay-zm", GIVEN)
    kept = settings.bills / "done" / f"unionpay-{MERCHANT}-trade-2025-11-11"
    assert kept.read_bytes() == channel.files[DAY_OF_BILL]
    assert (job_of(settings).pull(DAY_OF_BILL), channel.requests) == ([], 1)
    (quiet,) = job_of(settings).pull(date(2025, 11, 12))
    assert (quiet.lines, quiet.parts, quiet.reason) == (0, 0, "")


@pytest.mark.parametrize(
    "faults", [["500", "503"], ["empty"], ["nonsense", "429"], ["02", "09"]], ids="-".join
)
def test_what_passes_is_tried_again(settings: Settings, channel: UnionPay, faults: list[str]) -> None:
    """With pauses that grow: a server that is away, and what UnionPay calls its own trouble."""
    pauses: list[float] = []
    channel.faults = list(faults)
    (note,) = job_of(settings, web=Web(pauses.append)).pull(DAY_OF_BILL)
    assert (note.lines, note.reason) == (len(GIVEN), "")
    assert pauses == [PAUSE * 2**number for number in range(len(faults))]


def test_who_is_away_is_asked_at_the_next_pass(settings: Settings, channel: UnionPay) -> None:
    """Nothing is sent, and it is said."""
    channel.faults = ["502"] * TRIES
    assert job_of(settings, web=Web(lambda _: None)).pull(DAY_OF_BILL) == []
    assert left(settings).endswith("answers 502")
    assert channel.requests == TRIES
    assert list(Office(settings.bills).notes()) == []
    assert [note.lines for note in job_of(settings).pull(DAY_OF_BILL)] == [len(GIVEN)]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("forged", "answers '00', what none of unionpay.cer that is in force has signed"),
        ("unsigned", "answers '00', what none of unionpay.cer"),
        ("altered", "answers '98', what none of unionpay.cer"),
        ("other settleDate", "answers another request: its settleDate is not ours"),
        ("other merId", "answers another request: its merId is not ours"),
        ("other txnTime", "answers another request: its txnTime is not ours"),
        ("10", "answers 10 系统忙[1000001]"),
        ("cut", "fileContent cannot be unpacked"),
        ("no base64", "fileContent cannot be unpacked"),
        ("no file", "fileContent cannot be unpacked"),
        ("no archive", "fileContent is no archive"),
    ],
)
def test_what_is_not_to_be_believed_is_no_bill(
    settings: Settings, channel: UnionPay, fault: str, why: str
) -> None:
    """Nor is it asked for again at once; nothing of it is sent, nor that there is none."""
    channel.faults = [fault]
    assert job_of(settings).pull(DAY_OF_BILL) == []
    assert why in left(settings)
    assert channel.requests == 1
    assert list(Office(settings.bills).notes()) == []


def test_a_request_that_is_not_ours_gets_nothing(settings: Settings, channel: UnionPay) -> None:
    """As UnionPay says itself; a key is named only where it is none, before anybody is asked."""
    channel.merchant = key_of("forger")
    assert job_of(settings).pull(DAY_OF_BILL) == []
    assert "answers 11 验证签名失败[9100004]" in left(settings)
    (settings.keys / "unionpay.cer").write_text("no certificate")
    said: list[str] = []
    assert job_of(settings, said).pull(DAY_OF_BILL) == []
    assert "unionpay.cer is no certificate and no public key (PEM)" in said[0]
    (settings.keys / "unionpay.cer").unlink()
    assert job_of(settings, said).pull(DAY_OF_BILL) == []
    assert "unionpay.cer: No such file or directory" in said[1]
    assert channel.requests == 1


def test_certificates_change(settings: Settings, channel: UnionPay) -> None:
    """The new one beside the old; one that has ended is believed no more."""
    bills, keys = settings.bills / "bills.toml", settings.keys
    text = bills.read_text()
    former, own = key_of("forger"), keys / "unionpay.cer"
    (keys / "former.cer").write_bytes(certificate(former, date(2020, 1, 1), date(2060, 1, 1)))
    bills.write_text(text.replace('["unionpay.cer"]', '["former.cer"]'))
    assert job_of(settings).pull(DAY_OF_BILL) == []
    assert "none of former.cer" in left(settings)
    kept = own.read_bytes()
    bills.write_text(text.replace('["unionpay.cer"]', '["former.cer", "unionpay.cer"]'))
    own.write_bytes(certificate(channel.own, date(2020, 1, 1), date(2024, 1, 1)))
    assert job_of(settings).pull(DAY_OF_BILL) == []
    assert "none of former.cer, unionpay.cer that is in force" in left(settings)
    own.write_bytes(kept)
    assert [note.lines for note in job_of(settings).pull(DAY_OF_BILL)] == [len(GIVEN)]


@pytest.mark.parametrize(
    ("raw", "reason", "detail"),
    [
        (archive(DAY_OF_BILL + timedelta(days=1), BILL), "bill_of_another", "is of 2025-11-12"),
        (archive(DAY_OF_BILL, BILL, "898000000000002"), "bill_unreadable", "ends with ZM_898000000000001"),
        (archive(DAY_OF_BILL, BILL).replace(b"INN2511", b"INN2513"), "bill_unreadable", "called by no day"),
        (archive(DAY_OF_BILL, BILL[:-2]), "bill_truncated", "row 38"),
        (archive(DAY_OF_BILL, BILL)[:-30], "bill_unreadable", "no archive that can be opened"),
    ],
)
def test_a_file_that_is_not_the_days_is_refused(
    settings: Settings, channel: UnionPay, raw: bytes, reason: str, detail: str
) -> None:
    """Whoever signed the answer: another day's, another merchant's, cut."""
    channel.files[DAY_OF_BILL] = raw
    (note,) = job_of(settings).pull(DAY_OF_BILL)
    assert (note.reason, note.lines) == (reason, 0)
    assert detail in note.detail


def test_the_same_day_of_another_year_is_another_day(settings: Settings, channel: UnionPay) -> None:
    """UnionPay is asked for a month and a day."""
    (note,) = job_of(settings).pull(DAY_OF_BILL.replace(year=2024))
    assert (note.reason, note.day) == ("bill_of_another", DAY_OF_BILL.replace(year=2024))


def test_a_bomb_is_no_bill(settings: Settings, channel: UnionPay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the answer nor in the archive is it unpacked as a whole."""
    channel.files[DAY_OF_BILL] = bytes(50_000_000)
    monkeypatch.setattr(unionpay, "MOST_FILE", 10_000_000)
    job = job_of(settings)
    tracemalloc.start()
    try:
        assert job.pull(DAY_OF_BILL) == []
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "has more than 10000000 bytes" in left(settings)
    assert most < 8_000_000
    with pytest.raises(BillError) as error:
        read(archive(DAY_OF_BILL, bytes(50_000_000)), source("unionpay-zm"))
    assert error.value.reason == "bill_unreadable"


class Here(Web):
    """Asks UnionPay without a wire: what memory that would take is not counted."""

    def __init__(self, channel: UnionPay) -> None:
        super().__init__()
        self._channel = channel

    def fetch(
        self, _url: str, _headers: Mapping[str, str], file: BinaryIO, fields: Mapping[str, str] | None = None
    ) -> None:
        """Write what it answers into a file."""
        file.write(self._channel.answer(urlencode(fields or {}).encode())[1])
        file.flush()
        tracemalloc.reset_peak()


def test_a_large_file_comes_in_bounded_memory(settings: Settings, channel: UnionPay, tmp_path: Path) -> None:
    """Also one that does not shrink; and is what it was."""
    content = random.Random("large").randbytes(30_000_000)
    channel.files[DAY_OF_BILL] = ZIP + content
    (asked,) = read_sources((settings.bills / "bills.toml").read_text())
    tracemalloc.start()
    try:
        with (tmp_path / "file").open("w+b") as file:
            assert unionpay.download(Here(channel), asked, settings.keys, DAY_OF_BILL, file)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "file").read_bytes() == ZIP + content
    assert most < 8_000_000


def test_no_byte_of_an_answer_can_be_changed(settings: Settings, channel: UnionPay, tmp_path: Path) -> None:
    """Wherever it stands: in a field's name, in the file, in the signature."""
    (asked,) = read_sources((settings.bills / "bills.toml").read_text())
    chance = random.Random("answers")
    right = channel.answer

    def changed(body: bytes) -> tuple[int, bytes]:
        status, raw = right(body)
        at = chance.randrange(len(raw))
        return status, raw[:at] + bytes([raw[at] ^ (1 << chance.randrange(8))]) + raw[at + 1 :]

    channel.answer = changed  # type: ignore[method-assign]
    web = Web(lambda _: None)
    for _ in range(60):
        with (tmp_path / "file").open("w+b") as file, pytest.raises(DownloadError):
            unionpay.download(web, asked, settings.keys, DAY_OF_BILL, file)
        assert not (tmp_path / "file").stat().st_size


@pytest.mark.parametrize("name", ["address", "key", "serial", "certificates"])
def test_what_it_has_to_know_is_missed(name: str) -> None:
    """By its setting."""
    text = "".join(
        line for line in BILLS.format(address="http://x").splitlines(True) if not line.startswith(name)
    )
    with pytest.raises(DocumentError) as error:
        read_sources(text)
    assert [one.column for one in error.value.problems] == [name]


@pytest.mark.parametrize(
    ("name", "raw"),
    [("bill.zip", archive(DAY_OF_BILL, BILL)), (f"INN25111188ZM_{MERCHANT}", BILL)],
    ids=["archive", "file"],
)
def test_what_unionpay_gives_may_be_dropped(
    settings: Settings, channel: UnionPay, name: str, raw: bytes
) -> None:
    """Whatever an archive is called, its entry says its day; that alone, its own name does."""
    (settings.bills / "bills.toml").write_text(
        BILLS.format(address=channel.address).replace('download = "unionpay"', 'files = "*"')
    )
    file = settings.bills / "drop" / name
    file.write_bytes(raw)
    (note,) = job_of(settings).load(file)
    assert (note.day, note.lines, note.reason) == (DAY_OF_BILL, len(GIVEN), "")
