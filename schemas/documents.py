"""Reading TOML that people edit: each setting by its type in a struct, all that is wrong at once, with its line.

A problem says what would be right and not what stands there, which may be an account's number; a word that is none of
those known is told, with the one that was probably meant. Types that words describe better say them:
`Meta(extra={"wants": "…"})`.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import inspect

from schemas.problems import NOT_TOML, DocumentError, Problem, add, hint, not_toml

One = TypeVar("One")
Lines = dict[str, dict[str, int]]
"""By section (`weight[0]`, `table[3]`; "" for the top): each setting's line, and the section's own as ""."""
_HEADER = re.compile(r"\s*\[\[?\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*\]\]?\s*(?:#.*)?$")
_SETTING = re.compile(r"\s*([\w-]+)\s*=")
MOST_DEPTH = 12
"""Steps of a path; deeper sections are nobody's, and have no lines."""
TEXT, DATE = 'a text, as in "…"', "a date as 2025-01-31, without quotation marks"


def lines_of(text: str) -> Lines:
    """Where the settings stand; tomllib does not say. Settings written in another style have no line."""
    lines: Lines = {"": {}}
    section, seen = lines[""], Counter[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = "".join(header[1].split())
            section = lines[f"{name}[{seen[name]}]"] = {"": number}
            seen[name] += 1
        elif setting := _SETTING.match(line):
            section.setdefault(setting[1], number)
    return lines


Path = tuple[str | int, ...]
"""Where a section or setting is: `("channel", 0, "merchant", 2, "number")`."""


class Document:
    """A file's settings, and what is wrong with them."""

    def __init__(self, file: str, text: str) -> None:
        """Raises DocumentError for what is no TOML."""
        try:
            self._values = tomllib.loads(text)
        except NOT_TOML as error:
            raise DocumentError([not_toml(file, error)]) from error
        self._file = file
        self._problems: list[Problem] = []
        self._lines: dict[Path, dict[str, int]] = {}
        written = lines_of(text)
        self._lines[()] = written[""]
        self._place(self._values, (), "", written, Counter())

    def at(self, *path: str | int) -> object:
        """What stands there; None: nothing."""
        found: Any = self._values
        for step in path:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def names(self) -> list[str]:
        """What stands at the top."""
        return list(self._values)

    def count(self, *path: str | int) -> int:
        """How many sections a list has."""
        found = self.at(*path)
        return len(found) if isinstance(found, list) else 0

    def read(self, kind: type[One], *path: str | int) -> One | None:
        """A section as this struct, which knows all settings; None: something is wrong with it."""
        before, found = len(self._problems), self.at(*path)
        self._section(found, kind, path)
        return msgspec.convert(found, kind) if len(self._problems) == before else None

    def require(self, sections: Iterable[str], lists: Iterable[str] = ()) -> None:
        """Note what stands at the top and is none of these; of `lists` what is no list of sections."""
        known = list(sections)
        for key, value in self._values.items():
            if key not in known:
                self.wrong("unknown_setting", f"there is no setting {key} here{hint(key, known)}", key)
            elif key in lists and not (
                isinstance(value, list) and all(isinstance(one, dict) for one in value)
            ):
                self.wrong("wrong_setting", f"is a list of sections: [[{key}]]", key)

    def wrong(self, rule: str, message: str, *path: str | int) -> None:
        """A problem with a setting or section. Raises DocumentError when there are too many to go on."""
        column = path[-1] if isinstance(path[-1], str) else ""
        add(self._problems, Problem(self._file, self._row(path), column, rule, message))

    def refuse(self) -> None:
        """Raises DocumentError if there is any problem."""
        if self._problems:
            raise DocumentError(self._problems)

    def _place(
        self, values: Mapping[str, Any], path: Path, name: str, written: Lines, seen: Counter[str]
    ) -> None:
        """Note the lines of the sections below one. A section without a header stands at its setting's line."""
        for key, value in values.items() if len(path) < MOST_DEPTH else ():
            called = f"{name}.{key}" if name else key
            inline = self._lines[path].get(key)
            for at, one in _sections((*path, key), value):
                if inline is None:
                    self._lines[at] = written.get(f"{called}[{seen[called]}]", {})
                    seen[called] += 1
                else:
                    self._lines[at] = {"": inline}
                self._place(one, at, called, written, seen)

    def _row(self, path: Path) -> int:
        """The line of a setting or section, of several the first, or of the nearest around it; 0: it has none."""
        for own in (path, (*path, 0)):
            if row := self._lines.get(own, {}).get(""):
                return row
        while path:
            *around, key = path
            path = tuple(around)
            lines = self._lines.get(path, {})
            if row := lines.get(str(key)) or lines.get(""):
                return row
        return 0

    # Each setting by its type

    def _section(self, found: object, kind: type, path: Path) -> None:
        if not isinstance(found, dict):
            self.wrong("wrong_setting", f"{_called(path)} is not a section", *path)
            return
        settings = _settings_of(kind)
        for key in found:
            if key not in settings:
                message = f"there is no setting {key} here{hint(key, list(settings))}"
                self.wrong("unknown_setting", message, *path, key)
        for key, setting in settings.items():
            if key in found:
                self._value(found[key], setting, (*path, key))
            elif setting.needed:
                needed = _of(wants(setting.known), (*path, key))
                self.wrong("missing_setting", f"{_called(path)} needs a setting {key}, {needed}", *path, key)

    def _value(self, found: object, setting: "_Setting", path: Path) -> None:
        if setting.section is not None:
            self._section(found, setting.section, path)
        elif (
            setting.several is not None and isinstance(found, list) and _is_within(len(found), setting.known)
        ):
            for n, one in enumerate(found):
                self._section(one, setting.several, (*path, n))
        elif not _is(found, setting.kind):
            self.wrong("wrong_setting", _of(f"{path[-1]} {_is_not(found, setting.known)}", path), *path)


class _Setting(NamedTuple):
    """A setting of a section."""

    kind: Any
    """As it is annotated; `known`: the same for those who ask what it is."""
    known: inspect.Type
    needed: bool
    section: type | None
    """The struct of one that is a section, and of one that is a list of sections."""
    several: type | None


@cache
def _settings_of(kind: type) -> dict[str, _Setting]:
    found = {}
    for field in msgspec.structs.fields(kind):
        known = inspect.type_info(field.type)
        sections = _section_of(known), _section_of(_item(known))
        found[field.encode_name] = _Setting(field.type, known, field.required, *sections)
    return found


def _sections(path: Path, value: object) -> list[tuple[Path, dict[str, Any]]]:
    """A section, or those of a list."""
    if isinstance(value, dict):
        return [(path, value)]
    several = value if isinstance(value, list) else []
    return [((*path, n), one) for n, one in enumerate(several) if isinstance(one, dict)]


def _dotted(path: Path) -> str:
    return ".".join(step for step in path if isinstance(step, str))


def _called(path: Path) -> str:
    """A section for people: the header that it has."""
    if not path:
        return "the file"
    return f"[[{_dotted(path)}]]" if isinstance(path[-1], int) else f"[{_dotted(path)}]"


def _of(words: str, path: Path) -> str:
    """What a setting wants, with its own header if that is a section."""
    return words.replace("[name]", f"[{_dotted(path)}]")


def _is(found: object, kind: Any) -> bool:
    try:
        msgspec.convert(found, kind)
    except msgspec.ValidationError:
        return False
    return True


def _bare(kind: inspect.Type) -> inspect.Type:
    """A type without what is said beside it, and without None."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        some = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return _bare(some[0]) if len(some) == 1 else kind
    return kind


_LISTS = (inspect.ListType, inspect.VarTupleType, inspect.FrozenSetType)


def _section_of(kind: inspect.Type | None) -> type | None:
    bare = None if kind is None else _bare(kind)
    return bare.cls if isinstance(bare, inspect.StructType) else None


def _item(kind: inspect.Type) -> inspect.Type | None:
    bare = _bare(kind)
    return bare.item_type if isinstance(bare, _LISTS) else None


def _is_within(number: int, kind: inspect.Type) -> bool:
    bare = _bare(kind)
    assert isinstance(bare, _LISTS)
    return (bare.min_length or 0) <= number and (bare.max_length is None or number <= bare.max_length)


def _is_not(found: object, kind: inspect.Type) -> str:
    """That a value is not what it should be. A word that is none of those known is told, and the nearest of them."""
    bare = _bare(kind)
    if isinstance(bare, inspect.LiteralType) and isinstance(found, str):
        return f"{found!r} is not {wants(kind)}{hint(found, list(map(str, bare.values)))}"
    return f"is not {wants(kind)}"


def wants(kind: inspect.Type) -> str:
    """What a type takes, in words."""
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra or {}).get("wants") or wants(kind.type))
    if isinstance(kind, inspect.UnionType):
        return ", or ".join(wants(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(kind, _LISTS):
        return _wants_list(kind)
    return _wants_one(kind)


def _wants_list(kind: Any) -> str:
    several = _within(kind.min_length, kind.max_length)
    if isinstance(_bare(kind.item_type), inspect.StructType | inspect.DictType):
        return f"a list of {several} sections: [[name]]".replace("  ", " ")
    return f"a list […]{several and f' of {several}'}, each of it {wants(kind.item_type)}"


_PLAIN: Mapping[type, str] = {
    inspect.BoolType: "true or false, without quotation marks",
    inspect.DateType: DATE,
}


def _wants_one(kind: inspect.Type) -> str:
    match kind:
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(str(value) for value in values if value != '')}"
        case inspect.StrType(min_length=least, max_length=most):
            several = _within(least, most)
            return f"{TEXT}{several and f', of {several} characters'}"
        case inspect.IntType(ge=least, le=most):
            several = _within(least, most)
            return f"a whole number{several and f', {several}'}"
        case inspect.DictType(value_type=value) if not isinstance(value, inspect.AnyType):
            return f"names with values, as in {{ name = … }}, each of them {wants(value)}"
    return _PLAIN.get(type(kind), "a section: [name]")


def _within(least: int | None, most: int | None) -> str:
    """Nothing of what has no bounds."""
    if most is None:
        return f"at least {least}" if least else ""
    return f"{least} to {most}" if least is not None else f"at most {most}"
