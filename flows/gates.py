"""The gates' flow: answers to who asked over MQTT → MQTT, at least once.

python -m flows.gates        settings from the environment: see schemas.settings

A gate that asks whether goods may enter listens on waybook/answers/{site}/{device}. It asks again when it hears
nothing; the answer is then said again, under the same id.
"""

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow
from prometheus_client import Counter

from flows.engine import metrics
from flows.engine.acknowledged import run
from flows.engine.forwarded import Readers, Said, Voices
from flows.engine.log import capture, log
from flows.engine.stop import Stop
from schemas import topics
from schemas.events import Answer
from schemas.problems import UNREADABLE
from schemas.settings import Settings, from_environment
from sinks.mqtt import Messages

NAME = "gates"
EPOCH = 0.25
"""Seconds until what was said is remembered."""

SAID = Counter("waybook_gate_answers_total", "Answers published over MQTT", ["outcome"])


def gates(settings: Settings, stop: Stop) -> Dataflow:
    """The dataflow."""

    def to_mqtt(item: tuple[str, list[bytes]]) -> tuple[str, list[Said]]:
        key, values = item
        return key, [said for raw in values if (said := answer(raw)) is not None]

    flow = Dataflow(NAME)
    records = op.input("kafka", flow, Readers(settings, topics.ANSWERS.name, stop))
    answers = op.map("answers", records, to_mqtt)
    op.output("mqtt", answers, Voices(lambda: Messages(settings, f"waybook-{NAME}")))
    return flow


def answer(raw: bytes) -> Said | None:
    """An answer as the gate that asked hears it; None: nobody asked over MQTT, or it cannot be read."""
    try:
        found = msgspec.json.decode(raw, type=Answer)
    except UNREADABLE as error:
        log("an answer is passed over", error=str(error)[:300])
        return None
    if not found.reply_to:
        return None
    SAID.labels(found.reason or "accepted").inc()
    return f"{topics.MQTT_ANSWERS}/{found.reply_to}", msgspec.json.encode(found)


def main() -> None:
    """Run until told to stop."""
    settings, stop = from_environment(), Stop()
    capture()
    metrics.serve(settings.metrics_port, settings.home / NAME, settings.metrics_host)
    run(gates(settings, stop), settings.home / NAME, EPOCH)
    log("stopped", flow=NAME)


if __name__ == "__main__":
    main()
