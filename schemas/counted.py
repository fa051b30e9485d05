"""Numbers with what they count, as people write them."""


def counted(number: int, one: str, many: str = "") -> str:
    """So many of something. `many`: what several are called, if not `one` with an s.

    >>> counted(1, "due"), counted(1200, "due"), counted(0, "case is open", "cases are open")
    ('1 due', '1,200 dues', '0 cases are open')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
