"""TOML that people edit: where a setting stands, and what is said of one that is wrong."""

import re
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta, inspect

from flows.reconciliation.rules import DEFAULT, read_matching
from schemas.documents import MOST_DEPTH, Document, wants
from schemas.problems import MOST, DocumentError
from sources.channels.read import FILE, read_channels
from tests.channels.world import TEXT


class Wheel(msgspec.Struct, forbid_unknown_fields=True):
    """A section of a section."""

    size: Annotated[int, Meta(ge=10, le=20)]
    spokes: tuple[str, ...] = ()


class Car(msgspec.Struct, forbid_unknown_fields=True):
    """A section."""

    name: Annotated[str, Meta(max_length=8)]
    colour: Literal["red", "blue"] = "red"
    wheel: Annotated[tuple[Wheel, ...], Meta(max_length=4)] = ()
    spare: Wheel | None = None
    electric: bool = False


class Cars(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    car: Annotated[tuple[Car, ...], Meta(min_length=1)]


def told(text: str) -> list[str]:
    """What is said of a file."""
    document = Document("cars.toml", text)
    document.read(Cars)
    with pytest.raises(DocumentError) as refused:
        document.refuse()
    return [str(problem).removeprefix("cars.toml ") for problem in refused.value.problems]


def test_what_is_right_is_read() -> None:
    document = Document(
        "cars.toml",
        '[[car]]\nname = "a"\nspare = { size = 10 }\n[[car.wheel]]\nsize = 12\n[[car]]\nname = "b"\n',
    )
    document.refuse()
    assert document.read(Cars) == Cars((Car("a", wheel=(Wheel(12),), spare=Wheel(10)), Car("b")))
    assert document.count("car", 0, "wheel") == 1
    assert document.at("car", 0, "spare", "size") == 10
    assert document.at("car", 7, "name") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "",
            [
                "column car: the file needs a setting car, a list of at least 1 sections: [[car]] [missing_setting]"
            ],
        ),
        ("car = []", ["row 1 column car: car is not a list of at least 1 sections: [[car]] [wrong_setting]"]),
        ("car = [1]", ["row 1: [[car]] is not a section [wrong_setting]"]),
        (
            "[car]\nx = 1",
            ["row 1 column car: car is not a list of at least 1 sections: [[car]] [wrong_setting]"],
        ),
        (
            '[[car]]\nname = "a"\n[[car.spare]]\nsize = 10\n[[car.spare]]\nsize = 11\n',
            ["row 3 column spare: [car.spare] is not a section [wrong_setting]"],
        ),
        (
            '[[car]]\nname = 1\n\n[[ car . wheel ]] # front\n[[car.wheel]]\nsize = 9\n[[car]]\nname = "b"\n'
            "[[car.wheel]]\nsize = true\nspokes = [1]\n",
            [
                'row 2 column name: name is not a text, as in "…", of at most 8 characters [wrong_setting]',
                "row 4 column size: [[car.wheel]] needs a setting size, a whole number, 10 to 20 [missing_setting]",
                "row 6 column size: size is not a whole number, 10 to 20 [wrong_setting]",
                "row 10 column size: size is not a whole number, 10 to 20 [wrong_setting]",
                'row 11 column spokes: spokes is not a list […], each of it a text, as in "…" [wrong_setting]',
            ],
        ),
        (
            '[[car]]\nname = "a"\ncolour = "bleu"\nelectric = "yes"\nwheel = [{ size = 1 }, { sice = 12 }]\n'
            "[[car]]\n[car.spare]\nsize = 1\n",
            [
                "row 3 column colour: colour 'bleu' is not one of blue, red; the nearest is blue [wrong_setting]",
                "row 5 column size: size is not a whole number, 10 to 20 [wrong_setting]",
                "row 5 column sice: there is no setting sice here; the nearest is size [unknown_setting]",
                "row 5 column size: [[car.wheel]] needs a setting size, a whole number, 10 to 20 [missing_setting]",
                "row 4 column electric: electric is not true or false, without quotation marks [wrong_setting]",
                'row 6 column name: [[car]] needs a setting name, a text, as in "…", of at most 8 characters '
                "[missing_setting]",
                "row 8 column size: size is not a whole number, 10 to 20 [wrong_setting]",
            ],
        ),
    ],
)
def test_each_problem_has_its_row_and_what_would_be_right(text: str, said: list[str]) -> None:
    assert told(text) == said


def test_reading_stops_when_everything_is_wrong() -> None:
    with pytest.raises(DocumentError) as refused:
        Document("cars.toml", "[[car]]\n" * (MOST + 5)).read(Cars)
    assert len(refused.value.problems) == MOST + 1


def test_sections_in_sections_without_end_are_refused() -> None:
    assert told(f"{'a.' * MOST_DEPTH * 20}b = 1") != []


VALUES = (
    *("1", "-1", "1.5", "nan", "true", '"x"', '""', "[]", "[1]", '["x"]', "[[1]]", "{}", "{ a = 1 }", "[{}]"),
    *("[{ a = 1 }]", "2025-01-01", "12:00:00", "1979-05-27T07:32:00Z", "99999999999999999999"),
)


def test_no_value_of_any_setting_does_anything_else() -> None:
    """Whatever stands there, the file is read, or refused with rows of it."""
    for text, read in (
        (TEXT, lambda text: read_channels({FILE: text})),
        (DEFAULT.read_text("utf-8"), read_matching),
    ):
        lines = text.splitlines()
        for n, line in enumerate(lines):
            if not re.match(r"\w+ = [^{\[]*$", line):
                continue
            for value in VALUES:
                changed = [*lines[:n], f"{line.split(' = ')[0]} = {value}", *lines[n + 1 :]]
                assert max(refused_at(read, "\n".join(changed)), default=0) <= len(lines)


def refused_at(read: Callable[[str], object], text: str) -> list[int]:
    """Rows of what is wrong."""
    try:
        read(text)
    except DocumentError as error:
        return [problem.row for problem in error.problems]
    return []


def test_what_may_be_left_out_is_no_choice() -> None:
    """Nothing stands in the list of words for a setting whose default is no word."""
    assert wants(inspect.type_info(Literal["", "red", "blue"])) == "one of blue, red"
