"""What tens of thousands of pods take in the directory, as growth of a process of its own.

In: how many. Out: bytes. The pods are as a client reads them: every text an object of its own, ten labels, two
containers, and an annotation that nobody keeps. `python -m bench.directory_memory 50000` prints JSON.
"""

import gc
import json
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from enrich.directory import Directory
from enrich.objects import Container, KubernetesObject, Owner

CLUSTER = "c0000000-0000-0000-0000-000000000001"
_PAGE = resource.getpagesize()


def pods(number: int) -> Iterator[KubernetesObject]:
    """Make pods, five a ReplicaSet."""
    draw = random.Random(4)
    for place in range(number):
        yield _pod(place, draw)


def grown(number: int) -> dict[str, int]:
    """Measure in a process of its own: `bytes` that it grew by, `estimated` by the directory, `pods` in it."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.directory_memory", str(number)], check=True, capture_output=True, text=True
    )
    figures: dict[str, int] = json.loads(ran.stdout)
    return figures


def _pod(place: int, draw: random.Random) -> KubernetesObject:
    workload = place // 5
    return KubernetesObject(
        cluster_uid="".join(list(CLUSTER)),
        uid=f"{draw.randrange(16**32):032x}-uid",
        group="",
        version="v1",
        kind="Pod",
        name=f"workload-{workload}-{draw.randrange(16**9):09x}-{place % 5:05x}",
        namespace=f"namespace-{workload % 400}",
        owners=(
            Owner(f"{workload:032x}-uid", "apps", "ReplicaSet", f"workload-{workload}-{workload:09x}", controller=True),
        ),
        labels={
            "app.kubernetes.io/name": f"workload-{workload}",
            "app.kubernetes.io/instance": f"release-{workload}",
            "app.kubernetes.io/version": f"1.{workload % 30}.0",
            "app.kubernetes.io/component": f"component-{workload % 8}",
            "app.kubernetes.io/part-of": f"suite-{workload % 50}",
            "app.kubernetes.io/managed-by": "Helm",
            "pod-template-hash": f"{workload:09x}",
            "helm.sh/chart": f"chart-{workload % 100}",
            "krateo.io/composition-id": f"{workload % 900:032x}-uid",
            "topology.kubernetes.io/zone": f"zone-{place % 3}",
        },
        annotations={"kubectl.kubernetes.io/last-applied-configuration": "{" + "x" * 2000 + "}"},
        node=f"node-{place % 900}.region.internal",
        addresses=(f"10.{place >> 16}.{place >> 8 & 255}.{place & 255}",),
        containers=tuple(Container(name, f"{draw.randrange(16**64):064x}") for name in ("app", "proxy")),
        created=1.7e9 + place,
    )


def _resident() -> int:
    """Bytes of this process that are in memory: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def main() -> None:
    """Measure this process."""
    number = int(sys.argv[1])
    directory = Directory()
    gc.collect()
    before = _resident()
    directory.replace(CLUSTER, "", "Pod", pods(number))
    gc.collect()
    census = directory.census()
    print(json.dumps({"bytes": _resident() - before, "estimated": census.bytes, "pods": census.live}))  # noqa: T201


if __name__ == "__main__":
    main()
