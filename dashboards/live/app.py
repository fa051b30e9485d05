"""The page's web application: Starlette, server-sent events, nothing from any other host."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from clickhouse_connect.driver.exceptions import ClickHouseError
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.live.parcel import page_of
from dashboards.live.poller import Poller
from dashboards.queries import story
from schemas.settings import Settings
from sinks.clickhouse import StoreAwayError, connect

HERE = Path(__file__).parent
POLICY = b"default-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(default=True), trim_blocks=True
)


class Policy:
    """Says in every answer that nothing may come from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", POLICY),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        await self.app(scope, receive, sending)


def create_app(settings: Settings) -> Starlette:
    """The application on the store that the settings name."""
    poller = Poller(lambda: connect(settings), settings.home)

    async def live(request: Request) -> Response:  # noqa: ARG001
        return HTMLResponse(_templates.get_template("live.html").render())

    async def events(request: Request) -> Response:
        async def stream() -> AsyncIterator[bytes]:
            sent = b""
            while not await request.is_disconnected():
                if poller.snapshot is not sent:
                    sent = poller.snapshot
                    yield b"data: " + sent + b"\n\n"
                await asyncio.sleep(0.25)

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    async def parcel(request: Request) -> Response:
        waybill = request.path_params["waybill"]
        try:
            found = await run_in_threadpool(lambda: story(connect(settings), waybill))
        except (ClickHouseError, StoreAwayError, OSError):
            return HTMLResponse(_templates.get_template("away.html").render(waybill=waybill), 503)
        if not found.known:
            return HTMLResponse(_templates.get_template("unknown.html").render(waybill=waybill), 404)
        return HTMLResponse(_templates.get_template("parcel.html").render(page_of(found)))

    async def search(request: Request) -> Response:
        waybill = request.query_params.get("waybill", "").strip()
        return RedirectResponse(request.url_for("parcel", waybill=waybill) if waybill else "/", 303)

    async def health(request: Request) -> Response:  # noqa: ARG001
        return Response(poller.snapshot, media_type="application/json")

    return Starlette(
        routes=[
            Route("/", live),
            Route("/events", events),
            Route("/health", health),
            Route("/search", search),
            Route("/parcel/{waybill}", parcel, name="parcel"),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Policy)],
    )
