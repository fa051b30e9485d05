"""Cases of differing weights, and decisions about them."""

import argparse
import os
import sys
from decimal import Decimal, InvalidOperation

from deploy import weights
from deploy.commands import Command, safely, who_decides
from deploy.commands.where import settings_of, store_of
from schemas.limits import MOST_WEIGHT_G


def weight_cases(arguments: argparse.Namespace) -> int:
    """Parcels whose weights differ too much, and what was decided."""
    for line in weights.cases(store_of(arguments), only_open=arguments.open):
        sys.stdout.write(line + "\n")
    return 0


def decide_weight(arguments: argparse.Namespace) -> int:
    """Decide which weight a parcel has: the one that counts stays (confirm), or another (override --kg)."""
    settings = settings_of(arguments)
    who_decides(arguments)
    if (arguments.decision == "override") != (arguments.grams > 0):
        sys.stderr.write("override needs --kg; confirm takes none\n")
        return 1
    made = weights.decide(
        settings,
        store_of(arguments),
        arguments.waybill,
        arguments.decision,
        grams=arguments.grams,
        volume_cm3=arguments.volume_cm3,
        weight_event=arguments.event,
        by=arguments.by,
        reason=arguments.reason,
    )
    sys.stdout.write(f"decided: {made.id}\n")
    return 0


def grams(text: str) -> int:
    """An argument that is a weight in kilograms."""
    try:
        exact = Decimal(text) * 1000
    except InvalidOperation:
        exact = Decimal("NaN")
    if not (exact.is_finite() and 0 < exact <= MOST_WEIGHT_G and exact == int(exact)):
        most = f"{MOST_WEIGHT_G // 1000:,}"
        raise argparse.ArgumentTypeError(
            f"{text!r} is no weight such as 2.75, in kg to the gram, at most {most}"
        )
    return int(exact)


def add(command: Command) -> None:
    """weight-cases, decide-weight."""
    one = command("weight-cases", weight_cases)
    one.add_argument("--open", action="store_true", help="only those that nobody has decided")
    one = command("decide-weight", safely(decide_weight))
    one.add_argument("waybill")
    one.add_argument("decision", choices=("confirm", "override"))
    one.add_argument(
        "--kg", dest="grams", metavar="KG", type=grams, default=0, help="override: what it weighs"
    )
    one.add_argument("--volume-cm3", type=int, help="override: default: of the weight that counts now")
    one.add_argument("--event", default="", help="another weight's event than the one that counts now")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who decides")
    one.add_argument("--reason", default="")
