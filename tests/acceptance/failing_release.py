"""A small Helm chart, and the real Helm that installs it.

In: a folder, a namespace, a kubeconfig. Out: a release of one Deployment that carries a Krateo composition's id, whose
image's tag is a value.
"""

import json
from pathlib import Path

from acting_cluster import COMPOSITION, CONTAINER

from bench import helm_binary

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: nginx\nversion: 0.1.0\n",
    "values.yaml": "tag: '1.25'\ncomposition: ''\n",
    "templates/deployment.yaml": f"""
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{{{ .Release.Name }}}}-nginx
  labels:
    app.kubernetes.io/managed-by: {{{{ .Release.Service }}}}
    {COMPOSITION}: {{{{ .Values.composition | quote }}}}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: {{{{ .Release.Name }}}}}}
  template:
    metadata:
      labels: {{app: {{{{ .Release.Name }}}}}}
    spec:
      containers:
        - name: {CONTAINER}
          image: "nginx:{{{{ .Values.tag }}}}"
""",
}


class Release:
    """One release, by the name of `name`."""

    def __init__(self, folder, name, namespace, kubeconfig, composition):
        self.name = name
        self._namespace = namespace
        self._kubeconfig = kubeconfig
        self._composition = composition
        self._chart = Path(folder) / "chart"
        for file, text in CHART.items():
            path = self._chart / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @property
    def workload(self):
        return f"{self.name}-nginx"

    def install(self, tag):
        self._helm("install", self.name, self._chart, f"--set=composition={self._composition},tag={tag}")

    def upgrade(self, tag):
        self._helm("upgrade", self.name, self._chart, "--reuse-values", "--set-string", f"tag={tag}")

    def roll_back(self, revision):
        self._helm("rollback", self.name, revision)

    def status(self):
        """Helm's word for the release's state, and its revision."""
        told = json.loads(self._helm("status", self.name, "--output", "json"))
        return told["info"]["status"], told["version"]

    def _helm(self, *arguments):
        words = [str(one) for one in arguments]
        done = helm_binary.run(*words, "--namespace", self._namespace, kubeconfig=self._kubeconfig)
        assert done.returncode == 0, done.stderr
        return done.stdout
