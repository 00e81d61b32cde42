"""The one door to the Kubernetes client library, and to API servers.

In: the settings of one cluster. Out: a `KubernetesApi` that asks its API server. The library reads kubeconfigs, runs
their credential plugins and sets TLS up; requests go over its own connection pool as plain HTTP, since its models would
be built for every object and thrown away, and its watch holds whole objects.

The context of the kubeconfig is the one in the settings and no other. Credentials are read again from the disk when an
API server does not believe them any more (401), once for all threads; in-cluster the library also reads the token again
every minute. Nothing is ever written to a kubeconfig.
It refuses a kubeconfig or service account that is not there or lacks what is needed, with `ClusterSettingsError`, and
answers above `MAX_BYTES`.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Self
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.config import incluster_config

from enrich.kubernetes_api import ApiError, ClusterSettingsError, KubernetesApi, Lines, TooLargeError, UnreachableError
from enrich.kubernetes_settings import ClusterConnection

MAX_BYTES = 64 * 1024 * 1024
"""Of one answer. A page of 500 objects without annotations is 1 MB; whoever asked asks for less next."""
MAX_LINE = 8 * 1024 * 1024
"""Bytes of one watch event. etcd takes no object above 1.5 MB: https://etcd.io/docs/v3.6/dev-guide/limit/."""
_CHUNK = 256 * 1024
_CONNECT_SECONDS = 10.0
_CONNECTIONS = 32
"""Kept open for reuse; more are made where more are needed."""
_USER_AGENT = "otelhouse"
_MALFORMED = (ValueError, TypeError, AttributeError, LookupError)
"""What the library raises where a file has another shape than it trusts it to have, or base64 that is none."""
_Response = urllib3.BaseHTTPResponse


def open_api(settings: ClusterConnection, request_s: float) -> KubernetesApi:
    """Read the credentials of a cluster; asks nobody yet. `request_s`: seconds for one answer.

    Raises `ClusterSettingsError`.
    """
    return _Api(settings, request_s)


class _Api:
    """An API server behind the library's connection pool."""

    def __init__(self, settings: ClusterConnection, request_s: float) -> None:
        self._settings = settings
        self._request_s = request_s
        self._renewing = threading.Lock()
        self._client = _open(settings)
        self.cluster_name = _cluster_name(settings)

    def get(self, path: str, query: Mapping[str, str], accept: str) -> bytes:
        response = self._ask("GET", path, query, accept, self._request_s)
        try:
            return _whole(response, time.monotonic() + self._request_s)
        finally:
            response.release_conn()

    def post(self, path: str, body: Mapping[str, object]) -> bytes:
        response = self._ask("POST", path, {}, "application/json", self._request_s, json.dumps(body).encode())
        try:
            return _whole(response, time.monotonic() + self._request_s)
        finally:
            response.release_conn()

    def stream(self, path: str, query: Mapping[str, str], accept: str, quiet_s: float) -> Lines:
        return _Stream(self._ask("GET", path, query, accept, quiet_s), quiet_s)

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]  # not annotated there

    def _ask(
        self, method: str, path: str, query: Mapping[str, str], accept: str, silence_s: float, body: bytes | None = None
    ) -> _Response:
        """Begin one request; a second time with fresh credentials where the first were not believed."""
        asked = self._client
        target = f"{path}?{urlencode(query)}" if query else path
        response = self._send(asked, method, target, accept, silence_s, body)
        if response.status == 401:
            _drop(response)
            self._renew(asked)
            response = self._send(self._client, method, target, accept, silence_s, body)
        if response.status >= 300:
            raise _refusal(response, time.monotonic() + self._request_s)
        return response

    def _send(
        self, asked: client.ApiClient, method: str, target: str, accept: str, silence_s: float, body: bytes | None
    ) -> _Response:
        headers = {"Accept": accept, "User-Agent": _USER_AGENT}
        if body is not None:
            headers["Content-Type"] = "application/json"
        pool: urllib3.PoolManager = asked.rest_client.pool_manager
        timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, self._request_s), read=silence_s)
        try:
            headers |= {
                auth["key"]: auth["value"] for auth in asked.configuration.auth_settings().values() if auth["value"]
            }
            url = asked.configuration.host + target
            return pool.request(
                method, url, body=body, headers=headers, timeout=timeout, retries=False, preload_content=False
            )
        except (urllib3.exceptions.HTTPError, OSError, config.ConfigException) as error:
            raise UnreachableError(f"{asked.configuration.host}: {_reason(error)}") from error

    def _renew(self, refused: client.ApiClient) -> None:
        """Read the credentials again, unless another thread did since `refused` was asked."""
        with self._renewing:
            if self._client is refused:
                self._client = _open(self._settings)
                refused.close()  # type: ignore[no-untyped-call]  # idle connections alone; streams go on


class _Stream:
    """An answer whose lines are events."""

    def __init__(self, response: _Response, quiet_s: float) -> None:
        self._response = response
        self._quiet_s = quiet_s
        self._cut = False

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        try:
            while chunk := self._response.read1(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line for line in lines if line)
                if len(rest) > MAX_LINE:
                    raise TooLargeError(f"one event is above {MAX_LINE} bytes")
        except urllib3.exceptions.ReadTimeoutError as error:
            raise UnreachableError(f"not a byte for {self._quiet_s:g} seconds") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError("cut off" if self._cut else _reason(error)) from error

    def cut(self) -> None:
        self._cut = True
        try:
            self._response.shutdown()  # wakes the thread that reads
        except (ValueError, RuntimeError, OSError):
            return  # it has come to its end already

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _drop(self._response)


def _open(settings: ClusterConnection) -> client.ApiClient:
    """An `ApiClient` of the library. Raises `ClusterSettingsError`."""
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = _CONNECTIONS
    try:
        if settings.kubeconfig is None:
            folder = settings.service_account
            loader = incluster_config.InClusterConfigLoader(  # type: ignore[no-untyped-call]  # not annotated there
                token_filename=str(folder / "token"), cert_filename=str(folder / "ca.crt")
            )
            loader.load_and_set(configuration)  # type: ignore[no-untyped-call]  # not annotated there
        else:
            _cluster_name(settings)  # says what is wrong with file and context better than the library does
            config.load_kube_config(  # type: ignore[no-untyped-call]  # not annotated there
                str(settings.kubeconfig.expanduser()), settings.context or None, configuration, persist_config=False
            )
        return client.ApiClient(configuration)
    except (config.ConfigException, OSError, yaml.YAMLError, *_MALFORMED) as error:
        where = settings.kubeconfig or f"the service account in {settings.service_account}"
        mend = "is this a pod? Else set kubeconfig" if settings.kubeconfig is None else "mend the file"
        raise ClusterSettingsError(f"cannot use {where}: {error}; {mend}") from error


def _cluster_name(settings: ClusterConnection) -> str:
    """What the kubeconfig calls the cluster of the context; empty in-cluster. Raises `ClusterSettingsError`."""
    if settings.kubeconfig is None:
        return ""
    path = settings.kubeconfig.expanduser()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ClusterSettingsError(f"cannot read the kubeconfig {path}: {reason}") from error
    content = content if isinstance(content, dict) else {}
    try:
        found = {entry["name"]: dict(entry.get("context") or {}) for entry in content.get("contexts") or ()}
        wanted = settings.context or str(content.get("current-context") or "")
    except _MALFORMED as error:
        raise ClusterSettingsError(
            f"the kubeconfig {path} does not have the shape of one: `contexts` has to be a list of names with their "
            "contexts"
        ) from error
    if wanted not in found:
        said = f"context {wanted!r}" if wanted else "current-context, and none is set"
        known = ", ".join(sorted(map(str, found))) or "none at all"
        raise ClusterSettingsError(f"the kubeconfig {path} has no {said}; its contexts: {known}")
    return str(found[wanted].get("cluster", ""))


def _whole(response: _Response, deadline: float) -> bytes:
    """All of an answer."""
    parts: list[bytes] = []
    size = 0
    try:
        while chunk := response.read1(_CHUNK):  # what there is; `read` waits for all of it
            parts.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                response.close()
                raise TooLargeError(f"the answer is above {MAX_BYTES} bytes")
            if time.monotonic() > deadline:
                response.close()
                raise UnreachableError("the answer took too long")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        response.close()
        raise UnreachableError(_reason(error)) from error
    return b"".join(parts)


def _refusal(response: _Response, deadline: float) -> ApiError:
    """The `Status` in an answer that says no."""
    try:
        text = _whole(response, deadline)
    finally:
        response.release_conn()
    try:
        status = json.loads(text)
    except ValueError:
        status = None  # a proxy's page
    status = status if isinstance(status, dict) else {}
    wait = response.headers.get("Retry-After", "")
    reason = str(status.get("reason") or response.reason or "")
    message = str(status.get("message") or "")
    return ApiError(response.status, reason, message, retry_after=float(wait) if wait.isdecimal() else 0.0)


def _drop(response: _Response) -> None:
    """End an answer that was not read to its end; its connection is of no use to others."""
    response.close()
    response.release_conn()


def _reason(error: BaseException) -> str:
    """Why nobody answered, without the address, which urllib3 says in each layer again."""
    inner = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    if isinstance(error, urllib3.exceptions.ProtocolError) and not isinstance(inner, OSError):
        return "the connection broke off"
    words = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return f"{type(inner).__name__}: {words}" if words else type(inner).__name__
