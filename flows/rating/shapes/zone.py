"""No price but a name: the zone or line of an origin and destination."""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term


def terms(_row: Row, _quantity: int, _of: Exact) -> list[Term]:
    """Nothing."""
    return []


SHAPE = Shape(terms, (Column("value", "text"),), measured=False, kinds=("zones",))
