"""Files that are dropped into an object store: each is taken once, as a dropped file would be."""

import os
from collections.abc import Iterator

import pytest

from deploy.bills.office import Office
from schemas.problems import DocumentError
from schemas.settings import Settings
from sources.bills.settings import read_places
from tests.bills.material import DAY_OF_BILL, file_of, lines
from tests.bills.store import ACCESS, BUCKET, REGION, SECRET, ObjectStore
from tests.bills.test_job import BILLS, NAME, events, job_of, lines_in, settings

__all__ = ["settings"]
STORE = f"""
[[store]]
address = "{{address}}"
path = "{BUCKET}/in"
region = "{REGION}"
key = "store.key"
"""
GOOD = file_of("wechat-trade", lines(30))
STATEMENT = file_of("mt940", lines(3))


@pytest.fixture
def store(settings: Settings) -> Iterator[ObjectStore]:
    """A store that `bills.toml` names."""
    server = ObjectStore()
    (settings.bills / "bills.toml").write_text(BILLS + STORE.format(address=server.address))
    (settings.keys / "store.key").write_text(f"{ACCESS}\n{SECRET}\n")
    yield server
    server.stop()


def test_what_is_put_there_is_taken_once(settings: Settings, store: ObjectStore) -> None:
    """With its digest; what nobody knows, what lies elsewhere and what is no bill stays where it is."""
    store.put(f"in/{NAME}", GOOD)
    store.put("in/20251111.sta", STATEMENT)
    store.put("in/20251111.sta.sha256", b"0" * 64)
    store.put("in/unknown.csv", GOOD)
    store.put(f"in/.{NAME}", GOOD)
    store.put(f"in/below/{NAME}", GOOD)
    store.put(f"elsewhere/{NAME}", GOOD)
    said: list[str] = []
    notes = job_of(settings, said).pull(DAY_OF_BILL)
    assert {(note.channel, note.reason) for note in notes} == {("wechat", ""), ("bank", "bill_hash_wrong")}
    assert len(lines_in(events(settings))) == 38
    assert os.listdir(settings.bills / "done") == [NAME]
    assert os.listdir(settings.bills / "fetched") == []
    (left,) = Office(settings.bills).left()
    assert left.startswith(f"{store.address}/")
    assert "unknown.csv is no bill" in left
    assert left in said
    assert not [one for one in store.asked if one.startswith("?")]
    asked = len(store.asked)
    assert job_of(settings).pull(DAY_OF_BILL) == []
    assert {one.split()[0] for one in store.asked[asked:]} == {"GET"}, "it is only listed"
    store.put("in/20251111.sta", STATEMENT, at=1_762_900_060)
    del store.objects["in/20251111.sta.sha256"]
    assert [note.reason for note in job_of(settings).pull(DAY_OF_BILL)] == [""], "it was put there again"
    assert {note.reason for note in Office(settings.bills).notes()} == {""}


def test_a_large_object_comes_in_pieces(settings: Settings, store: ObjectStore) -> None:
    """And is what it was."""
    given = lines(4_000)
    raw = file_of("mt940", given)
    store.put("in/20251111.sta", raw)
    (note,) = job_of(settings).pull(DAY_OF_BILL)
    assert (note.reason, note.lines) == ("", len(given))
    assert (settings.bills / "done" / "20251111.sta").read_bytes() == raw


@pytest.mark.parametrize("wrong", ["secret", "missing", "gone", "busy"])
def test_a_store_that_gives_nothing_is_said_and_asked_again(
    settings: Settings, store: ObjectStore, wrong: str
) -> None:
    """Nothing is sent; secrets are in no message."""
    store.put(f"in/{NAME}", GOOD)
    file = settings.keys / "store.key"
    said: list[str] = []
    if wrong == "secret":
        file.write_text(f"{ACCESS} another-secret")
    elif wrong == "missing":
        file.unlink()
    elif wrong == "gone":
        (settings.bills / "bills.toml").write_text(BILLS + STORE.format(address="http://127.0.0.1:1"))
    else:
        store.faults = [404]
    assert job_of(settings, said).pull(DAY_OF_BILL) == []
    assert len(said) == (wrong != "busy")
    assert SECRET not in "".join(said)
    file.write_text(f"{ACCESS} {SECRET}")
    (settings.bills / "bills.toml").write_text(BILLS + STORE.format(address=store.address))
    assert [note.reason for note in job_of(settings).pull(DAY_OF_BILL)] == [""]


def test_where_a_store_is_must_be_said() -> None:
    """All of it."""
    text = '[[store]]\naddress = "oss"\npath = "/a/"\nregion = ""\nkey = "k"\n'
    with pytest.raises(DocumentError) as error:
        read_places(text)
    assert [one.column for one in error.value.problems] == ["address", "path", "region"]
    with pytest.raises(DocumentError):
        read_places('[[store]]\naddress = "https://x"\n')
