"""Books that something went wrong with: files and workbooks changed at random, as by a careless or a hostile hand."""

import io
import zipfile
from collections.abc import Callable, Mapping

from hypothesis import strategies as st

from flows.rating.advice import advice
from flows.rating.book import read_book
from flows.rating.workbook import read_workbook, write_workbook
from schemas.problems import DocumentError, Problem
from tests.rating.material import FILES, NETWORK, WEIGHT

PIECES = (
    "", ",", "\n", '"', "|", "..", "-", "=", "[", "]", "[[table]]\n", "\x00", "\ufeff",
    "１", "1e9", "NaN", "9" * 40, "0.00001",
    "1..3", "3..", "..1", "zone", "weight_kg", "condition", "holiday", "*", "size(hubs) > 1",
    "weight_g > 1.5", "2025-02-30",
    "layout = \"matrix\"\ndown = \"product\"\nacross = \"hub\"\n",
    "kind = \"discount\"\n", "shape = \"graduated\"\n", "上海", "\r\n",
    "\"\"\"", "'", "#", "true", "[weight]\n", "{a = {b = 1}}", "\U0001f4e6", "priority = 99999999999999999999\n",
)  # fmt: skip
RICH: Mapping[str, str] = {
    "book.toml": f"""name = "丰富"
holidays = "days.csv"
{WEIGHT}
[[table]]
fee = "transit"
file = "a.csv"
shape = "graduated"
effective_from = 2025-01-01
weight = "larger"
divisor = 6000
[[table]]
fee = "transit"
kind = "surcharge"
name = "超长"
file = "b.csv"
shape = "percent"
of = "insured"
effective_from = 2025-01-01
[[table]]
fee = "transit"
kind = "bounds"
file = "c.csv"
shape = "bounds"
effective_from = 2025-01-01
[[zones]]
factor = "zone"
file = "z.csv"
layout = "matrix"
down = "origin_province"
across = "destination_province"
effective_from = 2025-01-01
""",
    "a.csv": "zone,customer,weight_kg,..1,1..3,3..\nA,C1|C2,0..5,1,2,3\nB,,,2,3,4\n",
    "b.csv": "longest_cm,condition,date,percent,minimum\n"
    "60..,pieces > 1 && channel == 'douyin',2025-11-01..2025-11-11,1.5,2\n",
    "c.csv": "product,floor,cap\n标快,1,100\n",
    "z.csv": "x,上海,陕西\n上海,A,B\n陕西,B,A\n",
    "days.csv": "date,name\n2025-10-01,国庆\n",
}
"""A book with a little of everything."""


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, str]:
    """The files of a book with a few things changed in them."""
    files = dict(draw(st.sampled_from([FILES, RICH])))
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(sorted(files)))
        text = files[name]
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)))
        what = draw(st.sampled_from(("replace", "replace", "replace", "cut", "twice", "rename")))
        if what == "replace":
            files[name] = text[:start] + piece + text[end:]
        elif what == "cut":
            files[name] = text[:start]
        elif what == "twice":
            files[name] = text + text[start:]
        else:
            files[piece or "x"] = files.pop(name)
    return files


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A workbook of which a part is damaged: its XML, or its bytes."""
    raw = _WORKBOOKS[draw(st.integers(0, 1))]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(raw) - 1))
        return raw[:at] + draw(st.binary(max_size=4)) + raw[at + draw(st.integers(0, 4)) :]
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as parts, zipfile.ZipFile(target, "w") as out:
        names = parts.namelist()
        victim = draw(st.sampled_from(names))
        for name in names:
            content = parts.read(name)
            if name == victim:
                at = draw(st.integers(0, len(content)))
                piece = draw(
                    st.sampled_from(
                        (b"", b"<", b'"', b"<c r='ZZZ9'/>", b"9999999", b"<f>1</f>", b"&amp;", b't="b"')
                    )
                )
                content = content[:at] + piece + content[at + draw(st.integers(0, 20)) :]
            out.writestr(name, content)
    return target.getvalue()


def _workbook(files: Mapping[str, str]) -> bytes:
    target = io.BytesIO()
    write_workbook(files, target)
    return target.getvalue()


_WORKBOOKS = (_workbook(FILES), _workbook(RICH))


def read_or_refused(reading: Callable[[], Mapping[str, str]]) -> bool:
    """Whether a book is taken; a refusal has problems that can be printed, and nothing else is ever raised."""
    try:
        book = read_book(reading(), NETWORK)
    except DocumentError as error:
        return _told(error.problems)
    assert all(isinstance(value, int) for row in book.rows for value in row.values)
    assert all(str(remark) for remark in advice(book, NETWORK, 20_000))
    return True


def _told(problems: list[Problem]) -> bool:
    assert problems
    assert all(problem.rule and problem.message and str(problem) for problem in problems)
    return False


def try_files(files: dict[str, str]) -> bool:
    """A book from files."""
    return read_or_refused(lambda: files)


def try_workbook(raw: bytes) -> bool:
    """A book from a workbook."""
    return read_or_refused(lambda: read_workbook(io.BytesIO(raw), "b.xlsx").files)
