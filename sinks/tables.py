"""The tables of the books: columns, order and meaning, in one place.

Every row of a fact table belongs to a block: `seq` = lane << 32 | block number, `line` = the row's place in
the block's rows of this table. Fact tables lie in order of arrival (seq, line), which costs half the merge
work of any business order; a bloom filter finds a waybill, and sums by party and date are read from the rows.
`sinks.ddl` renders this for one server or a replicated cluster; `sinks.encode` computes a block's digest
from the same columns.
"""

import msgspec

from schemas.events import OPERATIONS

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
    shard: str = "bitShiftRight(seq, 32)"
    """By what a cluster's distributed table spreads rows."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(column.name for column in self.columns)


SEQ = (
    Column("seq", "UInt64", "lane << 32 | block number"),
    Column("line", "UInt32", "place in the block, from 0"),
)
WAYBILLS = "INDEX waybills waybill TYPE bloom_filter(0.01) GRANULARITY 4"
OFFSET = Column(
    "offset", "UInt64", "of its record (of its last part) on waybook.control: lanes that read it follow it"
)
POSTED_FOR = (
    "posted_for Date ALIAS toDate(event_time, 'Asia/Shanghai') COMMENT 'the day that it belongs to: another than "
    "business_date where that was closed'"
)

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
    shard="lane",
    extras=("at DateTime64(3) DEFAULT now64(3) COMMENT 'when the plan was stored; no part of the chain'",),
)

EVENT = Table(
    "event",
    "Accepted events, normalised: orders, scans and weights",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("kind", WORD, "order, scan, weight, claim, claim_withdrawn"),
        Column("waybill", TEXT),
        Column("event_time", TIME, "when it happened, UTC"),
        Column(
            "operation", WORD, "scan: 10 揽收, 20 发件, 30 到件, 40 派件, 50 签收, 60 集包, 70 退件, 80 转寄"
        ),
        Column("source", WORD, "scan, weight: the source system or device family"),
        Column("code", WORD, "scan: the source's own operation code"),
        Column("site", WORD, "scan, weight: where"),
        Column("outlet", WORD, "scan, weight: the outlet of the site; HQ for a hub"),
        Column("city", WORD, "scan, weight: GB/T 2260 code of the site's city"),
        Column("province", WORD, "scan, weight: GB/T 2260 code of the site's province"),
        Column("device", TEXT),
        Column("courier", WORD, "scan: the courier or sub-contractor, where the device tells"),
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
        Column("origin_county", WORD, "order: GB/T 2260 code; empty: not known"),
        Column("destination_county", WORD, "order: GB/T 2260 code; empty: not known"),
        Column("customer", TEXT, "order"),
        Column("product", WORD, "order"),
        Column("payment", MONEY, "order: what the customer pays the origin outlet, yuan"),
        Column("topic", WORD, "Kafka topic it was read from"),
        Column("partition", "UInt16"),
        Column("offset", "UInt64"),
    ),
    extras=(
        WAYBILLS,
        f"operation_name {TEXT} ALIAS transform(operation, {list(OPERATIONS)}, {list(OPERATIONS.values())}, '') "
        "COMMENT 'scan: 揽收, 发件, 到件, 派件, 签收, 集包, 退件, 转寄'",
        "business_date Date ALIAS toDate(event_time, 'Asia/Shanghai') COMMENT 'Shanghai''s date of event_time'",
    ),
)

ORDER_TERMS = Table(
    "order_terms",
    "What few orders say besides the ordinary; an order without a row has the defaults",
    (
        *SEQ,
        Column("event_id", TEXT, "the order"),
        Column("waybill", TEXT),
        Column("pieces", "UInt32"),
        Column("channel", WORD, "where it was ordered"),
        Column("insured", MONEY, "declared value that is insured, yuan"),
        Column("cod", MONEY, "what the destination outlet collects for the sender, yuan"),
        Column("promised_hours", "UInt32"),
        Column("direction", WORD, "forward, return"),
        Column("billing", WORD),
        Column("related", TEXT, "the waybill that this one sends back or on"),
        Column("services", WORD, "further services, with | between"),
    ),
    extras=(WAYBILLS,),
)

CLAIM = Table(
    "claim",
    "Claims about parcels and their withdrawals, with their evidence",
    (
        *SEQ,
        Column("event_id", TEXT, "of a breach's claim: breach:RULE"),
        Column("waybill", TEXT),
        Column("event_time", TIME, "of a breach's claim: when the rule was broken"),
        Column("claim", TEXT, "the claim's event: its own, or the one that is withdrawn"),
        Column(
            "status",
            WORD,
            "claimed, withdrawn; breached: a final breach of a scan chain claims it; mended: it does no more",
        ),
        Column("kind", WORD, "late, damaged, lost…: a due of the table fee"),
        Column("responsible", WORD, "party; empty: as the due says"),
        Column("beneficiary", WORD, "party; empty: as the due says"),
        Column("amount", MONEY, "yuan; 0: the tariff says how much"),
        Column("evidence", TEXT, "reference of what shows it"),
        Column("by", TEXT),
        Column("why", TEXT, "of a withdrawal"),
    ),
    extras=(WAYBILLS,),
)

CHARGE = Table(
    "charge",
    "Rated fees, one row per fee, payer and payee, with the snapshot that explains the amount",
    (
        *SEQ,
        Column("charge_id", ID, "hash of waybill, fee (and part), revision and event_time"),
        Column("revision", "UInt16", "0 for the first; a correction adds a reversal and the next revision"),
        Column("reverses", ID, "the charge that this row takes back; zeros for none"),
        Column("waybill", TEXT, "the parcel, the stay in a store, the haul, or customer:month"),
        Column("fee", WORD, "a name of the table fee"),
        Column(
            "part",
            TEXT,
            "the hub, the claim, the day in store or of a haul, the event of a part that left that it is for; empty: "
            "the parcel or stay",
        ),
        Column(
            "payer", WORD, "party that runs the outlet on the business date; CUSTOMER for whoever ordered"
        ),
        Column("payee", WORD, "party that runs the outlet on the business date"),
        Column("amount", MONEY, "yuan, rounded; negative in a reversal"),
        Column("event_time", TIME, "time of the event that made the fee due"),
        Column("business_date", DATE, "Shanghai's date of event_time"),
        Column("cause", TEXT, "id of the event that made the fee due"),
        Column("book_version", WORD, "tariff book; empty for an amount that no tariff made"),
        Column("price_table", WORD, "file of the book"),
        Column("price_row", "UInt32", "row of that file, the header is row 1"),
        Column(
            "price_column", WORD, "in a matrix the heading of the price's column; empty: a row is one price"
        ),
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
        Column("charge_id", ID, "the charge; for balances that moved, the move"),
        Column("book", WORD, "the party whose book this is"),
        Column("account", WORD, "number in the chart of accounts"),
        Column("side", WORD, "D debit, C credit"),
        Column("amount", MONEY, "yuan; negative in a red-letter reversal (红字冲销)"),
        Column("counterparty", WORD, "the other party"),
        Column("waybill", TEXT),
        Column("fee", WORD),
        Column("route", WORD, "the line, origin province-destination province; empty without an order"),
        Column("product", WORD),
        Column("cause", WORD, "what made the charge due: picked_up, weighed…; reversed: it is taken back"),
        Column("event_time", TIME),
        Column("business_date", DATE),
        Column("rules_version", WORD, "version of the posting rules"),
    ),
    extras=(
        WAYBILLS,
        "period UInt32 ALIAS toYYYYMM(business_date) COMMENT 'month of the business date'",
        POSTED_FOR,
    ),
)

WEIGHT = Table(
    "adopted_weight",
    "Which weight a parcel is charged by; the newest row of a waybill is in force, unless a later order or policy "
    "leaves it without one: then charges by weight are reversed in `charge`, and wait once its way ends (no_weight)",
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
        Column(
            "why",
            WORD,
            "first: none was before; better: replaces one; deadline: for want of a better; decided: by a person",
        ),
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
        Column(
            "fee",
            WORD,
            "what is due: a due of the table fee, or withdrawn for a withdrawal without its claim",
        ),
        Column("part", TEXT, "the hub or the claim; empty: the parcel"),
        Column(
            "reason",
            WORD,
            "no_order, no_weight, no_price, no_claim, no_pickup, weight_undecided, no_opening, no_measure, abandoned; "
            "empty: the wait is over",
        ),
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
        Column(
            "dead_letter_id",
            TEXT,
            "hash of its topic and its bytes: the same bytes on the same topic are one",
        ),
        Column(
            "status", WORD, "open, replayed: the newest row of an id counts, view open_dead_letter has those"
        ),
        Column("reason", WORD, "the broken rule"),
        Column("detail", TEXT),
        Column("transport", WORD, "mqtt, kafka"),
        Column("topic", WORD),
        Column("partition", "Int32", "-1 for MQTT"),
        Column("offset", "Int64", "-1 for MQTT"),
        Column("event_id", TEXT, "where it could be read"),
        Column("waybill", TEXT, "where it could be read"),
        Column("received", TIME, "when it reached Waybook"),
        Column(
            "raw",
            TEXT,
            "the bytes as they came; replayed: as they were sent again, if neither sealed nor large",
        ),
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
        Column("event_id", TEXT, "the publication or withdrawal: what corrections name as their cause"),
        Column(
            "status",
            WORD,
            "published, or withdrawn: every earlier publication of the version is out of force",
        ),
        OFFSET,
    ),
)

DIRECTORY = Table(
    "network_directory",
    "Published network directories in order of publication, whole but for settlement accounts",
    (
        *SEQ,
        Column("version", TEXT),
        Column("published_at", TIME),
        Column("published_by", TEXT),
        Column("file", TEXT),
        Column("content", TEXT),
        OFFSET,
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

AREA = Table(
    "area",
    "Counties of the published network directories and the outlets that serve them",
    (
        *SEQ,
        Column("version", TEXT, "of the directory"),
        Column("county", TEXT, "GB/T 2260 code"),
        Column("county_name", TEXT),
        Column("city", WORD, "GB/T 2260 code"),
        Column("outlet", TEXT, "who serves it, a row each; empty: nobody"),
    ),
)

PARTY = Table(
    "party",
    "Parties of the published network directories, a row for each period: the tree with dated membership",
    (
        *SEQ,
        Column("version", TEXT, "of the directory"),
        Column("party", TEXT),
        Column("kind", WORD, "headquarters, province, outlet, contractor, courier, station, hub, customer…"),
        Column("name", TEXT),
        Column("parent", TEXT, "the party that it belongs to; empty: none"),
        Column("legal_entity", TEXT),
        Column("settlement_account", TEXT, "masked: the last four characters"),
        Column("customer_level", WORD),
        Column("first_day", DATE, "1970-01-01: since ever"),
        Column("last_day", DATE, "2149-06-06: for ever"),
    ),
)

OPERATOR = Table(
    "operator",
    "Changes of hands: which party runs an outlet from which day on; outlets without rows run themselves",
    (
        *SEQ,
        Column("change_id", TEXT, "id of the event"),
        Column(
            "kind", WORD, "party_transferred, parties_merged; handover_withdrawn: one of these is taken back"
        ),
        Column("outlet", TEXT, "the outlet that goes over"),
        Column("party", TEXT, "transferred: the new party; merged: the outlet that it goes into"),
        Column(
            "first_day",
            DATE,
            "from this business day on; withdrawn: what was announced of the outlet for that day",
        ),
        Column("published_at", TIME),
        Column("published_by", TEXT),
        Column("reason", TEXT),
        OFFSET,
    ),
)

BALANCE_MOVED = Table(
    "balance_moved",
    "Open balances that went over with an outlet, as totals: the journal has the differences to the move before",
    (
        *SEQ,
        Column("move_id", TEXT, "id of the event"),
        Column("outlet", TEXT),
        Column("first_day", DATE, "from this business day on the new party runs the outlet"),
        Column("former", TEXT),
        Column("party", TEXT, "the new party"),
        Column("business_date", DATE, "of the entries"),
        Column("published_at", TIME),
        Column("published_by", TEXT),
        Column("blocks", TEXT, "lane:block, up to which the books were asked"),
        Column("book", WORD, "party: in the two parties' books; headquarters: in headquarters'"),
        Column("account", WORD),
        Column("counterparty", TEXT),
        Column("amount", MONEY, "debits less credits, yuan; all that was ever to be moved"),
    ),
)

BOOKS_CLOSE = Table(
    "books_close",
    "Until when the books are closed; each lane tells it in the block from which on it counts there",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("status", WORD, "closed, reopened"),
        Column("through", DATE, "the last closed business day"),
        Column("event_time", TIME),
        Column("published_by", TEXT),
        Column("reason", TEXT),
    ),
)

PRODUCT = Table(
    "product",
    "Products of the published network directories",
    (
        *SEQ,
        Column("version", TEXT, "of the directory"),
        Column("product", WORD),
        Column("name", TEXT, "as price tables may call it, too"),
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
        Column(
            "nature", WORD, "own, mutual (the other party's book mirrors it), clearing (nothing may remain)"
        ),
        Column("seen_by", WORD, "owner (and headquarters), parties (both that it is between)"),
    ),
)

PARTIES = "INDEX parties party TYPE bloom_filter(0.01) GRANULARITY 4"
STEP = Column("step", "UInt32", "order of what was done in the block, over all tables of the accounts flow")

MOVEMENT = Table(
    "account_movement",
    "What changed on parties' virtual accounts: rows of one step are one change of one party's money",
    (
        *SEQ,
        STEP,
        Column("party", WORD),
        Column("account", WORD, "cash 现金账户, business 业务账户, deposit 保证金账户"),
        Column("kind", WORD, "posting, the command's name, or deduct, give_back: a due's deduction"),
        Column("amount", MONEY, "what the account gained, yuan; negative for what it lost"),
        Column("balance", MONEY, "of the account afterwards"),
        Column("business_date", DATE, "Shanghai's date of what it is for, or the first that was not closed"),
        Column("time", TIME, "data time at which it was booked"),
        Column("fee", WORD, "of the journal rows that it stands for; empty: there are none"),
        Column("sender", "UInt64", "posting: seq of the block whose journal rows it sums up; 0: no posting"),
        Column("command_id", TEXT, "or the deduction's number; empty for a posting"),
        Column("charge_id", ID, "of the journal rows of the command or deduction; zeros for a posting"),
        Column("counterparty", WORD, "the other party"),
    ),
    extras=(PARTIES,),
)

HOLD = Table(
    "hold",
    "Money that is kept for a purpose: a row when a hold is opened, captured or released",
    (
        *SEQ,
        STEP,
        Column("party", WORD),
        Column("hold", TEXT, "id of the command that opened it"),
        Column("status", WORD, "opened, captured, released"),
        Column("purpose", WORD, "withdraw, purchase"),
        Column("amount", MONEY, "how much was opened, captured or released"),
        Column("remains", MONEY, "what is still held"),
        Column("time", TIME, "data time"),
        Column("command_id", TEXT),
    ),
    extras=(PARTIES,),
)

NOTICE = Table(
    "notice",
    "Notices about parties' balances: a row when one begins or is over, as of the block's end",
    (
        *SEQ,
        Column("party", WORD),
        Column("kind", WORD, "low_balance, limit_reached"),
        Column("status", WORD, "begun, over"),
        Column("available", MONEY, "what the party can spend, its credit line included"),
        Column("threshold", MONEY, "below which notice is given"),
        Column("time", TIME, "data time"),
    ),
    extras=(PARTIES,),
)

ANSWER = Table(
    "answer",
    "Commands on virtual accounts and what became of them, one row each",
    (
        *SEQ,
        STEP,
        Column("party", TEXT),
        Column("command_id", TEXT),
        Column("command", WORD, "its name"),
        Column("actor", TEXT, "who asked"),
        Column("command_time", TIME, "when it was asked"),
        Column("body", TEXT, "what was asked: JSON"),
        Column("accepted", "UInt8"),
        Column("reason", WORD, "why it was refused"),
        Column("amount", MONEY, "what it moved or held"),
        Column("unit_price", MONEY, "purchase: yuan a piece"),
        Column("available", MONEY, "what the party could spend afterwards, its credit line included"),
        Column("time", TIME, "data time at which it was answered"),
    ),
    extras=(PARTIES,),
)

TERMS = Table(
    "terms",
    "Parties' terms as they changed; the newest row of a party is in force",
    (
        *SEQ,
        STEP,
        Column("party", WORD),
        Column("kind", WORD, "prepaid, credit"),
        Column("credit_limit", MONEY, "how far a party on credit may owe"),
        Column("low_balance", MONEY, "below what is available notice is given; 0: never"),
        Column("time", TIME, "data time"),
        Column("cause", TEXT, "the command, or the directory's version"),
    ),
)

MATERIAL = Table(
    "material",
    "Published price lists of materials and waybill stock",
    (
        *SEQ,
        Column("version", TEXT, "of the directory"),
        Column("item", TEXT),
        Column("name", TEXT),
        Column("price", MONEY, "yuan a piece"),
    ),
)

FEE = Table(
    "fee",
    "What charges are for: who pays whom, and what makes it due; `due`: what is assessed as one",
    (
        *SEQ,
        Column("version", TEXT, "of the posting rules"),
        Column("fee", TEXT),
        Column("zh", TEXT),
        Column("en", TEXT),
        Column("payer", WORD, "role"),
        Column("payee", WORD, "role"),
        Column("due", TEXT, "the due that it belongs to; empty: it is no parcel's"),
        Column("due_zh", TEXT),
        Column("due_en", TEXT),
        Column("place", "UInt32", "of the due"),
        Column(
            "trigger",
            WORD,
            "ordered, picked_up, weighed, signed, hub_passed, bagged, claimed; stay_opened, stay_day, stay_closed, "
            "hauled, stay_month, parcel_month",
        ),
        Column("source", WORD, "of the amount: tariff, payment, cod, claim, share"),
        Column("price", TEXT, "fee of the tariff that prices it"),
        Column("required", "UInt8", "1: it waits for a price"),
        Column("needs", WORD, "the order's amount without which it is not due"),
        Column("parcels", WORD, "forward, return, redirect; empty: all"),
        Column(
            "share_of",
            TEXT,
            "the due that it is a share of; stay_month: whose charges of the month it looks at",
        ),
        Column("blames", WORD, "role that is responsible where a claim names nobody"),
        Column("rewards", WORD, "role that benefits where a claim names nobody"),
    ),
)

POSTING_RULE = Table(
    "posting_rule",
    "The legs of each fee's entries; every leg carries the charge's amount",
    (
        *SEQ,
        Column("version", TEXT, "of the posting rules"),
        Column("fee", TEXT),
        Column("leg", "UInt8", "from 1"),
        Column("book", WORD, "payer or payee: in whose book it stands"),
        Column("account", TEXT),
        Column("side", WORD, "D debit, C credit"),
    ),
)

CHAIN_RULE = Table(
    "chain_rule",
    "Rules of scan chains of the published network directories; a directory without rules has no rows",
    (
        *SEQ,
        Column("version", TEXT, "of the directory"),
        Column("rule", TEXT, "name"),
        Column("label", TEXT, "for people"),
        Column("operation", WORD, "the scan that starts the clock"),
        Column("place", WORD, "where that scan is: any, outlet, hub"),
        Column("direction", WORD, "then: one of the others comes later; need: one has come before"),
        Column("others", TEXT, "operations, separated by blanks"),
        Column("hours", "UInt32"),
        Column(
            "responsible", WORD, "whose breach it is: the scan's outlet, or the order's origin or destination"
        ),
        Column("due", WORD, "what a final breach costs: a due of the table fee; empty: nothing"),
        Column("amount", MONEY, "of that penalty, yuan; 0: the tariff says how much"),
    ),
)

CHAIN_BREACH = Table(
    "chain_breach",
    "Breaches of scan-chain rules: a row when one opens or changes, closes, or becomes final; newest counts",
    (
        *SEQ,
        Column("waybill", TEXT),
        Column("rule", WORD, "see chain_rule"),
        Column("status", WORD, "open; closed: the scan came; final: it cannot come any more"),
        Column("outlet", WORD, "who answers for it; HQ for a hub"),
        Column("site", WORD, "where the scan was that started the clock"),
        Column("operation", WORD, "that scan"),
        Column("since", TIME, "when that scan was"),
        Column("due", TIME, "when the rule was broken"),
        Column("age_ms", "UInt64", "data time less since, when the row was written"),
        Column("cause", TEXT, "closed: the event that closed it"),
    ),
    extras=(WAYBILLS,),
)

WEIGHT_CASE = Table(
    "weight_case",
    "Measured weights that differ too much: a row when a case is opened, changed, decided or closed",
    (
        *SEQ,
        Column("waybill", TEXT),
        Column("status", WORD, "opened, changed: open; decided; closed: the weights differ no more"),
        Column("weight_event", TEXT, "the weight that counts"),
        Column("weight_class", WORD),
        Column("weight_g", GRAMS),
        Column("event_time", TIME),
        Column("site", WORD),
        Column("other_event", TEXT, "the measured weight that is farthest from it"),
        Column("other_class", WORD),
        Column("other_g", GRAMS),
        Column("other_time", TIME),
        Column("other_site", WORD),
        Column("other_outlet", WORD, "who answers for that weight; HQ for a hub"),
        Column("difference_g", GRAMS, "threshold: weights may differ by so much"),
        Column("difference_percent", "UInt8", "threshold: or by so much of the heavier one"),
        Column("on_difference", WORD, "charge, provisional, wait: the charges until someone decides"),
        Column("decision", TEXT, "the decision's event; empty: none"),
        Column("cause", TEXT, "the event that led to this row"),
    ),
    extras=(WAYBILLS,),
)

WEIGHT_DECISION = Table(
    "weight_decision",
    "Accepted decisions of people about weights",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("waybill", TEXT),
        Column("event_time", TIME),
        Column("decision", WORD, "confirm: that event's weight stays; override: these grams"),
        Column("weight_event", TEXT, "confirm: it stays; override: it is corrected; empty: none is named"),
        Column("weight_g", GRAMS, "override"),
        Column("volume_cm3", "UInt64", "override"),
        Column("decided_by", TEXT),
        Column("reason", TEXT),
        Column("partition", "UInt16", "of the topic waybook.orders"),
        Column("offset", "UInt64"),
    ),
    extras=(WAYBILLS,),
)

STAY_EVENT = Table(
    "stay_event",
    "Accepted events of goods in a store: entry, measurements and moves, exit",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("kind", WORD, "opened 入库, measured 计量, reduced 分批出库, moved 移库, closed 出库"),
        Column("stay", TEXT),
        Column("event_time", TIME, "when it happened, UTC"),
        Column("site", WORD, "the store"),
        Column("outlet", WORD, "of the store"),
        Column("customer", TEXT, "opened: whose goods they are"),
        Column("billing", WORD, "opened: by what the customer pays"),
        Column("temperature", WORD, "opened, moved: class of temperature; empty in a move: as before"),
        Column("zone", WORD, "opened, moved: where in the store"),
        Column("vehicle", WORD, "opened, reduced, closed: class of vehicle"),
        Column("plate", TEXT, "opened, reduced, closed: the vehicle"),
        Column("pallet", TEXT, "opened"),
        Column("lot", TEXT, "opened"),
        Column("pieces", "UInt32", "opened; reduced: what is left, 0: nobody says"),
        Column("pallets", "Int32", "pallet places (reduced: left); -1: not measured"),
        Column("volume_cm3", "Int64", "the same; -1: not measured"),
        Column("weight_g", "Int64", "the same; -1: not measured"),
        Column("source", WORD, "the source system or device family"),
        Column("device", TEXT),
        Column("partition", "UInt16", "of the topic waybook.stays"),
        Column("offset", "UInt64"),
    ),
    extras=("INDEX stays stay TYPE bloom_filter(0.01) GRANULARITY 4",),
)

HAUL = Table(
    "haul",
    "What was said of goods that were carried for a store's customer; of a haul's service the newest word counts",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("haul", TEXT, "the consignment or tour: the charge's waybill"),
        Column("service", WORD, "the due that is charged"),
        Column("status", WORD, "done, cancelled"),
        Column("event_time", TIME, "of the word, UTC"),
        Column("business_date", DATE, "that it is charged for"),
        Column("site", WORD, "the store"),
        Column("outlet", WORD, "of the store"),
        Column("destination", WORD, "the outlet where it ends; empty: in the store's own area"),
        Column("customer", TEXT, "who pays"),
        Column("billing", WORD),
        Column("temperature", WORD),
        Column("vehicle", WORD, "class of vehicle"),
        Column("plate", TEXT),
        Column("goods_of", TEXT, "the stay that the goods were of"),
        Column("services", WORD, "further services, with | between"),
        Column("pieces", "UInt32"),
        Column("pallets", "Int32", "-1: not measured"),
        Column("volume_cm3", "Int64", "-1: not measured"),
        Column("weight_g", "Int64", "-1: not measured"),
        Column("insured", MONEY, "yuan"),
        Column("source", WORD, "the source system"),
        Column("partition", "UInt16", "of the topic waybook.stays"),
        Column("offset", "UInt64"),
    ),
    extras=("INDEX hauls haul TYPE bloom_filter(0.01) GRANULARITY 4",),
)

STAY_MONTH = Table(
    "stay_month",
    "What a customer's month came to, as counted for a minimum or a package; the newest word counts",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("name", TEXT, "customer:month: the charge's waybill"),
        Column("customer", TEXT),
        Column("month", DATE, "its first day"),
        Column("due", WORD, "that is charged for it"),
        Column("outlet", WORD, "the store, or where parcels were sent from; the first of several"),
        Column("status", WORD, "counted; cancelled: all of it was taken back, no parcel is left"),
        Column("counted_at", TIME),
        Column("counted_by", TEXT),
        Column("amount", MONEY, "yuan: what the charges of the customer's stays came to; 0 of a package"),
        Column("parcels", "UInt64", "of a package: picked up in the month; otherwise 0"),
        Column("blocks", WORD, "lane:block, up to which charges or parcels were counted"),
        Column("partition", "UInt16", "of the topic waybook.stays"),
        Column("offset", "UInt64"),
    ),
)

VOLUME = Table(
    "volume",
    "Customers' parcels in a month through a completed business day, as counted; of a day the newest count holds",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("count_id", TEXT, "what an explanation names; a count may come in parts"),
        Column("counted_at", TIME),
        Column("counted_by", TEXT),
        Column("month", DATE, "its first day"),
        Column("through_day", DATE, "a charge of a later business day of the month is rated with it"),
        Column("part", "UInt16"),
        Column("parts", "UInt16"),
        Column("blocks", TEXT, "lane:block, up to which parcels were counted"),
        Column("customer", TEXT, "empty: the part is of nobody"),
        Column("parcels", "UInt64", "picked up on business days of the month up to and including that day"),
        OFFSET,
    ),
)

COST = Table(
    "cost",
    "Costs of hubs and lines, as billed, and their withdrawals; a cost that is withdrawn does not count",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("cost_id", TEXT, "the cost's event: its own, or the one that is withdrawn"),
        Column("status", WORD, "incurred, withdrawn"),
        Column("event_time", TIME),
        Column("place", WORD, "incurred: the hub"),
        Column("to_place", WORD, "the hub where the line ends; empty: the cost is the hub's own"),
        Column("business_date", DATE, "of whose parcels it is the cost"),
        Column("carrier", WORD, "to whom it is owed"),
        Column("basis", WORD, "weight, volume, piece: by what it is apportioned"),
        Column("amount", MONEY, "yuan"),
        Column("bill", TEXT, "the carrier's reference"),
        Column("by", TEXT),
        Column("reason", TEXT, "of a withdrawal"),
    ),
)

COST_SHARE = Table(
    "cost_share",
    "Costs apportioned to the parcels that passed, by `waybook costs spread`; shares change by red rows and new ones",
    (
        Column("cost_id", TEXT),
        Column("version", "UInt32", "from 1; rows of later versions correct those before"),
        Column("status", WORD, "share, reversed"),
        Column("waybill", TEXT),
        Column("route", WORD, "the line of the order, origin province-destination province"),
        Column("business_date", DATE, "the cost's"),
        Column("quantity", "UInt64", "grams, cm³ or pieces that it is apportioned by"),
        Column("amount", MONEY, "yuan; negative in what is taken back"),
        Column("blocks", WORD, "lane:block, up to which parcels and weights were looked at"),
    ),
    order_by=("cost_id", "version", "waybill"),
    shard="cityHash64(cost_id)",
)

SERVICE_LEVEL = Table(
    "service_level",
    "Outlets' months by the share of their parcels in time, judged once by `waybook service-levels`",
    (
        Column("month", DATE, "its first day"),
        Column("level", WORD, "of levels.csv"),
        Column("rule", WORD, "of chains.toml: what is late is a breach of it"),
        Column("outlet", WORD),
        Column("parcels", "UInt64", "signed for there in the month, or finally never"),
        Column("late", "UInt64", "those among them for whose breach the outlet was responsible"),
        Column("due", WORD, "what the step charges; empty: nothing"),
        Column("amount", MONEY, "yuan"),
        Column("waybill", TEXT, "the number under which the claim stands"),
        Column("claim", TEXT, "the claim's event; empty: there is none"),
        Column("directory", TEXT, "version of the directory whose steps were taken"),
        Column("blocks", WORD, "lane:block, up to which scans and breaches were looked at"),
        Column("counted_at", TIME, "data time"),
        Column("counted_by", TEXT),
    ),
    order_by=("month", "level", "outlet"),
    shard="cityHash64(outlet)",
)

RECALL = Table(
    "recall",
    "Parcels that were assessed again by the rules of then, for another reason than a new fact",
    (
        *SEQ,
        Column("event_id", TEXT, "the event that brought it back from the books; empty: the lane had it"),
        Column("waybill", TEXT, "the parcel, or the stay in a store"),
        Column("cause", TEXT, "why: a publication, a late fact, a dead letter; its reversals name the same"),
        Column(
            "status",
            WORD,
            "assessed: the lane had its record; rebuilt: from the books; joined: to a record begun since",
        ),
        Column(
            "event_time", TIME, "data time; of one that was brought back that of the books it was read from"
        ),
        Column("reversed", "UInt32", "charges that were taken back"),
        Column("charged", "UInt32", "charges that were made"),
        Column("partition", "UInt16", "of waybook.orders or waybook.stays, where an event brought it back"),
        Column("offset", "UInt64"),
    ),
    extras=(WAYBILLS,),
)

DRAFT_RUN = Table(
    "draft_run",
    "Drafts of tariff books that are rated beside live traffic: when they began, by what documents, when they stopped",
    (
        Column("run", WORD, "version of the draft"),
        Column("n", "UInt32", "the row's number in the run, from 1"),
        Column("status", WORD, "begun; renewed: other documents were published; stopped"),
        Column("name", TEXT, "of the draft"),
        Column("books", "Array(String)", "versions of the books beside it, in order of publication"),
        Column("network", TEXT, "version of the directory"),
        Column("lanes", "Array(UInt16)"),
        Column("blocks", "Array(UInt32)", "for each of them: what this row says counts after this block"),
        Column("by", TEXT, "who began or stopped it"),
    ),
    order_by=("run", "n"),
    extras=("at DateTime64(3) DEFAULT now64(3) COMMENT 'when the row was stored'",),
    shard="cityHash64(run)",
)

DRAFT_DIFFERENCE = Table(
    "draft_difference",
    "Blocks' charges by drafts: sums of those that differ, and by fee of those that do not; reversals count as less",
    (
        *SEQ,
        Column("run", WORD, "version of the draft"),
        Column("fee", WORD),
        Column(
            "route",
            WORD,
            "the line, origin province-destination province; empty: these charges do not differ",
        ),
        Column("payer", WORD, "empty: these charges do not differ"),
        Column("customer", TEXT, "empty: these charges do not differ"),
        Column("charges", "Int64", "reversals counted as one less"),
        Column("changed", "Int64", "charges that come to something else"),
        Column("unpriced", "Int64", "charges that have no price by the draft; reversals counted as one less"),
        Column("before", MONEY, "what was charged, yuan"),
        Column("after", MONEY, "what the draft makes of it"),
    ),
)

DOCUMENTS = "INDEX documents document TYPE bloom_filter(0.01) GRANULARITY 4"
PAYMENTS = "INDEX payments payment TYPE bloom_filter(0.01) GRANULARITY 4"
GROUP = Column("group", WORD, "merchants whose money belongs together")
CURRENCY = Column("currency", WORD, "ISO 4217; only CNY is posted in the journal")

RECEIVABLE = Table(
    "receivable",
    "Words about receivables and payables; of a document the newest by event_time, event_id counts",
    (
        *SEQ,
        Column("event_id", TEXT),
        Column("status", WORD, "told, cancelled"),
        GROUP,
        Column("document", TEXT, "our order, consignment, contract, statement or invoice number"),
        Column("kind", WORD, "order, consignment, contract, statement, invoice, topup; empty: cancelled"),
        Column("direction", WORD, "in: owed to us; out: we owe it"),
        Column("party", TEXT),
        Column("amount", MONEY, "in the currency's unit"),
        CURRENCY,
        Column("event_time", TIME, "when it was said"),
        Column("due_day", DATE, "1970-01-01: not told"),
        Column("references", TEXT, "further numbers that a payer may quote, separated by blanks"),
        Column("payer", TEXT, "token of who is expected to pay"),
        Column("partial", "UInt8", "1: it may be paid in parts"),
        Column("text", TEXT, "cancelled: the reason"),
        Column("by", TEXT, "cancelled: who"),
        Column("settle", WORD, "account: deducted from the party's account; payment; empty: as agreed"),
        Column("partition", "UInt16", "of the topic waybook.receivables"),
        Column("offset", "UInt64"),
    ),
    extras=(DOCUMENTS,),
)

NOTIFICATION = Table(
    "notification",
    "What channels' notifications that were verified tell of each payment, with their bytes as encrypted evidence",
    (
        *SEQ,
        Column("notification_id", TEXT),
        Column("channel", WORD),
        GROUP,
        Column("received", TIME),
        Column("payment", TEXT, "key of the payment that it tells of"),
        Column("direction", WORD, "what it tells: in, out"),
        Column("state", WORD, "pending, success, failed, closed"),
        Column("amount", MONEY, "in the currency's unit"),
        Column("currency", WORD, "ISO 4217"),
        Column("fee", MONEY, "what the channel keeps"),
        Column("fee_told", "UInt8", "0: it does not say what the channel keeps"),
        Column("event_time", TIME, "when the channel says that it happened"),
        Column("settled", DATE, "the channel's settlement date; 1970-01-01: not told"),
        Column("payments", "UInt16", "of so many payments it tells; of each in a row of its own"),
        Column("sealed", TEXT, "the record of Kafka, encrypted with the evidence key"),
        Column("topic", WORD),
        Column("partition", "UInt16"),
        Column("offset", "UInt64"),
    ),
    extras=(PAYMENTS,),
)

PAYMENT = Table(
    "payment",
    "Movements of money as channels tell them: a row for each change; the newest row of a payment counts",
    (
        *SEQ,
        Column("payment", TEXT, "channel/merchant/kind/number"),
        Column("channel", WORD),
        Column("merchant", WORD, "the channel's number for who is paid"),
        GROUP,
        Column("number", TEXT, "the channel's number of the movement"),
        Column("kind", WORD, "payment, refund, chargeback, transfer"),
        Column("direction", WORD, "in: to us; out: from us"),
        Column("state", WORD, "pending, success, failed, closed; only success is money"),
        Column("amount", MONEY, "in the currency's unit; never negative"),
        CURRENCY,
        Column("fee", MONEY, "what the channel keeps"),
        Column("fee_told", "UInt8", "0: the channel has not said what it keeps"),
        Column("order", TEXT, "our number that the channel carried"),
        Column("original", TEXT, "refund, chargeback: key of the payment that it takes back"),
        Column("payer", TEXT, "token; empty: not told"),
        Column("party", TEXT, "whose the token is, when the row was written"),
        Column("text", TEXT),
        Column("event_time", TIME, "when the channel says that it happened"),
        Column("settled", DATE, "the channel's settlement date; 1970-01-01: not told"),
        Column("cause", TEXT, "the notification, bill or deduction's answer that told"),
    ),
    extras=(
        PAYMENTS,
        "business_date Date ALIAS toDate(event_time, 'Asia/Shanghai') COMMENT 'Shanghai''s date of event_time'",
    ),
)

BILL = Table(
    "bill",
    "Ends of channels' bills, with what their lines come to, and bills that were not believed",
    (
        *SEQ,
        Column("bill", TEXT, "hash of the file's content"),
        Column("status", WORD, "complete, refused"),
        GROUP,
        Column("channel", WORD),
        Column("merchant", WORD),
        Column("sort", WORD, "trade: what was carried out; fund: what moved on the account"),
        Column("day", DATE, "the day that it is of"),
        Column("statement", TEXT, "which of the day's statements it is; empty: it does not say"),
        Column("parts", "UInt32", "messages with lines"),
        Column("lines", "UInt32"),
        Column("paid", MONEY, "what came in, in the currency's unit"),
        Column("refunded", MONEY, "what was given back"),
        Column("fee", MONEY, "what the channel kept"),
        Column("file", TEXT),
        Column(
            "event_time",
            TIME,
            "of two complete bills of a statement the later one counts, then the greater hash",
        ),
        Column("reason", WORD, "refused: why"),
        Column("detail", TEXT, "refused: where in the file"),
        Column("partition", "UInt16", "of the topic waybook.bills"),
        Column("offset", "UInt64"),
    ),
)

BILL_LINE = Table(
    "bill_line",
    "Lines of channels' bills, as they were taken",
    (
        *SEQ,
        Column("bill", WORD, "hash of the file's content"),
        GROUP,
        Column("channel", WORD),
        Column("merchant", WORD),
        Column("sort", WORD, "trade: what was carried out; fund: what moved on the account"),
        Column("day", DATE, "the day that the bill is of"),
        Column("statement", WORD, "which of the day's statements the bill is; empty: it does not say"),
        Column("part", "UInt32", "message of the bill, from 1"),
        Column("place", "UInt32", "in the message, from 0"),
        Column("payment", TEXT, "channel/merchant/kind/number"),
        Column("kind", WORD, "payment, refund, chargeback, transfer"),
        Column("direction", WORD, "in: to us; out: from us"),
        Column("state", WORD, "pending, success, failed, closed"),
        Column("amount", MONEY, "in the currency's unit; 0: the line tells only a fee"),
        Column("currency", WORD, "ISO 4217"),
        Column("fee", MONEY, "what the channel keeps; negative: what it gives back of it"),
        Column("event_time", TIME, "when the channel says that it happened"),
        Column("partition", "UInt16", "of the topic waybook.bills"),
        Column("offset", "UInt64"),
    ),
    extras=(PAYMENTS,),
)

PAYMENT_MATCH = Table(
    "payment_match",
    "Which payment pays what: matches, small differences and write-offs, and what took them back",
    (
        *SEQ,
        Column("match_id", ID, "the journal's charge_id"),
        Column("what", WORD, "match, difference (a tolerance let it pass), write_off"),
        GROUP,
        Column("payment", TEXT, "empty: write_off"),
        Column("document", TEXT),
        Column("party", TEXT),
        Column("amount", MONEY, "so much of the payment is for the document; negative in a reversal"),
        CURRENCY,
        Column("posting", WORD, "posting rule of its journal rows; empty: it has none"),
        Column("rule", WORD, "of matching.toml; decided: by a person; written_off; refund, chargeback"),
        Column("evidence", TEXT, "what the rule saw"),
        Column("revision", "UInt16", "0 for the first; a correction adds a reversal and the next revision"),
        Column("reversal", "UInt8", "1: it takes the match of this revision back"),
        Column("event_time", TIME, "when both sides were known, by their own times"),
        Column(
            "business_date",
            DATE,
            "Shanghai's date of event_time; the first day that was open, if it was closed",
        ),
        Column("cause", TEXT, "the event that led to this row"),
        Column("time", TIME, "data time at which it was booked"),
    ),
    extras=(PAYMENTS, DOCUMENTS, POSTED_FOR),
)

DEDUCTION = Table(
    "deduction",
    "Dues that are deducted from virtual accounts: what the payments flow asks for, and what the accounts flow does",
    (
        *SEQ,
        STEP,
        Column("deduction", TEXT, "its number: of the document, and of the time when it was asked for"),
        Column(
            "status",
            WORD,
            "asked, dropped: by the payments flow; refused (it waits), taken, returned, withdrawn",
        ),
        GROUP,
        Column("document", TEXT),
        Column("party", TEXT),
        Column("amount", MONEY),
        Column("reason", WORD, "refused: why"),
        Column(
            "available", MONEY, "refused, taken, returned: what the party may spend, its credit line included"
        ),
        Column("event_time", TIME, "data time at which it was asked for"),
        Column("time", TIME, "data time of this row"),
        Column("cause", TEXT, "asked, dropped: the event that led to it"),
    ),
    extras=(DOCUMENTS,),
)

PAYMENT_EXCEPTION = Table(
    "payment_exception",
    "What people have to look at about payments: a row for each change; the newest row of an exception counts",
    (
        *SEQ,
        Column("exception_id", TEXT),
        Column("status", WORD, "opened, changed, ignored (it sleeps), accepted (as it is), closed"),
        GROUP,
        Column("kind", WORD, "see waybook exceptions list"),
        Column("subject", TEXT, "the payment's key, or the document"),
        Column("severity", WORD, "high, medium, low"),
        Column("owner", WORD, "who looks at it: cashier, finance"),
        Column("action", TEXT, "what is suggested"),
        Column("amount", MONEY),
        Column("evidence", TEXT),
        Column("candidates", TEXT, "documents or payments that were looked at, as in order_status.payments"),
        Column("since", TIME, "data time when it was opened"),
        Column("until", TIME, "ignored: it sleeps until then"),
        Column("cause", TEXT, "the event that led to this row"),
        Column("time", TIME, "data time of this row"),
    ),
    extras=("INDEX exceptions exception_id TYPE bloom_filter(0.01) GRANULARITY 4",),
)

ORDER_STATUS = Table(
    "order_status",
    "What is paid of each document, as it was said on waybook.order-status; the highest serial counts",
    (
        *SEQ,
        Column("status_id", TEXT, "the event's id: a consumer knows a repeat by it"),
        GROUP,
        Column("document", TEXT),
        Column("serial", "UInt32", "from 1"),
        Column("status", WORD, "open, part_paid, paid, over_paid, part_refunded, refunded, cancelled"),
        Column("due", MONEY, "what is asked for, less what is written off"),
        Column("paid", MONEY),
        Column("refunded", MONEY),
        Column("overpaid", MONEY, "what was paid beyond what is asked for, and nobody has decided about"),
        Column("payments", TEXT, "keys, separated by blanks; a blank in one is %20, a % is %25"),
        Column("event_time", TIME, "of the newest fact that it rests on"),
        Column("time", TIME, "data time at which it was said"),
    ),
    extras=(DOCUMENTS,),
)

PAYMENT_DECISION = Table(
    "payment_decision",
    "People's decisions about payments, each once; approvals and withdrawals are decisions of their own",
    (
        *SEQ,
        Column("event_id", TEXT),
        GROUP,
        Column("event_time", TIME),
        Column("decision", WORD, "match, write_off, refund, ignore, accept, approve, withdraw"),
        Column("by", TEXT),
        Column("exception_id", TEXT),
        Column("shares", TEXT, "match: JSON, a list of payment, document, amount in 0.0001"),
        Column("payment", TEXT, "refund"),
        Column("document", TEXT, "write_off"),
        Column("amount", MONEY, "write_off, refund; accept: the exception's"),
        Column("until", TIME, "ignore"),
        Column("of", TEXT, "approve, withdraw: that decision"),
        Column("reason", TEXT),
        Column("partition", "UInt16", "of the topic waybook.payment-decisions"),
        Column("offset", "UInt64"),
    ),
)

DECISION_STATE = Table(
    "decision_state",
    "What became of people's decisions about payments: a row for each change; the newest row of a decision counts",
    (
        *SEQ,
        Column("event_id", TEXT, "the decision"),
        GROUP,
        Column(
            "state",
            WORD,
            "in_force; waiting: for another person; withdrawing: until another person says so, too; withdrawn",
        ),
        Column("cause", TEXT, "the event that led to it"),
        Column("time", TIME, "data time of this row"),
    ),
)

CLOSE = Table(
    "close",
    "Closes, previews and reopenings of days, weeks and months of channels' merchants, and what became of each",
    (
        *SEQ,
        Column("close_id", TEXT, "the command's id"),
        Column("what", WORD, "close, preview (nothing is closed), reopen"),
        Column("status", WORD, "closed, ready (a preview: it could be closed), reopened, refused"),
        GROUP,
        Column("channel", WORD),
        Column("merchant", WORD),
        Column("period", WORD, "day, week, month"),
        Column("first", DATE, "of the period, in Shanghai"),
        Column("last", DATE),
        Column("by", TEXT),
        Column("reason", TEXT),
        Column("of", TEXT, "reopen: the close"),
        Column("lacking", "UInt32", "refused: how much stands against it"),
        Column("lacks", TEXT, "refused: JSON, a list of what and item, the first of them"),
        Column("open_count", "UInt32", "exceptions through the last day, and bills that have not come"),
        Column("open", MONEY, "their amounts in CNY; those in other currencies: items"),
        Column(
            "items",
            TEXT,
            "JSON: each with its kind, subject, amount in 0.0001, currency, reason and who named it first",
        ),
        Column("received_count", "Int64", "what is booked with business dates of the period: money in"),
        Column("received", MONEY),
        Column("refunded_count", "Int64", "refunds and chargebacks"),
        Column("refunded", MONEY),
        Column("paid_out_count", "Int64", "other money out"),
        Column("paid_out", MONEY),
        Column("fees_count", "Int64", "what the channel kept"),
        Column("fees", MONEY),
        Column("matched_count", "Int64", "of money in: what documents took"),
        Column("matched", MONEY),
        Column("matched_out_count", "Int64", "of money out"),
        Column("matched_out", MONEY),
        Column(
            "billed_lines",
            "Int64",
            "what the period's bills say that had to be in; those of trades if there are any",
        ),
        Column("billed", MONEY),
        Column("billed_refunds", MONEY),
        Column("billed_fees", MONEY),
        Column("suspense", MONEY, "at the end of the last day: money of which nobody knows what it is for"),
        Column("event_time", TIME, "when it was asked for"),
        Column("time", TIME, "data time at which it was decided"),
        Column("partition", "UInt16", "of the topic waybook.payment-decisions"),
        Column("offset", "UInt64"),
    ),
)

PAYMENT_RULES = Table(
    "payment_rules",
    "Published channels, merchants, payers' tokens and matching rules, whole, in order of publication",
    (
        *SEQ,
        Column("version", TEXT),
        Column("published_at", TIME),
        Column("published_by", TEXT),
        Column("file", TEXT),
        Column("content", TEXT),
    ),
)

OF_PAYMENTS = (
    *(RECEIVABLE, NOTIFICATION, PAYMENT, BILL, BILL_LINE, PAYMENT_MATCH, PAYMENT_EXCEPTION, ORDER_STATUS),
    *(PAYMENT_DECISION, DECISION_STATE, CLOSE, PAYMENT_RULES, DEDUCTION),
)
"""Tables that are empty without payments: the accounts flow writes deductions only."""
FACTS = (
    *(EVENT, ORDER_TERMS, CLAIM, CHARGE, JOURNAL, WEIGHT, ANOMALY, WAITING, DEAD_LETTER),
    *(
        TARIFF,
        DIRECTORY,
        SITE,
        PRODUCT,
        AREA,
        PARTY,
        OPERATOR,
        BALANCE_MOVED,
        BOOKS_CLOSE,
        ACCOUNT,
        FEE,
        POSTING_RULE,
    ),
    *(
        CHAIN_RULE,
        CHAIN_BREACH,
        WEIGHT_CASE,
        WEIGHT_DECISION,
        RECALL,
        STAY_EVENT,
        HAUL,
        STAY_MONTH,
        VOLUME,
        COST,
    ),
    *(MOVEMENT, HOLD, NOTICE, ANSWER, TERMS, MATERIAL),
    *OF_PAYMENTS,
)
"""Tables whose rows come in blocks."""
BESIDE = (COST_SHARE, SERVICE_LEVEL, DRAFT_RUN, DRAFT_DIFFERENCE)
"""Tables that jobs outside of the flows write: rows about blocks, not of them."""
TABLES = (BLOCK, *FACTS, *BESIDE)
BY_NAME = {table.name: table for table in TABLES}
