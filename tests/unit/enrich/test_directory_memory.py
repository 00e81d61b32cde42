"""50,000 pods take at most 150 MiB, and the directory's own estimate is near the truth."""

import gc
import sys
import tracemalloc

import pytest

from bench import directory_memory
from bench.directory_memory import CLUSTER
from enrich.directory import Directory
from enrich.objects import KubernetesObject, Owner

MEBIBYTE = 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the growth of a process is read from /proc")
def test_50_000_pods_let_a_process_grow_by_150_mib_at_most():
    figures = directory_memory.grown(50_000)
    assert figures["pods"] == 50_000
    assert 40 * MEBIBYTE < figures["bytes"] < 150 * MEBIBYTE, figures


def with_owners(number):
    """Objects that have eight owners each, none of them another's, all with long names."""
    for place in range(number):
        owners = tuple(
            Owner(f"{place:08d}-{one}-owner-uid-xxxxxxxxxxxx", "example.org", "Shop", f"{'x' * 200}{place}-{one}")
            for one in range(8)
        )
        name = f"{'n' * 200}{place}"
        yield KubernetesObject(CLUSTER, f"uid-{place}", "example.org", "v1", "Cart", name, "shop", owners)


@pytest.mark.parametrize(
    ("group", "kind", "objects"),
    [("", "Pod", directory_memory.pods(4_000)), ("example.org", "Cart", with_owners(2_000))],
)
def test_the_estimate_is_within_a_third_of_what_is_allocated(group, kind, objects):
    directory = Directory()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        directory.replace(CLUSTER, group, kind, objects)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    estimated = directory.census().bytes
    assert taken * 2 / 3 < estimated < taken * 4 / 3, (taken, estimated)
