"""Tables as a PDF: the same content gives the same bytes.

Chinese is set in `STSong-Light`, one of the fonts that PDF (ISO 32000) wants viewers to have: no font file is needed
and none is embedded, so the viewer's own Chinese font shows it.
"""

import io
import re
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

FONT, SIZE = "STSong-Light", 7
MARGIN, PADDING = 12 * mm, 3
WIDEST = 55 * mm
"""Of a column; longer cells go on in the next line."""
_NUMBER = re.compile(r"-?([0-9]{1,8}|[0-9]+\.[0-9]+)")
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
    plain = ParagraphStyle("plain", fontName=FONT, fontSize=SIZE + 1, leading=12, wordWrap="CJK")
    parts = [Paragraph(escape(title), heading), *(Paragraph(escape(line), plain) for line in said)]
    for name, rows in tables.items():
        if len(rows) > 1:
            parts += [Paragraph(escape(name), second), Spacer(1, 3), _table(rows, document.width)]
    document.build(parts, onFirstPage=_numbered, onLaterPages=_numbered)
    return made.getvalue()


def _table(rows: Sequence[Sequence[str]], width: float) -> LongTable:
    text = ParagraphStyle("text", fontName=FONT, fontSize=SIZE, leading=SIZE + 2, wordWrap="CJK")
    number = ParagraphStyle("number", text, alignment=TA_RIGHT)
    wanted = [
        min(max(stringWidth(cell, FONT, SIZE) for cell in column) + 2 * PADDING + 1, WIDEST)
        for column in zip(*rows, strict=True)
    ]
    scale = min(1.0, width / sum(wanted))
    cells = [
        [Paragraph(escape(cell), number if _NUMBER.fullmatch(cell) else text) for cell in row] for row in rows
    ]
    return LongTable(cells, [scale * one for one in wanted], repeatRows=1, style=_RULED, hAlign="LEFT")


def _numbered(canvas: object, document: SimpleDocTemplate) -> None:
    canvas.setFont(FONT, SIZE)  # type: ignore[attr-defined]
    canvas.drawRightString(landscape(A4)[0] - MARGIN, MARGIN / 2, str(document.page))  # type: ignore[attr-defined]
