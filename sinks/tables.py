"""The tables of the books: columns, order and meaning, in one place.

Every row of a fact table belongs to a block: `seq` = lane << 32 | block number, `line` = the row's place in
the block's rows of this table. Fact tables lie in order of arrival (seq, line), which costs half the merge
work of any business order; a bloom filter finds a waybill and a projection answers sums by party and date.
`sinks.ddl` renders this for one server or a replicated cluster; `sinks.digest` computes a block's digest
from the same columns.
"""

import msgspec

WORD = "LowCardinality(String)"
TEXT = "String"
ID = "FixedString(16)"
MONEY = "Decimal(18, 4)"
TIME = "DateTime64(3)"
DATE = "Date"
GRAMS = "UInt32"


class Column(msgspec.Struct, frozen=True):
    """A column: its name, its ClickHouse type and what it says, with units."""

    name: str
    type: str
    comment: str = ""


class Table(msgspec.Struct, frozen=True):
    """A table: what it holds, its columns, its sorting key and what else the engine should keep with it."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    order_by: tuple[str, ...] = ("seq", "line")
    extras: tuple[str, ...] = ()
    """Indexes, projections and columns that the store fills, as ClickHouse writes them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(column.name for column in self.columns)


SEQ = (
    Column("seq", "UInt64", "lane << 32 | block number"),
    Column("line", "UInt32", "place in the block, from 0"),
)
WAYBILLS = "INDEX waybills waybill TYPE bloom_filter(0.01) GRANULARITY 4"

BLOCK = Table(
    "block",
    "The plan log, audit trail and hash chain: row n says where block n ends and what block n - 1 wrote",
    (
        Column("lane", "UInt16"),
        Column("n", "UInt32", "block number, from 1"),
        Column("inputs", "Array(String)", "topic:partition"),
        Column("upto", "Array(UInt64)", "for each input, the offset after the block's last record"),
        Column("version", TEXT, "version of the code and rules that the rows depend on"),
        Column("tables", "Array(String)", "tables that block n - 1 wrote"),
        Column("rows", "Array(UInt32)", "for each of them, rows of block n - 1"),
        Column("digests", "Array(String)", "for each of them, SHA-256 of those rows, in hexadecimal"),
        Column("chain", TEXT, "SHA-256 over the previous row's chain and all of the above, in hexadecimal"),
    ),
    order_by=("lane", "n"),
    extras=("at DateTime64(3) DEFAULT now64(3) COMMENT 'when the plan was stored; no part of the chain'",),
)

EVENT = Table(
    "event",
    "Accepted events, normalised: orders, scans and weights",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("kind", WORD, "order, scan, weight"),
        Column("waybill", TEXT),
        Column("event_time", TIME, "when it happened, UTC"),
        Column("operation", WORD, "scan: 10 揽收, 20 发件, 30 到件, 40 派件, 50 签收"),
        Column("source", WORD, "scan, weight: the source system or device family"),
        Column("code", WORD, "scan: the source's own operation code"),
        Column("site", WORD, "scan, weight: where"),
        Column("outlet", WORD, "scan, weight: the outlet of the site; HQ for a hub"),
        Column("city", WORD, "scan, weight: GB/T 2260 code of the site's city"),
        Column("province", WORD, "scan, weight: GB/T 2260 code of the site's province"),
        Column("device", TEXT),
        Column("weight_class", WORD, "order: declared; weight: outlet_scale, hub_dws…"),
        Column("weight_g", GRAMS, "order: declared weight; weight: weight; grams"),
        Column("length_mm", "UInt32"),
        Column("width_mm", "UInt32"),
        Column("height_mm", "UInt32"),
        Column("photo", TEXT, "weight: the photograph's reference"),
        Column("origin", WORD, "order: origin outlet"),
        Column("destination", WORD, "order: destination outlet"),
        Column("origin_city", WORD, "order: GB/T 2260 code"),
        Column("destination_city", WORD, "order: GB/T 2260 code"),
        Column("customer", TEXT, "order"),
        Column("product", WORD, "order"),
        Column("payment", MONEY, "order: what the customer pays the origin outlet, yuan"),
        Column("topic", WORD, "Kafka topic it was read from"),
        Column("partition", "UInt16"),
        Column("offset", "UInt64"),
    ),
    extras=(WAYBILLS,),
)

CHARGE = Table(
    "charge",
    "Rated fees, one row per fee, payer and payee, with the snapshot that explains the amount",
    (
        *SEQ,
        Column("charge_id", ID, "hash of waybill, fee and revision"),
        Column("revision", "UInt16", "0 for the first; a correction adds a reversal and the next revision"),
        Column("reverses", ID, "the charge that this row takes back; zeros for none"),
        Column("waybill", TEXT),
        Column("fee", WORD, "freight, waybill, transit, delivery_collected, delivery_paid"),
        Column("payer", WORD, "party; CUSTOMER for freight"),
        Column("payee", WORD, "party"),
        Column("amount", MONEY, "yuan, rounded; negative in a reversal"),
        Column("event_time", TIME, "time of the event that made the fee due"),
        Column("business_date", DATE, "Shanghai's date of event_time"),
        Column("cause", TEXT, "id of the event that made the fee due"),
        Column("book_version", WORD, "tariff book; empty for freight"),
        Column("price_table", WORD, "file of the book"),
        Column("price_row", "UInt32", "row of that file, the header is row 1"),
        Column("matched", WORD, "outlet, city, city_province, province, national: the level of the places"),
        Column("origin", WORD, "origin outlet"),
        Column("destination", WORD, "destination outlet"),
        Column("product", WORD),
        Column("weight_class", WORD, "of the adopted weight; empty where no weight is used"),
        Column("weight_event", TEXT, "id of the event that weighed"),
        Column("actual_g", GRAMS, "adopted weight"),
        Column("volumetric_g", GRAMS, "volume over the table's divisor; 0: not measured or not used"),
        Column("chargeable_g", GRAMS, "the weight that was priced, after its rounding"),
        Column("first_g", GRAMS, "grams that the first price covers"),
        Column("first_price", MONEY, "yuan"),
        Column("continued_g", GRAMS, "grams beyond first_g, rounded to the table's unit"),
        Column("continued_price", MONEY, "yuan per kg beyond first_g"),
        Column("unit_g", GRAMS, "the continued weight's unit; 1: exact"),
        Column("rounding", WORD, "how the amount was rounded: half_up_fen, up_fen…"),
        Column("order_event", TEXT, "id of the order whose facts were used"),
        Column("passed_over", WORD, "price rows that were for the parcel too, and why they lost"),
        Column("steps", TEXT, "JSON of the price's passes, where the columns above do not say everything"),
    ),
    extras=(WAYBILLS,),
)

JOURNAL = Table(
    "journal",
    "Journal rows: the legs of balanced entries, each in one party's book",
    (
        *SEQ,
        Column("row_id", ID, "hash of entry and leg"),
        Column("entry_id", ID, "an entry balances by itself, in one book"),
        Column("charge_id", ID),
        Column("book", WORD, "the party whose book this is"),
        Column("account", WORD, "number in the chart of accounts"),
        Column("side", WORD, "D debit, C credit"),
        Column("amount", MONEY, "yuan; negative in a red-letter reversal (红字冲销)"),
        Column("counterparty", WORD, "the other party"),
        Column("waybill", TEXT),
        Column("fee", WORD),
        Column("event_time", TIME),
        Column("business_date", DATE),
        Column("rules_version", WORD, "version of the posting rules"),
    ),
    extras=(WAYBILLS,),
)

WEIGHT = Table(
    "adopted_weight",
    "Which weight a parcel is charged by; the newest row of a waybill is in force",
    (
        *SEQ,
        Column("waybill", TEXT),
        Column("event_id", TEXT, "the event that weighed"),
        Column("weight_class", WORD),
        Column("weight_g", GRAMS),
        Column("volume_cm3", "UInt32"),
        Column("event_time", TIME, "when it was weighed"),
        Column("site", WORD),
        Column("replaces", TEXT, "the event whose weight was in force before; empty: none"),
        Column("why", WORD, "the rule: first, higher_class, earlier, deadline"),
    ),
    extras=(WAYBILLS,),
)

ANOMALY = Table(
    "anomaly",
    "Input that was used but that someone should look at",
    (
        *SEQ,
        Column("kind", WORD),
        Column("waybill", TEXT),
        Column("event_id", TEXT),
        Column("event_time", TIME),
        Column("site", WORD),
        Column("expected", TEXT),
        Column("found", TEXT),
    ),
    extras=(WAYBILLS,),
)

WAITING = Table(
    "waiting",
    "Fees that are due but cannot be rated: a row when a wait begins, changes its reason or ends",
    (
        *SEQ,
        Column("waybill", TEXT),
        Column("fee", WORD),
        Column("reason", WORD, "no_order, no_weight, no_price; empty: the wait is over"),
        Column("since", TIME, "time of the event that made the fee due"),
        Column("outlet", WORD, "origin outlet where it is known"),
    ),
    extras=(WAYBILLS,),
)

DEAD_LETTER = Table(
    "dead_letter",
    "Input that broke a rule, with its bytes; `status` replayed: it was sent again",
    (
        *SEQ,
        Column("dead_letter_id", TEXT, "hash of where it came from and its bytes"),
        Column("status", WORD, "open, replayed"),
        Column("reason", WORD, "the broken rule"),
        Column("detail", TEXT),
        Column("transport", WORD, "mqtt, kafka"),
        Column("topic", WORD),
        Column("partition", "Int32", "-1 for MQTT"),
        Column("offset", "Int64", "-1 for MQTT"),
        Column("event_id", TEXT, "where it could be read"),
        Column("waybill", TEXT, "where it could be read"),
        Column("received", TIME, "when it reached Waybook"),
        Column("raw", TEXT, "the bytes as they came"),
    ),
)

TARIFF = Table(
    "tariff_book",
    "Published tariff books, whole, in order of publication, and what became of them",
    (
        *SEQ,
        Column("version", TEXT),
        Column("name", TEXT),
        Column("published_at", TIME),
        Column("published_by", TEXT),
        Column("file", TEXT, "empty in a withdrawal"),
        Column("content", TEXT),
        Column(
            "status",
            WORD,
            "published, or withdrawn: every earlier publication of the version is out of force",
        ),
    ),
)

DIRECTORY = Table(
    "network_directory",
    "Published network directories, whole, in order of publication",
    (
        *SEQ,
        Column("version", TEXT),
        Column("published_at", TIME),
        Column("published_by", TEXT),
        Column("file", TEXT),
        Column("content", TEXT),
    ),
)

SITE = Table(
    "site",
    "Sites of the published network directories: outlets and hubs with their places",
    (
        *SEQ,
        Column("version", TEXT, "of the directory"),
        Column("site", TEXT),
        Column("name", TEXT),
        Column("kind", WORD, "outlet, hub"),
        Column("outlet", TEXT, "the party; HQ for a hub"),
        Column("city", WORD, "GB/T 2260 code"),
        Column("city_name", WORD),
        Column("province", WORD, "GB/T 2260 code"),
        Column("province_name", WORD),
    ),
)

ACCOUNT = Table(
    "account",
    "The chart of accounts that the journal's numbers refer to",
    (
        *SEQ,
        Column("version", TEXT),
        Column("account", TEXT, "number"),
        Column("name", TEXT, "Chinese name"),
        Column("english", TEXT),
        Column("class", WORD, "asset, liability, revenue, expense"),
        Column("normal_side", WORD, "D or C: the side that increases it"),
    ),
)

FACTS = (EVENT, CHARGE, JOURNAL, WEIGHT, ANOMALY, WAITING, DEAD_LETTER, TARIFF, DIRECTORY, SITE, ACCOUNT)
"""Tables whose rows come in blocks."""
TABLES = (BLOCK, *FACTS)
BY_NAME = {table.name: table for table in TABLES}
