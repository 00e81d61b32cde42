"""Counts wrong credentials by address, and says for how long an address is locked out.

In: failures, with the address they came from. Out: seconds left, or 0. Bounded: the address not seen for longest goes
first, and IPv6 addresses count by /64, of which anybody has 2^64 for the asking.

What a lock means is for the gates: a valid credential passes all the same, since many senders may share an address
(NAT, a proxy), and one of them must not be able to shut out the others. So a lock is no defence of the secrets, which
are too long to guess; it keeps noise out of the audit trail and tells a client that is set up wrongly to slow down.
A valid credential does not clear the count, or a stranger behind the same address would never be locked out.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from identity.settings import LockoutSettings


@dataclass(slots=True)
class _Address:
    failed_at: deque[float]
    """The latest failures, in seconds of the clock."""
    locked_until: float = 0.0


class Lockout:
    """Failures by address. Methods may be called from any thread; each takes a few microseconds."""

    def __init__(self, settings: LockoutSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._guard = threading.Lock()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def remaining(self, peer: str) -> float:
        """Seconds for which `peer` is still locked out; 0 when it is not."""
        with self._guard:
            address = self._addresses.get(_counted_as(peer))
            return max(0.0, address.locked_until - self._clock()) if address else 0.0

    def failed(self, peer: str) -> None:
        """A wrong credential came from `peer`. Failures while it is locked out do not make that longer."""
        now = self._clock()
        with self._guard:
            address = self._remembered(_counted_as(peer))
            if address.locked_until > now:
                return
            address.failed_at.append(now)
            most = self._settings.failures
            if len(address.failed_at) == most and now - address.failed_at[0] <= self._settings.window_s:
                address.locked_until = now + self._settings.lock_s
                address.failed_at.clear()

    def __len__(self) -> int:
        """Addresses that are remembered."""
        return len(self._addresses)

    def _remembered(self, key: str) -> _Address:
        address = self._addresses.get(key)
        if address is None:
            address = self._addresses[key] = _Address(deque(maxlen=self._settings.failures))
            if len(self._addresses) > self._settings.addresses:
                self._addresses.popitem(last=False)
        self._addresses.move_to_end(key)
        return address


def _counted_as(peer: str) -> str:
    try:
        address = ip_address(peer.partition("%")[0].strip("[]"))
    except ValueError:
        return peer[:64]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))
