"""The page's web application: Starlette, server-sent events, nothing from any other host."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from clickhouse_connect.driver.client import Client
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards import drafts, named
from dashboards import trail as trails
from dashboards.accounts import is_party
from dashboards.blocks import as_of_now
from dashboards.live.lists import LISTINGS, list_page, number_of
from dashboards.live.parcel import page_of
from dashboards.live.party import WrongDayError, party_page, statement_csv
from dashboards.live.payment import payment_page
from dashboards.live.poller import Poller
from dashboards.live.told import TOLD, CannotError, File, Progress, line, telling
from dashboards.live.trying import Trials
from dashboards.live.upload import Part, TooLargeError, body_of, parts_of
from dashboards.queries import story
from dashboards.records import RECORDS, TITLES, kind_of, record
from dashboards.words import aged, shanghai, yuan
from flows.rating.names import in_both
from schemas.settings import Settings
from sinks.clickhouse import AWAY, connect, readers

HERE = Path(__file__).parent
PATIENCE = 8
"""Seconds that the store has for an answer; someone is waiting."""
UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Headers of what is read as it comes."""
POLICY = b"default-src 'self'; base-uri 'none'; frame-ancestors 'none'"

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(default=True), trim_blocks=True
)


def linked(text: str, but: str = "", there: Collection[str] | None = None) -> Markup:
    """A text in which payments and exceptions that it names are links; `but`: the one that it is about; `there`: those
    payments that have pages, if others may be named, too."""
    link = Markup('<a href="/{}/{}">{}</a>')

    def told(part: str, *, key: bool) -> str:
        if key and (there is None or part in there):
            return link.format("payment", quote(part), part)
        return link.format("exception", part, part) if part != but and named.is_exception(part) else part

    return Markup("").join(told(part, key=key) for part, key in named.parts(text, but))


_templates.globals["in_both"] = in_both
_templates.filters |= {"aged": aged, "shanghai": shanghai, "yuan": yuan, "linked": linked}


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


def create_app(settings: Settings, *, ended: bool = False) -> Starlette:
    """The application on the store that the settings name. `ended`: no flow writes there any more."""
    pages = Pages(settings, ended=ended)
    return Starlette(
        routes=[
            Route("/", pages.live),
            Route("/events", pages.events),
            Route("/health", pages.health),
            Route("/metrics", pages.metrics),
            Route("/search", pages.search),
            Route("/parcel/{waybill}", pages.parcel, name="parcel"),
            Route("/payment/{name:path}", pages.payment, name="payment"),
            *(Route(f"/{kind}/{{number:path}}", pages.record, name=kind) for kind in RECORDS),
            Route("/party/{party}", pages.party, name="party"),
            Route("/party/{party}/statement.csv", pages.statement),
            Route("/try", pages.trial),
            Route("/drafts", pages.drafts),
            Route("/try/table", pages.trial_table, methods=["POST"]),
            *(Route(f"/{name}", pages.listing) for name in LISTINGS),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Policy)],
        exception_handlers={**dict.fromkeys(AWAY, _away), WrongDayError: _wrong_day},
    )


class Pages:
    """What is answered at each address. A store that is away raises, which `_away` answers."""

    def __init__(self, settings: Settings, *, ended: bool) -> None:
        self._settings, self._ended = settings, ended
        self._trials = Trials()
        self._one_table = asyncio.Lock()
        """Tables are answered one at a time."""
        self._poller = Poller(self._connect, settings.home)

    def _connect(self) -> Client:
        return connect(readers(self._settings), PATIENCE)

    def _books(self) -> Client:
        """A client for one page: what its questions find agrees."""
        return as_of_now(self._connect())

    async def live(self, request: Request) -> Response:  # noqa: ARG002
        """The page that moves."""
        return _page("live.html", {"ended": self._ended})

    async def events(self, request: Request) -> Response:
        """Snapshots as server-sent events, as the poller makes them."""

        async def stream() -> AsyncIterator[bytes]:
            sent, age = b"", 0.0
            while not await request.is_disconnected():
                if self._poller.snapshot is not sent or self._poller.age > age + 1:
                    sent, age = self._poller.snapshot, self._poller.age
                    yield b"data: " + self._poller.told() + b"\n\n"
                await asyncio.sleep(0.25)

        return StreamingResponse(stream(), media_type="text/event-stream", headers=UNBUFFERED)

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """The newest snapshot and its age; it says `away` when the store does not answer."""
        return Response(self._poller.told(), media_type="application/json")

    async def metrics(self, request: Request) -> Response:  # noqa: ARG002
        """The page's own, for Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def search(self, request: Request) -> Response:
        """To the own address of the party, payment or document, exception, decision or close, or parcel."""
        wanted = request.query_params.get("q", "").strip()
        if not wanted:
            return RedirectResponse("/", 303)
        page, called = await run_in_threadpool(lambda: _meant(self._books(), wanted))
        return RedirectResponse(request.url_for(page, **called), 303)

    async def parcel(self, request: Request) -> Response:
        """Why a parcel costs what it costs."""
        waybill = request.path_params["waybill"]
        found = await run_in_threadpool(lambda: story(self._books(), waybill))
        if not found.known:
            return _page("unknown.html", {"waybill": waybill}, 404)
        return _page("parcel.html", page_of(found))

    async def payment(self, request: Request) -> Response:
        """A payment or a document, down to what told of it; of a payment also why it was matched, or why not."""
        name = request.path_params["name"]
        found = await run_in_threadpool(lambda: payment_page(self._books(), name))
        if found is not None:
            return _page("payment.html", found)
        others = await run_in_threadpool(lambda: trails.meant(self._books(), name))
        if len(others) == 1:
            return RedirectResponse(request.url_for("payment", name=others[0]), 303)
        return _page("unknown.html", {"payment": name, "others": others}, 300 if others else 404)

    async def record(self, request: Request) -> Response:
        """All about an exception, a decision or a close."""
        kind, number = request.url.path.split("/", 2)[1], request.path_params["number"]
        try:
            found = await run_in_threadpool(lambda: record(self._books(), kind, number))
        except LookupError:
            return _page("unknown.html", {"record": number}, 404)
        return _page("record.html", {"record": found, "title": TITLES[kind]})

    async def party(self, request: Request) -> Response:
        """What a party has, and its statement of account."""
        party = request.path_params["party"]
        found = await run_in_threadpool(lambda: party_page(self._books(), party, request.query_params))
        return (
            _page("party.html", found) if found is not None else _page("unknown.html", {"party": party}, 404)
        )

    async def statement(self, request: Request) -> Response:
        """The statement for a spreadsheet."""
        party = request.path_params["party"]
        text = await run_in_threadpool(lambda: statement_csv(self._books(), party, request.query_params))
        if text is None:
            return _page("unknown.html", {"party": party}, 404)
        headers = {"Content-Disposition": 'attachment; filename="statement.csv"'}
        return Response(text.encode("utf-8-sig"), media_type="text/csv", headers=headers)

    async def drafts(self, request: Request) -> Response:
        """Drafts beside live traffic, and what they would change."""
        run = request.query_params.get("run", "")
        found = await run_in_threadpool(lambda: drafts.page_of(self._books(), run))
        return _page("drafts.html", found)

    async def trial(self, request: Request) -> Response:
        """What a parcel would cost."""
        said = dict(request.query_params)
        found = await run_in_threadpool(lambda: self._trials.page(self._books(), said))
        return _page("try.html", found, 400 if found["wrong"] else 200)

    async def trial_table(self, request: Request) -> Response:
        """The same for a table that is sent, which comes back with its answers; how far they are is told to who wants
        to know."""
        told = request.headers.get("accept") == TOLD
        try:
            part, said = await _sent(request)

            def work(progress: Progress) -> File:
                fee = {"fee": said.get("fee", "")}
                return self._trials.table(self._books(), part, said.get("book", ""), fee, progress)

            if told:
                return StreamingResponse(telling(self._one_table, work), media_type=TOLD, headers=UNBUFFERED)
            async with self._one_table:
                file = await run_in_threadpool(work, Progress())
        except CannotError as error:
            if told:
                return Response(line(wrong=str(error)), error.status, media_type=TOLD)
            found = await run_in_threadpool(lambda: self._trials.page(self._books(), {}))
            return _page("try.html", {**found, "wrong": str(error)}, error.status)
        headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return Response(file.content, media_type=file.media_type, headers=headers)

    async def listing(self, request: Request) -> Response:
        """All that waits, or all that was refused."""
        wanted = LISTINGS[request.url.path.strip("/")]
        reason = request.query_params.get("reason", "")
        number = number_of(request.query_params.get("page", ""))
        found = await run_in_threadpool(lambda: list_page(self._books(), wanted, reason, number))
        return _page(wanted.template, found)


async def _sent(request: Request) -> tuple[Part, dict[str, str]]:
    """The table that is sent, and the fields of its form. Raises CannotError."""
    try:
        body = await body_of(request.stream())
    except TooLargeError:
        raise CannotError("文件超过 10 MB — the file is larger than 10 MB", 413) from None
    parts = parts_of(body, request.headers.get("content-type", ""))
    if "table" not in parts:
        raise CannotError("没有表格 — no table was sent")
    said = {name: part.content.decode(errors="replace") for name, part in parts.items() if not part.file}
    return parts["table"], said


def _meant(client: Client, wanted: str) -> tuple[str, dict[str, str]]:
    """The page of what someone looks up, and how it is named there; who knows nothing of it takes it for a parcel."""
    if is_party(client, wanted):
        return "party", {"party": wanted}
    if trails.meant(client, wanted):
        return "payment", {"name": wanted}
    if kind := kind_of(client, wanted):
        return kind, {"number": wanted}
    return "parcel", {"waybill": wanted.upper()}


def _page(template: str, values: Mapping[str, object] = MappingProxyType({}), status: int = 200) -> Response:
    return HTMLResponse(_templates.get_template(template).render(values), status)


async def _away(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _page("away.html", status=503)


async def _wrong_day(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _page("wrong.html", {"wrong": str(error)}, 400)
