"""Whatever a life of a flow wrote when it died, the next one finds the state of an epoch that ended."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.engine.recovery import InUseError, recovery

KEYS = "abc"
INTERVAL = {"a batch": timedelta(0), "all": timedelta(days=1)}


class Life(NamedTuple):
    """What a process does: so many batches of so many items, each an epoch or all in one, and how it ends."""

    batches: int
    each: int
    epoch: Literal["a batch", "all"]
    end: Literal["well", "dies", "dies at its end"]


class DiedError(Exception):
    """Instead of SIGKILL: nothing more is written."""


class Flow(FixedPartitionedSource[Any, Any], FixedPartitionedSink[Any, Any]):
    """Keys keep the numbers of their items. `at`: the item that this life begins with, `found`: what keys had then."""

    def __init__(self, life: Life) -> None:
        self.life, self.at, self.ending = life, 0, False
        self.found: dict[str, list[int]] = {}

    def list_parts(self) -> list[str]:
        return ["lane"]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> Any:
        if step_id.endswith("out"):
            return Out(self)
        self.at = resume_state or 0
        return In(self)

    def run(self, home: Path) -> None:
        flow = Dataflow("flow")
        items = op.input("in", flow, self)
        kept = op.stateful_batch("state", items, lambda state: Kept(self, state))
        op.output("out", op.map("lane", kept, lambda kv: ("lane", kv)), self)
        with recovery(home) as store:
            run_main(flow, epoch_interval=INTERVAL[self.life.epoch], recovery_config=store)  # type: ignore[no-untyped-call]


def key_of(item: int) -> str:
    """Most items go to one key, so that the others are not touched for a while."""
    return KEYS[0] if item % 4 else KEYS[1 + item % 8 // 4]


class In(StatefulSourcePartition[Any, Any]):
    def __init__(self, flow: Flow) -> None:
        self.flow, self.next, self.batches = flow, flow.at, 0

    def next_batch(self) -> list[tuple[str, int]]:
        life = self.flow.life
        if self.batches == life.batches:
            if life.end == "dies":
                raise DiedError
            self.flow.ending = True
            raise StopIteration
        self.batches += 1
        items = range(self.next, self.next + life.each)
        self.next = items.stop
        return [(key_of(item), item) for item in items]

    def snapshot(self) -> int:
        return self.next


class Kept(StatefulBatchLogic[Any, Any, Any]):
    def __init__(self, flow: Flow, state: tuple[str, list[int]] | None) -> None:
        self.key, self.items = state or ("", [])
        if state is not None:
            flow.found[self.key] = list(self.items)

    def on_batch(self, values: list[int]) -> tuple[list[int], bool]:
        self.key, self.items = key_of(values[0]), self.items + values
        return values, False

    def on_eof(self) -> tuple[list[int], bool]:
        return self.items[-1:], False  # so that the sink has something to snapshot in the last epoch

    def snapshot(self) -> tuple[str, list[int]]:
        return self.key, self.items


class Out(StatefulSinkPartition[Any, Any]):
    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    def write_batch(self, items: list[Any]) -> None:
        """They are of no interest."""

    def snapshot(self) -> None:
        if self.flow.ending and self.flow.life.end == "dies at its end":
            raise DiedError


LIVES = st.builds(
    Life,
    st.integers(0, 4),
    st.integers(1, 5),
    st.sampled_from(("a batch", "all")),
    st.sampled_from(("well", "dies", "dies at its end")),
)


@settings(max_examples=40)
@given(st.lists(LIVES, min_size=2, max_size=6))
def test_state_is_of_the_moment_that_the_source_resumes_at(
    tmp_path_factory: pytest.TempPathFactory, lives: list[Life]
) -> None:
    home = tmp_path_factory.mktemp("lane")
    for life in (*lives, Life(0, 1, "all", "well")):
        flow = Flow(life)
        try:
            flow.run(home)
        except (DiedError, BytewaxRuntimeError):
            assert life.end != "well"
        had = {key: [item for item in range(flow.at) if key_of(item) == key] for key in KEYS}
        assert flow.found == {key: items for key, items in had.items() if items}


def test_a_recovery_store_is_one_processs_alone(tmp_path: Path) -> None:
    with recovery(tmp_path), pytest.raises(InUseError, match="in use"), recovery(tmp_path):
        raise AssertionError("two processes have it")
    with recovery(tmp_path):
        """It is free again."""


def test_a_store_that_no_epoch_of_has_ended_is_empty(tmp_path: Path) -> None:
    """Before the first execution is written, whatever is there is of none."""
    with recovery(tmp_path):
        part = tmp_path / "recovery" / "part-0.sqlite3"
    with closing(sqlite3.connect(part)) as connection, connection:
        connection.execute("INSERT INTO snaps (step_id, state_key, snap_epoch) VALUES ('a', 'b', 1)")
    with recovery(tmp_path), closing(sqlite3.connect(part)) as connection:
        assert connection.execute("SELECT count(*) FROM snaps").fetchone() == (0,)
