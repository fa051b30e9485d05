"""A real Kafka of one node (KRaft: broker and controller in one).

Formatting a log and loading Java's classes cost more than what most tests do with it. So both are done once for all
(`prepared`): every broker begins with a copy of the same empty log and with an archive of the classes.
"""

import fcntl
import shutil
import subprocess
import tempfile
import time
import zlib
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import topics
from tests.servers.install import KAFKA, path_of
from tests.servers.process import Server, answers, free_ports

_SETTINGS = """
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
message.max.bytes=8388608
log.cleaner.enable=false
metadata.max.idle.interval.ms=0
"""
CLUSTER = "d2F5Ym9vay1pbi10ZXN0cw"
"""A UUID in URL-safe Base64 without padding, as Kafka wants it."""
LOGS, CLASSES = "logs", "classes.jsa"
"""Of what is prepared."""


class Kafka(Server):
    """The broker; `address` is its bootstrap server."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port, controller = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        self._settings = directory / "server.properties"
        self._settings.write_text(
            _SETTINGS.format(port=self.port, controller=controller, logs=directory / LOGS)
        )
        self._begin()

    def _begin(self) -> None:
        """An empty log."""
        shutil.copytree(prepared() / LOGS, self.directory / LOGS)

    def command(self) -> list[str]:
        """Java with a small heap."""
        quick = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", self._classes())
        return [*_java(*quick), "kafka.Kafka", str(self._settings)]

    def _classes(self) -> str:
        """Java's option for the archive of classes; it does without when there is none, or another version's."""
        return f"-XX:SharedArchiveFile={prepared() / CLASSES}"

    def ready(self) -> bool:
        """Whether the broker answers a client."""
        if not answers(self.port):
            return False
        try:
            return bool(self._admin().list_topics(timeout=2).brokers)
        except Exception:
            return False

    def create_topics(self, partitions: int) -> None:
        """All of Waybook's topics."""
        wanted = [NewTopic(t.name, partitions if t.partitioned else 1, 1) for t in topics.TOPICS]
        admin = self._admin()  # must live until all is made
        for made in admin.create_topics(wanted).values():
            made.result(30)

    def emptied(self) -> Self:
        """Without a topic of ours, and started again where somebody has ended it."""
        if not self.running:
            self.start()
        admin = self._admin()
        while there := self._topics(admin):
            for gone in admin.delete_topics(there).values():
                _is_gone(gone)
            time.sleep(0.02)
        return self

    def _topics(self, admin: AdminClient) -> list[str]:
        return [name for name in admin.list_topics(timeout=30).topics if not name.startswith("__")]

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})


def _is_gone(deleted: Future[None]) -> None:
    """A topic that is listed for a moment after it was deleted cannot be deleted again. Raises KafkaException."""
    try:
        deleted.result(30)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise


class _First(Kafka):
    """Formats its log, and writes down its classes when it ends."""

    def _begin(self) -> None:
        tool = [*_java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._settings)]
        subprocess.run(tool, check=True, capture_output=True, timeout=120)

    def _classes(self) -> str:
        return f"-XX:ArchiveClassesAtExit={self.directory / CLASSES}"


@cache
def prepared() -> Path:
    """What all brokers begin with; made when it is needed first, and kept beside Kafka."""
    installed = list(KAFKA.glob("kafka_*.jar"))
    if not installed or path_of("java") is None:
        raise RuntimeError("Kafka is not installed: python -m tests.servers.install")
    ready = KAFKA.with_name(f"{installed[0].stem}-prepared-{_identity():08x}")
    with KAFKA.with_name("prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes one makes it, and the others wait
        if not ready.exists():
            _prepare(ready)
    return ready


def _prepare(ready: Path) -> None:
    with tempfile.TemporaryDirectory(dir=KAFKA.parent) as place:
        first, made = _First(Path(place) / "first"), Path(place) / "made"
        shutil.copytree(first.directory / LOGS, made / LOGS)
        first.start()
        first.create_topics(1)
        first.stop(120)
        (first.directory / CLASSES).rename(made / CLASSES)
        made.rename(ready)


def _identity() -> int:
    """Of the jars as they lie there: of the same ones elsewhere, or copied, Java would not take the archive."""
    return zlib.crc32(repr([(str(jar), jar.stat().st_mtime_ns) for jar in _jars()]).encode())


def _java(*options: str) -> list[str]:
    """Java with Kafka's classes, always in the same order: an archive is of one order."""
    path = ":".join(map(str, _jars()))
    return ["java", *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path]


def _jars() -> list[Path]:
    return sorted(KAFKA.glob("*.jar"))
