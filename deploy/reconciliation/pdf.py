"""Tables as a PDF: the same content gives the same bytes.

Chinese is set in `STSong-Light`, one of the fonts that PDF (ISO 32000) wants viewers to have: no font file is needed
and none is embedded, so the viewer's own Chinese font shows it. Its digits may be as wide as they like, and others
would run into each other: cells without Chinese are set in `Helvetica`, which every viewer has.
"""

import io
import re
from collections.abc import Mapping, Sequence
from functools import partial
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

FONT, LATIN = "STSong-Light", "Helvetica"
SIZES = (7, 6, 5, 4)
"""Of a table's type: the first with which its numbers have room."""
MARGIN, PADDING = 12 * mm, 3
FRAME = 6
"""Points that a page's frame keeps free within its margins."""
WIDEST = 55 * mm
"""Of a column; longer cells go on in the next line."""
NARROWEST = 16 * mm
"""Of one with texts, where others need the room."""
_NUMBER = re.compile(r"-?([0-9]{1,8}|[0-9]+\.[0-9]+)")
_WHOLE = re.compile(r"-?[0-9.]+|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RULED = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.25, colors.grey),
        ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        *((side, (0, 0), (-1, -1), PADDING) for side in ("LEFTPADDING", "RIGHTPADDING")),
    ]
)


def to_pdf(title: str, said: Sequence[str], tables: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    """A heading, some lines, and tables by title; those without rows are left out."""
    registerFont(UnicodeCIDFont(FONT))
    made = io.BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=landscape(A4),
        title=title,
        author="Waybook",
        invariant=1,
        **dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), MARGIN),
    )
    heading = ParagraphStyle("heading", fontName=FONT, fontSize=14, leading=20)
    second = ParagraphStyle("second", fontName=FONT, fontSize=10, leading=16, spaceBefore=8)
    plain = ParagraphStyle("plain", fontName=FONT, fontSize=SIZES[0] + 1, leading=12, wordWrap="CJK")
    parts = [Paragraph(escape(title), heading), *(Paragraph(escape(line), plain) for line in said)]
    for name, rows in tables.items():
        if len(rows) > 1:
            parts += [Paragraph(escape(name), second), Spacer(1, 3), _table(rows, document.width - 2 * FRAME)]
    numbered = partial(_numbered, title)
    document.build(parts, onFirstPage=numbered, onLaterPages=numbered)
    return made.getvalue()


def _table(rows: Sequence[Sequence[str]], width: float) -> LongTable:
    size = next((size for size in SIZES if sum(_least(rows, size)) <= width), SIZES[-1])
    text = ParagraphStyle("text", fontName=FONT, fontSize=size, leading=size + 2, wordWrap="CJK")
    latin = ParagraphStyle("latin", text, fontName=LATIN)
    number = ParagraphStyle("number", latin, alignment=TA_RIGHT)
    styles = {FONT: text, LATIN: latin}
    cells = [
        [Paragraph(escape(cell), number if _NUMBER.fullmatch(cell) else styles[_font(cell)]) for cell in row]
        for row in rows
    ]
    return LongTable(cells, _widths(rows, size, width), repeatRows=1, style=_RULED, hAlign="LEFT")


def _widths(rows: Sequence[Sequence[str]], size: float, width: float) -> list[float]:
    """Of a table's columns in type of a size: as they want to be, or what they need with a share of what is left."""
    least = _least(rows, size)
    wanted = [min(max(_room(cell, size) for cell in column), WIDEST) for column in zip(*rows, strict=True)]
    wanted = [max(pair) for pair in zip(wanted, least, strict=True)]
    more = [wish - need for wish, need in zip(wanted, least, strict=True)]
    share = min(1.0, max(width - sum(least), 0) / (sum(more) or 1))
    return [need + share * extra for need, extra in zip(least, more, strict=True)]


def _least(rows: Sequence[Sequence[str]], size: float) -> list[float]:
    """Points that columns need at least, so that no number or date goes on in the next line."""
    return [
        max(
            min(_room(head, size), _room("期末", size)),
            *(
                _room(cell, size) if _WHOLE.fullmatch(cell) else min(_room(cell, size), NARROWEST)
                for cell in column
            ),
        )
        for head, *column in zip(*rows, strict=True)
    ]


def _room(cell: str, size: float) -> float:
    """Points that a cell takes in one line."""
    return float(stringWidth(cell, _font(cell), size)) + 2 * PADDING + 1


def _font(cell: str) -> str:
    return LATIN if cell.isascii() else FONT


def _numbered(title: str, canvas: object, document: SimpleDocTemplate) -> None:
    """At a page's foot: what it is of, and which it is."""
    canvas.setFont(FONT, SIZES[0])  # type: ignore[attr-defined]
    canvas.drawString(MARGIN, MARGIN / 2, title)  # type: ignore[attr-defined]
    canvas.drawRightString(landscape(A4)[0] - MARGIN, MARGIN / 2, str(document.page))  # type: ignore[attr-defined]
