"""Every figure that the module's text promises is registered, with the labels that it says, and no other."""

import re

from prometheus_client import CollectorRegistry

from sse_proxy import figures
from sse_proxy.figures import Figures

PROMISED = re.findall(r"otelhouse_stream_(\w+)\{([\w,]+)\}", figures.__doc__)


def test_figures_are_those_that_are_promised():
    registry = CollectorRegistry()
    made = {
        name: figure._labelnames for name, figure in vars(Figures(registry)).items() if hasattr(figure, "_labelnames")
    }
    promised = {re.sub("_(total|seconds)$", "", name): tuple(labels.split(",")) for name, labels in PROMISED}
    assert made == promised
    assert {metric.name for metric in registry.collect()} == {
        f"otelhouse_stream_{name.removesuffix('_total')}" for name, _ in PROMISED
    }
