"""Follows all objects of one kind in one cluster: a list in pages, then a watch, for as long as it is let.

In: an API server. Out: `put`, `gone` and `replace` of a directory. What it does about what can happen:

    the watch ends as asked     goes on from the last resourceVersion, bookmarks included
    cut off, or silent          the same, after a pause; and asks first whether the server's history is still the one
                                that the resourceVersion is of (an API server may be restored from a backup)
    410, in a status or event   lists again, which tells the directory what vanished meanwhile
    403, 5xx, no answer         a problem, told once; tries again, at last every `max_retry_s`; what is known stays
    404                         the kind is no more: all its objects are gone, and it ends
    an event that is old        passed over: the resourceVersion never moves backwards but by a list

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.
"""

import logging
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from enrich.kubernetes_api import ApiError, KubernetesApi, KubernetesError, Lines, UnreachableError
from enrich.kubernetes_backoff import Backoff
from enrich.kubernetes_counters import KubernetesCounters
from enrich.kubernetes_kinds import Resource, document
from enrich.kubernetes_list import Lister
from enrich.kubernetes_problems import Problems
from enrich.kubernetes_settings import KubernetesSettings
from enrich.kubernetes_views import View
from enrich.objects import KubernetesObject

_log = logging.getLogger(__name__)

BRIEF = 1.0
"""Seconds: a watch without events that ends as asked, but sooner, has failed."""
TELL_AFTER = 3
"""Failures in a row after which silence is a problem; one cut is none."""
ACCESS_PAGE = "docs/kubernetes-access.md"


class ObjectSink(Protocol):
    """Keeps what is watched; `enrich.directory.Directory` is one."""

    def put(self, found: KubernetesObject) -> bool:
        """Keep an object that is there now."""

    def gone(self, cluster_uid: str, uid: str) -> None:
        """Note that an object was deleted."""

    def replace(self, cluster_uid: str, group: str, kind: str, objects: Iterable[KubernetesObject]) -> None:
        """Take a whole list of a kind: what is not in it is gone; where it raises, nothing is."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all watches of a cluster share."""

    cluster: str
    """What the cluster is called in messages and counters."""
    cluster_uid: str
    api: KubernetesApi
    sink: ObjectSink
    settings: KubernetesSettings
    problems: Problems
    counters: KubernetesCounters


class _StoppedError(Exception):
    """Nobody wants to know any more."""


class Watch:
    """One kind in one cluster, in a thread of its own."""

    def __init__(self, around: Surroundings, resource: Resource, view: View) -> None:
        self.resource = resource
        self.first_list = threading.Event()
        """Set once it is known what there is, or that it cannot be known for now."""
        self._around = around
        self._view = view
        self._backoff = Backoff(around.settings.retry_s, around.settings.max_retry_s)
        self._stopping = threading.Event()
        self._lines: Lines | None = None
        self._version = ""
        """resourceVersion up to which everything is known; empty: list first."""
        self._reason = "start"
        self._lister = Lister(around.api, resource, view, around.settings.page_size)
        self._verb = "list"
        """What is being asked for, in words of RBAC."""
        self._opened = 0.0
        """When the watch was opened, by the monotonic clock."""
        self._told = False
        """The watch has told something."""
        self._in_doubt = False
        """The server's history may be another one than that of the resourceVersion."""
        name = f"k8s-{around.cluster}-{resource.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def synced(self) -> bool:
        """Whether what there is, is known, as far as the watch has come."""
        return bool(self._version)

    @property
    def alive(self) -> bool:
        """Whether it goes on. One that ends by itself found that its kind is no more."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; does not wait. Safe twice, and from any thread."""
        self._stopping.set()
        self.first_list.set()
        if (lines := self._lines) is not None:
            lines.cut()

    def join(self, seconds: float) -> bool:
        """Wait for the end; gives whether it came. A thread that waits for an answer is left behind after `seconds`."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def forget(self) -> None:
        """Tell the directory that all objects of the kind are gone."""
        self._around.sink.replace(self._around.cluster_uid, self.resource.group, self.resource.kind, ())

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                pause = self._round()
                if pause < 0:
                    self._solved()
                    break
                self._stopping.wait(pause)
        except _StoppedError:
            pass  # asked for, and `finally` leaves nothing behind
        except Exception:  # noqa: BLE001  a thread ends here; the cluster begins it anew
            _log.exception("watching %s in cluster %s broke", self.resource.name, self._around.cluster)
            self._report(f"cluster {self._around.cluster}: watching {self.resource.name} broke; see the log")
        finally:
            self.first_list.set()

    def _round(self) -> float:
        """One list or watch. Gives the seconds to wait before the next, below 0 for no next."""
        try:
            if self._in_doubt and self._version:
                self._check_history()
            if not self._version:
                self._list()
            return self._follow()
        except ApiError as error:
            return self._refused(error)
        except KubernetesError as error:
            return self._failed(error)

    def _list(self) -> None:
        self._verb = "list"
        around, resource = self._around, self.resource
        around.counters.listed(around.cluster, self._reason)
        objects = self._lister.pages(self._go_on)
        around.sink.replace(around.cluster_uid, resource.group, resource.kind, objects)
        self._version = self._lister.version
        self._in_doubt = False
        self._solved()
        self.first_list.set()

    def _check_history(self) -> None:
        """See whether the server is behind what we have seen, which no server of the same history is."""
        self._verb = "list"
        if _older(self._lister.newest(), self._version):
            self._begin_anew("history")
        self._in_doubt = False

    def _follow(self) -> float:
        """Watch until it ends; gives the pause after it."""
        self._verb = "watch"
        around = self._around
        quiet_s, accept = around.settings.quiet_s, self._view.watch_accept
        with around.api.stream(self.resource.path, self._query(), accept, quiet_s) as lines:
            self._lines, self._opened, self._told = lines, time.monotonic(), False
            self._go_on()  # `stop` may have come before there was anything to cut
            self._solved()
            for line in lines:
                self._go_on()
                self._event(document(line))
                self._told = True
        brief = self._ended("done")
        return self._backoff.next() if brief else 0.0

    def _query(self) -> dict[str, str]:
        seconds = self._around.settings.watch_s * random.uniform(0.75, 1.25)  # noqa: S311  spreads the ends over time
        return {
            **self._view.query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(max(1, round(seconds))),
        }

    def _event(self, event: dict[str, Any]) -> None:
        kind, found = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            code = found.get("code")
            raise ApiError(int(code or 500), str(found.get("reason") or ""), str(found.get("message") or ""))
        version = (found.get("metadata") or {}).get("resourceVersion") or ""
        around = self._around
        if _older(version, self._version):
            around.counters.stale(around.cluster)
            return
        if kind != "BOOKMARK":
            around.counters.event(around.cluster)
            for one in self._view.read(found):
                if kind == "DELETED":
                    around.sink.gone(around.cluster_uid, one.uid)
                else:
                    around.sink.put(one)
        self._version = version or self._version

    def _refused(self, error: ApiError) -> float:
        self._ended("gone" if error.gone else "refused")
        around, name = self._around, self.resource.name
        if error.gone:
            self._begin_anew("gone")
            first = not self._backoff.failures
            pause = self._backoff.next()
            return 0.0 if first else pause  # a server that says so of what it has just listed is not to be flooded
        if error.not_found:
            _log.info("cluster %s has no %s any more", around.cluster, name)
            self.forget()
            return -1.0
        if error.forbidden:
            around.counters.forbidden(around.cluster, self._verb, name)
            self._report(f"cluster {around.cluster}: may not {self._verb} {name}; grant it, see {ACCESS_PAGE}")
        elif error.unauthorised:
            self._report(f"cluster {around.cluster}: its API server does not take our credentials (401); renew them")
        elif self._backoff.failures >= TELL_AFTER:
            self._report(f"cluster {around.cluster}: cannot {self._verb} {name}: {error}")
        return self._backoff.next(error.retry_after)

    def _failed(self, error: KubernetesError) -> float:
        self._ended("broken")
        self._go_on()
        self._in_doubt = True
        around = self._around
        _log.debug("cluster %s: %s of %s: %s", around.cluster, self._verb, self.resource.name, error)
        if not isinstance(error, UnreachableError) or self._backoff.failures >= TELL_AFTER:
            self._report(f"cluster {around.cluster}: {error}")
        return self._backoff.next()

    def _ended(self, reason: str) -> bool:
        """Note the end of a watch, if one was open. Gives whether it was too brief to have been of use."""
        if self._lines is None:
            return False
        self._lines = None
        self._around.counters.ended(self._around.cluster, reason)
        brief = not self._told and time.monotonic() - self._opened < BRIEF
        if not brief:
            self._backoff.reset()
        return brief

    def _begin_anew(self, reason: str) -> None:
        self._version, self._reason = "", reason

    def _report(self, text: str) -> None:
        self._around.problems.report(self._around.cluster, self.resource.name, text)
        self.first_list.set()

    def _solved(self) -> None:
        self._around.problems.solved(self._around.cluster, self.resource.name)

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError


def _older(version: str, than: str) -> bool:
    """Whether one resourceVersion is before another. Those that are no numbers cannot be compared, and are not older.

    Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resourceversion-comparison
    """
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)
