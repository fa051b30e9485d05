"""Between whom charges are, and on which line: whole columns at a time."""

import numpy as np

from flows.fees.model import Fees
from flows.governance.network import Network
from schemas.parties import CUSTOMER, HQ
from sinks.columns import Ints, Vocabulary


class Roles:
    """Payers and payees by fee, for those that the order tells; others are filled in afterwards."""

    def __init__(self, fees: Fees) -> None:
        rules = [fees.rules.rules[fee] for fee in fees.names]
        known = {role: place for place, role in enumerate(_ROLES)}
        self._payer = np.array([known.get(rule.payer, 0) for rule in rules])
        self._payee = np.array([known.get(rule.payee, 0) for rule in rules])

    def parties(
        self, fees: Ints, origins: Ints, destinations: Ints, parties: Vocabulary
    ) -> tuple[Ints, Ints]:
        """Payers and payees of charges, as places in `parties`."""
        n = len(fees)
        hq, customer = np.full(n, parties[HQ], np.int32), np.full(n, parties[CUSTOMER], np.int32)
        all_of = np.stack([origins, destinations, hq, customer])
        at = np.arange(n)
        return all_of[self._payer[fees], at], all_of[self._payee[fees], at]


_ROLES = ("origin", "destination", "headquarters", "customer")


class Lines:
    """Lines of charges: from province to province."""

    def __init__(self) -> None:
        self.names = Vocabulary(("",))
        self._network: Network | None = None
        self._known = 0
        self._province = self._line = np.zeros(0, np.int64)

    def of(self, origins: Ints, destinations: Ints, parties: Vocabulary, network: Network) -> Ints:
        """The lines from origins to destinations, as places in `names`."""
        if network is not self._network or len(parties) != self._known:
            self._learn(parties, network)
        pairs = self._province[origins] * self._size + self._province[destinations]
        lines: Ints = self._line[pairs]
        return lines

    def _learn(self, parties: Vocabulary, network: Network) -> None:
        """Each party's province, and the line of every pair of provinces."""
        provinces = Vocabulary(("", *sorted(network.provinces)))
        found = [network.outlets.get(party) for party in parties]
        self._province = provinces.codes([site.province if site else "" for site in found]).astype(np.int64)
        self._size = len(provinces)
        pairs = [f"{a}-{b}" if a or b else "" for a in provinces for b in provinces]
        self._line = self.names.codes(pairs)
        self._network, self._known = network, len(parties)
