"""The receiver's web application: POST /notify/{channel}/{group}, GET /health.

    404  no merchant of the group is paid through the channel     413  the body is too large
    408  the body did not come in time                            503  Kafka has not confirmed, or too much is under way
    else as the channel wants to hear that its notification is in Kafka

Nothing is verified and nothing is read here: what comes is written as it is. What is under way is bounded in number and
bytes; whoever is sent away comes again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from prometheus_client import Counter, Gauge, Histogram
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.receiver.doors import Door, kept
from deploy.receiver.following import Following
from schemas import topics
from schemas.payments import Notification, notification_id
from schemas.settings import Settings
from sinks.confirmed import Confirmed
from sinks.kafka import DeliveryError
from sources.channels.model import Answer

MOST_BYTES = 64 * 1024 * 1024
"""Of bodies under way together."""
MOST = 2_000
"""Notifications under way."""
BODY_SECONDS = 10.0
"""In which a body must have come."""

RECEIVED = Counter("waybook_notifications_received_total", "Notifications over HTTP", ["channel", "outcome"])
CONFIRMED = Histogram(
    "waybook_notification_confirmed_seconds",
    "From a notification's last byte until Kafka has confirmed it",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
UNDER_WAY = Gauge("waybook_notifications_under_way", "Notifications whose answer is not known yet")
UNKNOWN = "unknown"
"""The channel's name in metrics when it is none of ours: strangers must not name time series."""


class TooLargeError(Exception):
    """The body is larger than the channel's may be."""


class BusyError(Exception):
    """Too much is under way."""


def create_app(settings: Settings, failed: Callable[[str], object]) -> Starlette:
    """The application. `failed` is called, from another thread, when it should be started again."""
    receiver = Receiver(settings, failed)
    return Starlette(
        routes=[
            Route("/notify/{channel}/{group}", receiver.notify, methods=["POST"]),
            Route("/health", receiver.health),
        ],
        lifespan=receiver.lifespan,
    )


class Receiver:
    """What is answered at each address."""

    def __init__(self, settings: Settings, failed: Callable[[str], object]) -> None:
        self._settings, self._failed = settings, failed
        self._count = self._bytes = 0

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Kafka's clients, from the first request to the last."""
        self._following = Following(self._settings)
        self._confirmed = Confirmed(self._settings, self._failed)
        UNDER_WAY.set_function(lambda: self._count)
        try:
            yield
        finally:
            await self._confirmed.close()
            await asyncio.to_thread(self._following.close)

    async def notify(self, request: Request) -> Response:
        """Write it to Kafka, then answer."""
        channel, group = request.path_params["channel"], request.path_params["group"]
        doors = self._following.doors
        if not doors:  # Kafka has not said yet who may knock
            RECEIVED.labels(UNKNOWN, "no_doors").inc()
            return Response(status_code=503)
        door = doors.get(channel)
        if door is None or group not in door.groups:
            RECEIVED.labels(UNKNOWN if door is None else channel, "unknown").inc()
            return Response(status_code=404)
        outcome, answer = await self._outcome(request, channel, group, door)
        RECEIVED.labels(channel, outcome).inc()
        return answer

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """Whether there are doors, and what is wrong with the newest publication."""
        following = self._following
        told = {
            "channels": sorted(following.doors),
            "refused": following.refused,
            "under_way": self._count,
        }
        return JSONResponse(told, 200 if following.doors else 503)

    async def _outcome(self, request: Request, channel: str, group: str, door: Door) -> tuple[str, Response]:
        body, manners = bytearray(), door.manners
        self._count += 1
        try:
            if self._count > MOST:
                raise BusyError
            async with asyncio.timeout(BODY_SECONDS):
                await self._read(request, body, door.most)
            began = time.perf_counter()
            await self._write(channel, group, kept(manners, request.headers), bytes(body))
            CONFIRMED.observe(time.perf_counter() - began)
        except TooLargeError:
            return "too_large", Response(status_code=413, headers={"connection": "close"})
        except TimeoutError:
            return "too_slow", Response(status_code=408, headers={"connection": "close"})
        except ClientDisconnect:
            return "left", Response(status_code=400)
        except BusyError:
            return "busy", _said(manners.failed)
        except DeliveryError:
            return "not_confirmed", _said(manners.failed)
        finally:
            self._count -= 1
            self._bytes -= len(body)
        return "taken", _said(manners.taken)

    async def _read(self, request: Request, body: bytearray, most: int) -> None:
        """The raw body, chunk by chunk. Raises TooLargeError or BusyError before it is held."""
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > most:
            raise TooLargeError
        async for chunk in request.stream():
            if len(body) + len(chunk) > most:
                raise TooLargeError
            if self._bytes + len(chunk) > MOST_BYTES:
                raise BusyError
            self._bytes += len(chunk)
            body += chunk

    async def _write(self, channel: str, group: str, headers: dict[str, str], body: bytes) -> None:
        notification = Notification(
            id=notification_id(channel, headers, body),
            time=time.time_ns() // 1_000_000,
            channel=channel,
            group=group,
            headers=headers,
            body=body,
        )
        topic = topics.notifications(channel).name
        await self._confirmed.send(topic, group, msgspec.json.encode(notification))


def _said(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type=answer.media)
