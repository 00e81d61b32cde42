"""What the rest of this room wants from a Kubernetes API server: answers, streams of lines, and four kinds of no.

Here are only the words. `enrich.kubernetes_client` says them to a server.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol, Self

METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
JSON = "application/json"
"""What is asked for in Accept: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources"""


class KubernetesError(Exception):
    """An API server could not be asked, or said no. The message is for people."""


class ClusterSettingsError(KubernetesError):
    """The settings of a cluster lead nowhere: no such file, no such context. The message says how to mend it."""


class UnreachableError(KubernetesError):
    """Nobody answered, or the answer broke off, or it could not be read."""


class TooLargeError(KubernetesError):
    """The answer is larger than will be held in memory."""


class ApiError(KubernetesError):
    """The API server said no."""

    def __init__(self, status: int, reason: str, message: str, *, retry_after: float = 0.0) -> None:
        """`status`: HTTP or `Status.code`; `reason`: `Status.reason`; `retry_after` in seconds, 0 where none was given.

        Source: https://kubernetes.io/docs/reference/kubernetes-api/definitions/status-v1-meta/
        """
        super().__init__(f"{status} {reason}: {message}" if message else f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    @property
    def unauthorised(self) -> bool:
        """Who we are was not believed."""
        return self.status == 401

    @property
    def forbidden(self) -> bool:
        """We are known, and may not."""
        return self.status == 403

    @property
    def gone(self) -> bool:
        """The resourceVersion or continue token is too old (410), or from a history that this server does not have."""
        return self.status == 410 or "Too large resource version" in self.message

    @property
    def not_found(self) -> bool:
        """There is no such object, or no such kind."""
        return self.status == 404


class Lines(Protocol):
    """An answer that comes line by line, for as long as it takes."""

    def __iter__(self) -> Iterator[bytes]:
        """Each line without its end. Raises `UnreachableError` where the stream breaks off or falls silent."""

    def cut(self) -> None:
        """End it now, from any thread: whoever iterates comes to the end, or sees `UnreachableError`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class KubernetesApi(Protocol):
    """One API server. May be used by many threads at once."""

    @property
    def cluster_name(self) -> str:
        """What the kubeconfig calls the cluster; empty in-cluster."""

    def get(self, path: str, query: Mapping[str, str], accept: str) -> bytes:
        """Ask once. Raises `ApiError`, `UnreachableError`, `TooLargeError`."""

    def post(self, path: str, body: Mapping[str, object]) -> bytes:
        """Ask with a body. Raises the same."""

    def stream(self, path: str, query: Mapping[str, str], accept: str, quiet_s: float) -> Lines:
        """Begin an answer without an end; `quiet_s`: the longest silence in it, in seconds. Raises the same."""

    def close(self) -> None:
        """Let the connections go. Safe twice."""
