"""What `metric_series` answers for each kind of metric, on data points for which that is known.

Every test runs on today's tables and on those of the exporter's older generation, whose times have nanoseconds.
"""

import pytest
from answers import NOON, at, found

from query.desk import Desk
from query.settings import QuerySettings
from sql.catalogue import load_catalogue
from store.port import Select

WINDOW = {"since": str(NOON), "until": str(NOON + 120), "step": 60}

OLD = """
CREATE TABLE otel_metrics_{kind}
(
    ResourceAttributes Map(LowCardinality(String), String), ResourceSchemaUrl String, ScopeName String,
    ScopeVersion String, ScopeAttributes Map(LowCardinality(String), String), ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String, ServiceName LowCardinality(String), MetricName String, MetricDescription String,
    MetricUnit String, Attributes Map(LowCardinality(String), String), StartTimeUnix DateTime64(9),
    TimeUnix DateTime64(9), Flags UInt32, {columns}
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
"""
COUNTED = "Count UInt64, Sum Float64, AggregationTemporality Int32"
OLD_COLUMNS = {
    "gauge": "Value Float64",
    "sum": "Value Float64, AggregationTemporality Int32, IsMonotonic Boolean",
    "histogram": f"{COUNTED}, BucketCounts Array(UInt64), ExplicitBounds Array(Float64)",
    "exponential_histogram": f"{COUNTED}, Scale Int32, ZeroCount UInt64, PositiveOffset Int32, "
    "PositiveBucketCounts Array(UInt64), NegativeOffset Int32, NegativeBucketCounts Array(UInt64)",
    "summary": "Count UInt64, Sum Float64, ValueAtQuantiles Nested(Quantile Float64, Value Float64)",
}


@pytest.fixture(scope="module", params=["today's tables", "old tables"])
def generation(request, question_tables):
    """The five metric tables as one of the generations has them."""
    if request.param == "old tables":
        for kind, columns in OLD_COLUMNS.items():
            question_tables.select(Select(f"RENAME TABLE otel_metrics_{kind} TO today_{kind}"))
            question_tables.select(Select(OLD.format(kind=kind, columns=columns)))
    yield request.param
    if request.param == "old tables":
        for kind in OLD_COLUMNS:
            question_tables.select(Select(f"DROP TABLE otel_metrics_{kind} SYNC"))
            question_tables.select(Select(f"RENAME TABLE today_{kind} TO otel_metrics_{kind}"))


@pytest.fixture
def series(generation, question_tables):
    """Ask for metric `m` in the two minutes after noon."""
    desk = Desk(question_tables, load_catalogue(), QuerySettings())

    def ask(*columns, **written):
        return found(desk.ask("metric_series", {"metric": "m"} | WINDOW | written), *columns)

    yield ask
    desk.close()


def point(seconds: float, *, began: float = -3600, pod: str = "one", **columns: object) -> dict[str, object]:
    return {
        "MetricName": "m",
        "ServiceName": "shop",
        "TimeUnix": at(seconds)[:19],
        "StartTimeUnix": at(began)[:19],
        "ResourceAttributes": {"pod": pod},
        **columns,
    }


def counter(seconds: float, value: float, **columns: object) -> dict[str, object]:
    return point(seconds, Value=value, **{"AggregationTemporality": 2, "IsMonotonic": True} | columns)


def histogram(seconds: float, counts: list[int], total: float, **columns: object) -> dict[str, object]:
    shape = {"BucketCounts": counts, "ExplicitBounds": [10, 20, 50], "Count": sum(counts), "Sum": total}
    return point(seconds, **{"AggregationTemporality": 2} | shape | columns)


def test_a_gauge_has_its_mean_extremes_and_newest_value(series, put):
    put(
        "otel_metrics_gauge",
        [point(t, Value=v, MetricUnit="By") for t, v in ((-1, 100), (0, 1), (59, 3), (60, 7), (120, 9))],
    )

    assert series("kind", "time", "points", "avg", "min", "max", "last", "rate", "p50", "unit", "step_seconds") == [
        ("gauge", "2026-01-01T12:00:00.000000000Z", 2, 2, 1, 3, 3, None, None, "By", 60),
        ("gauge", "2026-01-01T12:01:00.000000000Z", 1, 7, 7, 7, 7, None, None, "By", 60),
    ]


def test_a_counter_has_the_growth_of_all_its_sources_and_counts_on_after_a_restart(series, put):
    first = [counter(t, v) for t, v in ((-30, 100), (0, 160), (30, 220))]
    restarted = [counter(60, 10, began=45), counter(90, 40, began=45)]
    second = [counter(t, v, pod="two") for t, v in ((-30, 0), (0, 30), (30, 60), (60, 90), (90, 120))]
    put("otel_metrics_sum", [*first, *restarted, *second])

    assert series("kind", "points", "rate", "avg") == [("sum", 4, 180 / 60, None), ("sum", 4, 100 / 60, None)]


def test_a_restart_is_seen_by_the_start_time_even_where_the_value_is_higher(series, put):
    put("otel_metrics_sum", [counter(0, 10), counter(30, 70, began=15)])

    assert series("rate") == [(70 / 60,)]


def test_what_a_counter_had_counted_before_it_was_first_seen_is_not_growth(series, put):
    put("otel_metrics_sum", [counter(10, 1_000_000), counter(70, 1_000_060)])

    assert series("rate") == [(None,), (1.0,)]


def test_a_counter_that_began_in_the_window_grew_from_zero(series, put):
    put("otel_metrics_sum", [counter(50, 30, began=20)])

    assert series("rate") == [(0.5,)]


def test_deltas_are_growth_as_they_are(series, put):
    put("otel_metrics_sum", [counter(t, 30, AggregationTemporality=1) for t in (0, 30, 60)])

    assert series("rate") == [(1.0,), (0.5,)]


def test_a_sum_that_may_fall_is_read_like_a_gauge(series, put):
    put("otel_metrics_sum", [counter(t, v, IsMonotonic=False) for t, v in ((0, 5), (30, 3))])

    assert series("rate", "avg", "min", "max", "last") == [(None, 4, 3, 5, 3)]


def test_a_step_that_lies_partly_outside_the_window_is_measured_by_its_part(series, put):
    put("otel_metrics_sum", [counter(t, 30, AggregationTemporality=1) for t in (40, 70)])

    assert series("rate", since=str(NOON + 30), until=str(NOON + 75)) == [(1.0,), (2.0,)]


def test_a_histogram_has_rate_mean_and_quantiles_of_what_was_measured_in_the_step(series, put):
    put("otel_metrics_histogram", [histogram(t, [5 * n, 3 * n, 2 * n, 0], 100 * n) for n, t in enumerate((-60, 0, 60))])

    assert series("kind", "rate", "avg", "p50", "p95", "p99") == [
        ("histogram", 10 / 60, 10, 10, 42.5, pytest.approx(48.5)),
        ("histogram", 10 / 60, 10, 10, 42.5, pytest.approx(48.5)),
    ]


def test_histogram_buckets_of_several_sources_add_up(series, put):
    put(
        "otel_metrics_histogram",
        [
            histogram(0, [4, 0, 0, 0], 4, AggregationTemporality=1),
            histogram(0, [0, 0, 0, 4], 400, AggregationTemporality=1, pod="two"),
        ],
    )

    assert series("points", "rate", "p50", "p99") == [(2, 8 / 60, 10, 50)]


def test_a_histogram_that_began_again_counts_from_zero(series, put):
    put("otel_metrics_histogram", [histogram(0, [9, 9, 9, 9], 900), histogram(30, [0, 10, 0, 0], 150, began=10)])

    assert series("rate", "avg", "p50") == [(10 / 60, 15, 15)]


def test_a_histogram_without_buckets_has_no_quantiles(series, put):
    shape = {"BucketCounts": [], "ExplicitBounds": [], "Count": 4, "Sum": 8, "AggregationTemporality": 1}
    put("otel_metrics_histogram", [point(0, **shape)])

    assert series("rate", "avg", "p50") == [(4 / 60, 2, None)]


def exponential(seconds: float, scale: int, offset: int, counts: list[int], **columns: object) -> dict[str, object]:
    shape = {"Scale": scale, "PositiveOffset": offset, "PositiveBucketCounts": counts, "AggregationTemporality": 2}
    return point(seconds, **{"Count": sum(counts), "Sum": 0} | shape | columns)


def test_an_exponential_histogram_has_quantiles_inside_its_buckets(series, put):
    zero_and_below = {"ZeroCount": 1, "NegativeOffset": 1, "NegativeBucketCounts": [1], "Count": 9}
    put(
        "otel_metrics_exponential_histogram",
        [exponential(0, 0, 0, [1, 2, 4], AggregationTemporality=1, **zero_and_below)],
    )

    # -4..-2: 1, 0: 1, 1..2: 1, 2..4: 2, 4..8: 4; the middle of nine lies a quarter into 2..4 and a half.
    assert series("kind", "rate", "p50", "p99") == [
        ("exponential_histogram", 9 / 60, 3.5, pytest.approx(4 + 4 * (8.91 - 5) / 4))
    ]


def test_an_exponential_histogram_that_grew_coarser_is_compared_at_the_coarser_scale(series, put):
    put(
        "otel_metrics_exponential_histogram",
        [exponential(-60, 1, -1, [1, 1, 1, 1, 1]), exponential(0, 0, -1, [1, 2, 8])],
    )

    assert series("rate", "p50") == [(6 / 60, 3)]


def test_a_summary_has_rate_mean_and_the_quantiles_that_were_reported(series, put):
    put(
        "otel_metrics_summary",
        [
            point(
                t,
                Count=10 * n,
                Sum=50 * n,
                **{"ValueAtQuantiles.Quantile": [0.5, 0.99], "ValueAtQuantiles.Value": [7, 9]},
            )
            for n, t in enumerate((-60, 0))
        ],
    )

    assert series("kind", "rate", "avg", "p50", "p95", "p99") == [("summary", 10 / 60, 5, 7, None, 9)]


def test_points_that_say_that_nothing_was_recorded_are_left_out(series, put):
    put("otel_metrics_gauge", [point(0, Value=5), point(1, Value=0, Flags=1)])

    assert series("points", "min") == [(1, 5)]


def test_only_so_many_series_are_shown_and_all_are_counted(series, put):
    put("otel_metrics_gauge", [point(t, Value=n, Attributes={"n": str(n)}) for n in range(5) for t in range(n + 1)])

    assert series("attributes", "series_total", series=2) == [({"n": "4"}, 5), ({"n": "3"}, 5)]


def test_series_are_narrowed_by_service_attribute_namespace_and_cluster(series, put):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c"}
    put(
        "otel_metrics_gauge",
        [
            point(0, Value=1, ServiceName="bank"),
            point(0, Value=2, Attributes={"route": "/a"}),
            point(0, Value=3, ResourceAttributes=where),
        ],
    )

    assert series("last", service="bank") == [(1,)]
    assert series("last", attribute="route") == [(2,)]
    assert series("last", attribute="route", attribute_value="/b") == []
    assert series("last", namespace="ns", cluster="c") == [(3,)]
    assert series("last", namespace="other") == []


def test_a_step_that_was_not_given_makes_at_most_sixty(series, put):
    put("otel_metrics_gauge", [point(0, Value=1)])

    assert series("step_seconds", until=str(NOON + 3600), step=0) == [(60,)]
    assert series("step_seconds", until=str(NOON + 3601), step=0) == [(120,)]
    assert series("step_seconds", until=str(NOON + 10), step=0) == [(1,)]
    assert series("step_seconds", since="1970-01-01T00:00:00Z", step=0)[0][0] * 60 >= NOON


def test_a_metric_that_does_not_exist_has_no_rows(series):
    assert series("kind", metric="'; DROP TABLE otel_metrics_gauge; --") == []


@pytest.mark.parametrize("values", [[1, 3, 2], [3, 2, 1], [2, "nan", 3]])
def test_of_several_values_in_one_second_the_greatest_is_the_newest(series, put, values):
    put("otel_metrics_gauge", [point(5, Value=9), *(point(10, Value=value) for value in values)])

    assert series("last") == [(3,)]


@pytest.mark.parametrize("values", [[100, 110, 130], [130, 110, 100]])
def test_several_points_of_a_counter_in_one_second_are_no_restart(series, put, values):
    put("otel_metrics_sum", [counter(0, 70), *(counter(10, value) for value in values)])

    assert series("rate") == [(1.0,)]


def test_series_that_were_left_out_are_said(generation, question_tables, put):
    put("otel_metrics_gauge", [point(10, Value=1, Attributes={"n": str(n)}) for n in range(5)])
    desk = Desk(question_tables, load_catalogue(), QuerySettings())

    cut = desk.ask("metric_series", {"metric": "m", "series": 2} | WINDOW)
    whole = desk.ask("metric_series", {"metric": "m", "series": 5} | WINDOW)
    desk.close()

    assert (len(cut.rows), cut.truncated, dict(cut.left_out)) == (2, True, {"series": 3})
    assert (len(whole.rows), whole.truncated, dict(whole.left_out)) == (5, False, {})
