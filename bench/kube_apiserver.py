"""A real kube-apiserver with etcd for tests, on a machine without containers. No kubelet and no controllers.

In: the Go module `bench/controlplane`, built once (200 s on two cores; 0.7 GB of modules and 1.8 GB of build cache on
the way, a binary of 120 MB) and kept under $XDG_CACHE_HOME/otelhouse-tests. Out: two processes on free ports of
127.0.0.1, with keys, certificates and data in a folder of their own. Several may run at once.
The binary is kubectl as well, where it is called by that name.
Its objects change only as the test changes them: nobody makes pods of a Deployment, nobody runs a pod.
Where there is `setpriv` the processes die with the thread that started them. Raises `UnavailableError` where there is
no Go, or the build fails. Run as a script, this file builds the binary.
"""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import built_once
from bench.unavailable import UnavailableError

MODULE = Path(__file__).parent / "controlplane"
PROGRAM = "controlplane"
VERSION = "v1.35.4"
"""Of Kubernetes, as in `bench/controlplane/go.mod`."""
_LINK = f"-s -w -X k8s.io/component-base/version.gitVersion={VERSION}"
BUILD = ("go", "build", "-trimpath", "-gcflags=all=-dwarf=false", f"-ldflags={_LINK}")
"""Without debug information: half a minute less, and half the size. Without C too, see `built_once.compile_go`."""
MEND = "install Go 1.25 or newer; it builds kube-apiserver and etcd from the Go module proxy"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
START_TRIES = 3
ADMIN = "admin-of-tests"  # the token of a user in system:masters, who may do everything
ISSUER = "https://kubernetes.default.svc"


def obstacle() -> str:
    """Say why no API server can be had here; empty if one can."""
    return "" if built() or shutil.which("go") else "Go is not installed"


def built() -> bool:
    """Whether `build` has nothing left to do."""
    return _binary_path().exists()


def build() -> Path:
    """Give the binary, built at the first call; safe in several processes at once. Raises `UnavailableError`."""
    return built_once.ensure(_name(), PROGRAM, _compile)


def _binary_path() -> Path:
    return built_once.path(_name(), PROGRAM)


def _name() -> str:
    files = [MODULE / name for name in ("go.mod", "go.sum", "main.go")]
    parts = [file.read_bytes() for file in files] + [word.encode() for word in BUILD]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    return f"controlplane-{digest}"


def _compile(folder: Path) -> None:
    if why := obstacle():
        raise UnavailableError(f"{why}: {MEND}")
    command = [*BUILD, "-o", str(folder / PROGRAM), "."]
    built_once.compile_go("kube-apiserver", command, MODULE, {"GOGC": "400"})


class KubeApiserver:
    """One control plane. Used as a context manager it stops, and takes its folder with it, at the end."""

    def __init__(self, flags: Sequence[str] = (), tokens: Mapping[str, str] | None = None) -> None:
        """`flags`: more for kube-apiserver. `tokens`: token -> user, who may do what RBAC says: nothing at first."""
        self.port = 0
        self.etcd_port = 0
        self.folder = Path(tempfile.mkdtemp(prefix="otelhouse-kube-"))
        self._flags = tuple(flags)
        self._tokens = {ADMIN: "admin", **(tokens or {})}
        self._etcd: subprocess.Popen[bytes] | None = None
        self._apiserver: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate that its own is signed with: its own."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def pid(self) -> int:
        """Of kube-apiserver."""
        if self._apiserver is None:
            raise RuntimeError("kube-apiserver is not running")
        return self._apiserver.pid

    def start(self) -> Self:
        """Start, and return once it is ready."""
        binary = build()
        self._prepare()
        for _ in range(START_TRIES):
            self.port, self.etcd_port, peer_port = _free_ports(3)
            self._etcd = self._spawn(binary, "etcd", _etcd_flags(self.folder, self.etcd_port, peer_port))
            self._apiserver = self._spawn(binary, "kube-apiserver", self._apiserver_flags())
            if self._wait_until_ready():
                return self
            self.stop_processes()
        raise RuntimeError(f"kube-apiserver did not start; its last words:\n{self.last_words}")

    def kill(self) -> None:
        """End kube-apiserver at once, as a crash would; etcd and all objects stay."""
        _end(self._apiserver)
        self._apiserver = None

    def restart(self, flags: Sequence[str] | None = None) -> None:
        """Start kube-apiserver again at the same port, where it was."""
        self.kill()
        if flags is not None:
            self._flags = tuple(flags)
        self._apiserver = self._spawn(build(), "kube-apiserver", self._apiserver_flags())
        if not self._wait_until_ready():
            raise RuntimeError(f"kube-apiserver did not start again; its last words:\n{self.last_words}")

    def pause(self) -> None:
        """Let kube-apiserver say nothing more, with all connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def compact(self) -> None:
        """Let etcd forget all history but the newest state."""
        status = self._etcd_call("/v3/kv/range", {"key": _base64("x")})
        self._etcd_call("/v3/kv/compaction", {"revision": status["header"]["revision"], "physical": True})

    def stop_processes(self) -> None:
        """End both."""
        self.kill()
        _end(self._etcd)
        self._etcd = None

    def stop(self) -> None:
        """End both and remove the folder. Safe twice."""
        self.stop_processes()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def last_words(self) -> str:
        """The end of kube-apiserver's log."""
        log = self.folder / "kube-apiserver.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str = ADMIN) -> Any:  # noqa: ANN401  JSON
        """Ask it something, as a test's administrator. Raises `urllib.error.HTTPError`."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30, context=self._tls()) as answer:
            return json.load(answer)

    def write_kubeconfig(self, path: Path, contexts: Mapping[str, str], *, url: str = "", current: str = "") -> Path:
        """Write a kubeconfig with a context for each token: context -> token. `url`: of a proxy before the server."""
        cluster = {"server": url or self.url, "certificate-authority": str(self.ca_file)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": f"cluster-{self.port}", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}} for name, token in contexts.items()],
            "contexts": [
                {"name": name, "context": {"cluster": f"cluster-{self.port}", "user": name}} for name in contexts
            ],
            "current-context": current or next(iter(contexts)),
        }
        path.write_text(yaml.safe_dump(content))
        return path

    @property
    def signing_key(self) -> str:
        """The private key, in PEM, that service account tokens are signed with (RS256)."""
        return (self.folder / "service-accounts.key").read_text()

    def _prepare(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL)
        (self.folder / "service-accounts.key").write_bytes(key.private_bytes(*form, serialization.NoEncryption()))
        lines = [f'{token},{user},{user},"{_group(token)}"' for token, user in self._tokens.items()]
        (self.folder / "tokens.csv").write_text("\n".join(lines) + "\n")

    def _apiserver_flags(self) -> list[str]:
        key = str(self.folder / "service-accounts.key")
        return [
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder / 'certificates'}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",  # pods need no account of their own here
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            *self._flags,
        ]

    def _spawn(self, binary: Path, part: str, flags: Sequence[str]) -> subprocess.Popen[bytes]:
        bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        command = [*bound, str(binary), part, *flags]
        with (self.folder / f"{part}.log").open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._apiserver is not None and self._apiserver.poll() is None:
            with contextlib.suppress(OSError, ssl.SSLError, ValueError, KeyError):
                self.call("GET", "/api/v1/namespaces/kube-system")
                self.call("GET", "/api/v1/namespaces/default")
                if self._ready():
                    return True
            time.sleep(0.05)  # it tells nobody that it is ready; asking is the only way to know
        return False

    def _ready(self) -> bool:
        request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {ADMIN}"})
        with urllib.request.urlopen(request, timeout=5, context=self._tls()) as answer:
            return bool(answer.read() == b"ok")

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))

    def _etcd_call(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401  JSON
        data = json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.etcd_port}{path}", data=data, timeout=30) as answer:
            return json.load(answer)


def _etcd_flags(folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        "--name=test",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=test={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _group(token: str) -> str:
    return "system:masters" if token == ADMIN else "tests"


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()
        process.wait(STOP_SECONDS)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


if __name__ == "__main__":
    build()
