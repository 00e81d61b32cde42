import pytest

from bench import workloads
from ingest import wire
from sql.signals import Signal


@pytest.mark.parametrize("name", workloads.SHAPES)
def test_a_workload_holds_as_many_items_as_it_says(name):
    workload = workloads.SHAPES[name]()
    parcel = wire.read(workload.signal, workload.requests[0])
    assert (parcel.items, parcel.rejected) == (workload.items_per_request, 0)


def test_flat_logs_are_about_320_bytes_each():
    assert 310 <= workloads.flat_logs(requests=1).bytes_per_item <= 330


def test_only_kubernetes_events_hold_nested_values():
    for name, shape in workloads.SHAPES.items():
        workload = shape()
        resources = wire.parse(workload.signal, workload.requests[0]).resources
        assert all(one.IsInitialized() for one in resources) == (name != "kubernetes events"), name


def test_spans_have_twelve_attributes_and_two_events():
    (resource,) = wire.parse(Signal.TRACES, workloads.spans(items=3, requests=1).requests[0]).resources
    for span in resource.scope_spans[0].spans:
        assert (len(span.attributes), len(span.events)) == (12, 2)
