"""What `metric_series` says of strange data points; the kinds one by one stand in test_metric_series."""

import pytest
from answers import NOON, at, found


def point(seconds, *, pod="one", **columns):
    return {
        "MetricName": "m",
        "ServiceName": "shop",
        "TimeUnix": at(seconds)[:19],
        "StartTimeUnix": at(-3600)[:19],
        "ResourceAttributes": {"pod": pod},
        **columns,
    }


def exponential(seconds, scale, offset, counts, **columns):
    shape = {"Scale": scale, "PositiveOffset": offset, "PositiveBucketCounts": counts, "AggregationTemporality": 1}
    return point(seconds, **{"Count": sum(counts), "Sum": 0} | shape | columns)


def series(desk, *columns, **written):
    window = {"since": str(NOON), "until": str(NOON + 120), "step": 60}
    return found(desk.ask("metric_series", {"metric": "m"} | window | written), *columns)


def test_exponential_histograms_of_different_scales_add_up_at_the_coarsest(desk, put):
    put(
        "otel_metrics_exponential_histogram",
        [
            exponential(0, 0, 0, [4, 4]),  # 1..2: 4, 2..4: 4
            exponential(0, 1, 0, [2, 2, 2, 2], pod="two"),  # the same two buckets, each in halves
            exponential(0, -1, 0, [16], pod="three"),  # 1..4: 16
        ],
    )

    # All 32 lie in 1..4, evenly as far as anybody knows.
    assert series(desk, "points", "rate", "p50", "p95") == [(3, 32 / 60, 2.5, pytest.approx(1 + 3 * 0.95))]


def test_an_exponential_histogram_of_nothing_has_no_quantiles(desk, put):
    put("otel_metrics_exponential_histogram", [exponential(0, 0, 0, [])])

    assert series(desk, "points", "rate", "avg", "p50") == [(1, 0, None, None)]


def test_values_below_zero_are_ordered_below_it_at_any_scale(desk, put):
    negative = {"NegativeOffset": 0, "NegativeBucketCounts": [1, 1], "Count": 3, "ZeroCount": 1}
    put("otel_metrics_exponential_histogram", [exponential(0, 1, 0, [], **negative)])

    assert series(desk, "p50")[0][0] == pytest.approx(-(2 ** (1 / 2)) + 0.5 * (2 ** (1 / 2) - 1))


def test_a_counter_that_is_not_a_number_for_once_has_not_begun_again(desk, put):
    put(
        "otel_metrics_sum",
        [
            point(seconds, Value=value, AggregationTemporality=2, IsMonotonic=True)
            for seconds, value in ((-30, 100), (0, 160), (30, "nan"), (50, 220))
        ],
    )

    assert series(desk, "points", "rate") == [(2, 2.0)]


def test_a_gauge_that_is_not_a_number_for_once_keeps_its_other_values(desk, put):
    put("otel_metrics_gauge", [point(0, Value=1), point(1, Value="nan"), point(2, Value=3)])

    assert series(desk, "avg", "min", "max", "last") == [(2, 1, 3, 3)]


def test_series_are_narrowed_by_composition(desk, put):
    put(
        "otel_metrics_gauge",
        [
            point(0, Value=1, ResourceAttributes={"krateo.composition.id": "k"}),
            point(0, Value=2, ResourceAttributes={"k8s.pod.labels.krateo.io/composition-id": "l"}, ServiceName="bank"),
            point(0, Value=3),
        ],
    )

    assert [series(desk, "last", composition=one) for one in ("k", "l", "m")] == [[(1,)], [(2,)], []]


def test_an_empty_window_has_no_rows(desk, put):
    put("otel_metrics_gauge", [point(500, Value=1)])

    assert series(desk, "kind") == []
