"""A real Kafka of one node (KRaft: broker and controller in one)."""

import base64
import subprocess
import uuid
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import topics
from tests.servers.install import KAFKA, path_of
from tests.servers.process import Server, answers, free_port

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
"""


class Kafka(Server):
    """The broker; `address` is its bootstrap server."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        if not list(KAFKA.glob("kafka_*.jar")) or path_of("java") is None:
            raise RuntimeError("Kafka is not installed: python -m tests.servers.install")
        self.port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._settings = directory / "server.properties"
        self._settings.write_text(
            _SETTINGS.format(port=self.port, controller=controller, logs=directory / "logs")
        )
        self._java("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(self._settings))

    def command(self) -> list[str]:
        """Java with a small heap."""
        return [
            "java",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{KAFKA}/*",
            "kafka.Kafka",
            str(self._settings),
        ]

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

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def _java(self, *arguments: str) -> None:
        subprocess.run(["java", "-cp", f"{KAFKA}/*", *arguments], check=True, capture_output=True, timeout=60)


def _cluster_id() -> str:
    """Kafka wants a UUID in URL-safe Base64 without padding; one that begins with `-` it takes for an option."""
    made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return made if not made.startswith("-") else _cluster_id()
