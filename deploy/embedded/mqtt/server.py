"""The broker's network side: one asyncio protocol a client, everything in one thread."""

import argparse
import asyncio
import signal
from pathlib import Path

from deploy.embedded.mqtt import packets
from deploy.embedded.mqtt.packets import MalformedError
from deploy.embedded.mqtt.sessions import Session, Sessions
from deploy.embedded.process import announce, stop_on_signal


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._session: Session | None = None
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        transport.set_write_buffer_limits(high=1 << 30)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """A client left."""
        if self._session is not None and self._session.send == self._send:
            self._sessions.left(self._session)

    def data_received(self, data: bytes) -> None:
        """Handle every packet that is whole."""
        self._buffer += data
        try:
            for kind, flags, body in packets.split(self._buffer):
                self._handle(kind, flags, body)
        except (MalformedError, IndexError, UnicodeDecodeError):
            assert self.transport is not None
            self.transport.close()
        self._flush()

    def _send(self, packet: bytes) -> None:
        """Packets of one turn of the loop leave together."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(packet)

    def _flush(self) -> None:
        if self._out and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self._out))
        self._out.clear()

    def _handle(self, kind: int, flags: int, body: bytes) -> None:
        if kind == packets.CONNECT:
            self._connect(packets.read_connect(body))
            return
        session = self._session
        if session is None:
            raise MalformedError("the first packet is no CONNECT")
        if kind == packets.PUBLISH:
            message = packets.read_publish(flags, body)
            taken = self._sessions.publish(message)
            if message.qos:
                code = b"" if taken else packets.NOBODY_SUBSCRIBED
                self._send(packets.acknowledge(packets.PUBACK, message.packet_id, code))
        elif kind == packets.PUBACK:
            session.acknowledged(int.from_bytes(body[:2], "big"))
        elif kind == packets.SUBSCRIBE:
            packet_id, filters = packets.read_subscribe(body)
            for wanted, qos in filters:
                self._sessions.subscribe(session, wanted, qos)
            codes = bytes(qos for _, qos in filters)
            self._send(packets.acknowledge(packets.SUBACK, packet_id, codes))
        elif kind == packets.UNSUBSCRIBE:
            packet_id, names = packets.read_unsubscribe(body)
            for wanted in names:
                self._sessions.unsubscribe(session, wanted)
            self._send(packets.acknowledge(packets.UNSUBACK, packet_id, bytes(len(names))))
        elif kind == packets.PINGREQ:
            self._send(packets.packet(packets.PINGRESP, b""))
        elif kind == packets.DISCONNECT:
            assert self.transport is not None
            self.transport.close()
        else:
            raise MalformedError(f"packet type {kind} is not offered")

    def _connect(self, connect: packets.Connect) -> None:
        session, present = self._sessions.open(connect)
        if session.send is not None:
            session.send = None  # the newer connection takes the session over
        self._session = session
        self._send(packets.connack(present, connect.client_id))
        session.resume(self._send, connect.receive_maximum)


async def serve(port_file: Path, port: int) -> None:
    """Listen on 127.0.0.1 until told to stop."""
    loop, done, sessions = asyncio.get_running_loop(), asyncio.Event(), Sessions()
    server = await loop.create_server(lambda: Connection(sessions), "127.0.0.1", port, backlog=1024)
    announce(port_file, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    stop_on_signal(lambda: loop.call_soon_threadsafe(done.set))
    await done.wait()
    server.close()


def main() -> None:
    """Run the broker."""
    parser = argparse.ArgumentParser(prog="deploy.embedded.mqtt")
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(serve(arguments.port_file, arguments.port))
