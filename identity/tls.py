"""TLS at the doors, with certificates that are taken up while the house runs.

In: `TlsSettings`. Out: a `DoorTls` for each door that speaks TLS, which gives an `ssl.SSLContext` for asyncio's
servers, or the bare `Material` for gRPC. Every handshake gets what is in force then: certificate, key and client CAs
alike; connections that are open live on.

The files are looked at no more than once a second, when somebody connects. New files that cannot be used leave the old
ones in force, are told once in the log, and stay visible as `Certificates.problem` and as a figure. Names and labels:

    otelhouse_tls_certificate_expiry_timestamp_seconds{door}
        gauge: when the house's certificate, or the first of its chain, runs out
    otelhouse_tls_reload_failed
        gauge: 1 while newer files lie there that cannot be used
    otelhouse_tls_failed_handshakes_total{door,reason}
        handshakes that came to nothing; gRPC keeps its own to itself
"""

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from identity import tls_files
from identity.tls_files import Material, TlsError
from identity.tls_handshake import Failure, LiveContext
from identity.tls_settings import Door, TlsSettings

_log = logging.getLogger(__name__)

_LOOK_EVERY = 1.0
"""Seconds between two looks at the files."""

_WATCH_EVERY = 60.0
"""Seconds between two looks while nobody connects."""

_TELL_EVERY = 60.0
"""Seconds between two lines about failed handshakes at one door."""

DAY = 86_400.0
_WARN_BEFORE = 14 * DAY


class Certificates:
    """The house's certificate in force. Thread-safe: gRPC asks on threads of its own."""

    def __init__(self, settings: TlsSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the files. Raises `TlsError`. Relative paths mean the working folder of now; `clock` gives seconds."""
        self.clock = clock
        self._settings = settings = _absolute(settings)
        self._lock = threading.Lock()
        self._stamp = tls_files.stamp(settings)
        self._material = tls_files.read(settings)
        self._next_look = self.clock() + _LOOK_EVERY
        self._next_warning = 0.0
        self._failed: Counter | None = None
        self.problem = ""
        """Why newer files are not in force; empty when nothing is wrong."""
        self._warn_of_end()

    def at(self, door: Door) -> "DoorTls | None":
        """TLS for `door`, or None where it stays in plain text."""
        if not self._settings.at(door):
            return None
        return DoorTls(self, door, demanding=self._settings.demands_certificate(door))

    @property
    def material(self) -> Material:
        """What is in force now. Looks at the files if the last look is a second ago."""
        if self.clock() >= self._next_look:
            with self._lock:
                self._look()
        return self._material

    async def watch(self) -> None:
        """Look at the files now and then, so that a problem is told before somebody meets it. Runs until cancelled."""
        while True:
            await asyncio.sleep(_WATCH_EVERY)
            await asyncio.to_thread(lambda: self.material)

    def count_in(self, registry: CollectorRegistry) -> None:
        """Show the figures in `registry`; once for each registry."""
        name = "otelhouse_tls_certificate_expiry_timestamp_seconds"
        expiry = Gauge(name, "When the house's certificate runs out", ("door",), registry=registry)
        for door in self._settings.doors:
            expiry.labels(door).set_function(lambda: self.material.expires)
        failed = Gauge("otelhouse_tls_reload_failed", "1 while newer files cannot be used", registry=registry)
        failed.set_function(lambda: float(bool(self.problem)))
        text = "TLS handshakes that came to nothing"
        self._failed = Counter("otelhouse_tls_failed_handshakes", text, ("door", "reason"), registry=registry)

    def count_failure(self, door: Door, reason: str) -> None:
        """One handshake at `door` came to nothing; `reason` is a short fixed word."""
        if self._failed is not None:
            self._failed.labels(door, reason).inc()

    def _look(self) -> None:
        if self.clock() < self._next_look:  # another thread was quicker
            return
        self._next_look = self.clock() + _LOOK_EVERY
        self._warn_of_end()
        found = tls_files.stamp(self._settings)
        if found == self._stamp:
            return
        try:
            self._material = tls_files.read(self._settings)
        except (TlsError, OSError) as error:
            self._keep_old(str(error))
        else:
            self.problem = ""
            _log.info("a new TLS certificate is in force: %s", self._material)
            self._next_warning = 0.0
            self._warn_of_end()
        # If the files changed since, this is no longer their stamp, and the next look reads them again.
        self._stamp = found

    def _keep_old(self, problem: str) -> None:
        if problem != self.problem:
            _log.error("the new TLS files are not in force, the old ones are: %s", problem)
        self.problem = problem

    def _warn_of_end(self) -> None:
        now = time.time()
        left = self._material.expires - now
        if now < self._next_warning or (left > _WARN_BEFORE and self._material.begins <= now):
            return
        self._next_warning = now + DAY
        path = self._settings.certificate
        mend = "put a new pair in its place, no restart is needed"
        if left <= 0:
            _log.error("the TLS certificate in %s has expired, clients will refuse it: %s", path, mend)
        elif self._material.begins > now:
            _log.error("the TLS certificate in %s does not count yet, clients will refuse it: %s", path, mend)
        else:
            _log.warning("the TLS certificate in %s expires in %.1f days: %s", path, left / DAY, mend)


def _absolute(settings: TlsSettings) -> TlsSettings:
    """The same files, whatever the working folder will be. Symlinks stay symlinks: they will be swapped."""
    paths = {"certificate": settings.certificate, "key": settings.key, "client_ca": settings.client_ca}
    return settings.model_copy(update={name: path and path.expanduser().absolute() for name, path in paths.items()})


class DoorTls:
    """TLS at one door."""

    def __init__(self, certificates: Certificates, door: Door, *, demanding: bool) -> None:
        self._certificates = certificates
        self.door = door
        self.demands_certificate = demanding
        self._next_line = 0.0
        self._untold = 0

    @property
    def material(self) -> Material:
        """What is in force now."""
        return self._certificates.material

    def server_context(self) -> ssl.SSLContext:
        """A context for asyncio's `create_server` that looks for what is in force at every handshake."""
        return LiveContext.of(self._context, self._failed)

    def _context(self) -> ssl.SSLContext:
        material = self.material
        if not self.demands_certificate:
            return material.open_context
        if material.demanding_context is None:
            raise TlsError("there are no client CAs to check certificates against")
        return material.demanding_context

    def _failed(self, failure: Failure) -> None:
        """Count, and say no more than a line a minute: strangers may fail as often as they like."""
        self._certificates.count_failure(self.door, failure.reason)
        self._untold += 1
        now = self._certificates.clock()
        if now >= self._next_line:
            self._next_line = now + _TELL_EVERY
            _log.warning(
                "TLS handshakes failed at the %s door: %d; the last: %s", self.door, self._untold, failure.text
            )
            self._untold = 0
