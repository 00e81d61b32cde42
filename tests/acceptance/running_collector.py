"""A real Collector with one of the configurations of deploy/collector/, for the acceptance tests.

In: a configuration, a folder of its own, where the house takes OTLP, and what a test sets instead of it: other lines of
the configuration (`yaml:...`) and environment variables. Out: a process that is up; `told` is what it said on standard
error.
"""

import signal
import subprocess
import threading
from pathlib import Path

from foreign_senders import kubernetes_collector
from running_house import WAIT, environment

DEPLOY = Path(__file__).parents[2] / "deploy" / "collector"
QUIET = "yaml:service::telemetry::metrics::level: none"
"""Its own metrics would take a port that is always the same."""


class Collector:
    """A Collector with one configuration of ours, and what a test sets instead of it."""

    def __init__(self, configuration, folder, endpoint, *changes, **variables):
        settings = {
            "OTELHOUSE_ENDPOINT": endpoint,
            "OTELHOUSE_TOKEN": "not asked for here",
            "OTELHOUSE_INSECURE": "true",
            "STORAGE_DIRECTORY": folder / "storage",
            "HOST_ROOT": "/",
            "K8S_NODE_NAME": "node-1",
            "K8S_NODE_IP": "127.0.0.1",
            **variables,
        }
        # OTELHOUSE_ belongs to the house: `environment` takes what this process has of it away, and adds these.
        self._environment = environment(**settings)
        self._arguments = [f"--config=file:{configuration}", *(f"--config={change}" for change in (QUIET, *changes))]
        self._process = None
        self.told = ""

    def validate(self):
        """Let it judge its configuration; gives its exit code, and keeps what it said."""
        done = subprocess.run(
            [kubernetes_collector(), "validate", *self._arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )
        self.told = done.stdout + done.stderr
        return done.returncode

    def start(self):
        self._process = subprocess.Popen(
            [kubernetes_collector(), *self._arguments], env=self._environment, stderr=subprocess.PIPE, text=True
        )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._ready.wait(WAIT), self.told
        assert self._process.poll() is None, self.told
        return self

    def _read(self):
        for line in self._process.stderr:
            self.told += line
            if "Everything is ready" in line:
                self._ready.set()
        self._ready.set()

    @property
    def runs(self):
        return self._process is not None and self._process.poll() is None

    def end(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(WAIT)
        self._reader.join()
        self._process.stderr.close()
