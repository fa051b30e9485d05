"""Which day a file is of: as it says itself, or else as its name does, whatever day it was exported on."""

from datetime import date
from pathlib import Path
from unittest import mock

import pytest

from deploy.bills.job import Job, day_of
from schemas.settings import Settings
from sources.bills.verified import UNKNOWN_DAY
from tests.bills.material import ACCOUNTS, file_of, lines
from tests.bills.test_job import events, job_of, settings
from tests.rating.material import scenarios

__all__ = ["settings"]
CASES = scenarios("bill_days.csv")
COLUMNS = '[bill.columns]\nnumber = "流水号"\ntime = "时间"\namount = "金额"\n'
TABLE = "流水号,时间,金额\n"
ROWS = "B1,2025-11-11 09:00:00,5.00\nB2,2025-11-11 10:00:00,-3.00\n"
BROKEN = {"mt940": (b"C1,00", b"C1,01"), "camt053": (b">1.00<", b">1.01<"), "csv": (b"-3.00", b"-3.0.0")}


def content(form: str, broken: str) -> bytes:
    """A file of 2025-11-11; `空csv`: a table without rows."""
    raw = (TABLE + ROWS * (form == "csv")).encode() if "csv" in form else file_of(form, lines(3))
    old, new = BROKEN[form] if broken else (b"", b"")
    assert old in raw
    return raw.replace(old, new, 1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["用例"])
def test_scenario(case: dict[str, str], settings: Settings, tmp_path: Path) -> None:
    """One row of the table: the day of the bill or of its refusal, and why."""
    form = case["格式"].removeprefix("空")
    text = f'[[bill]]\nchannel = "c"\nmerchant = "m"\ngroup = "north"\nformat = "{form}"\nfiles = "*"\n'
    text += f'number = "{ACCOUNTS.get(form, "1900000001")}"\n' + (COLUMNS if form == "csv" else "")
    (settings.bills / "bills.toml").write_text(text, "utf-8")
    file = tmp_path / case["文件名"]
    file.write_bytes(content(case["格式"], case["损坏"]))
    asked = date.fromisoformat(case["指定"]) if case["指定"] else None
    with mock.patch.object(Job, "_produce", autospec=True, side_effect=Job._produce) as sent:
        (note,) = job_of(settings).load(file, asked)
    assert f"{day_of(note)} {note.reason}".strip() == case["结果"]
    if note.day == UNKNOWN_DAY:
        assert sent.call_count == 0, "no lane could do anything with it"
    else:
        assert {one.day for one in events(settings)} == {note.day}
