-- name: metric_series
-- summary: One metric over time: a row for each series and step of time.
-- description: A series is one service and one set of data point attributes; what several sources (resources, scopes)
--     send for it is taken together. Gauges, and sums that may fall: avg, min, max and last. Sums that only rise, and
--     deltas: rate, the growth per second; a counter that began again is counted from zero, and its first point counts
--     only if it began not longer than ten minutes before the window. Histograms and exponential histograms: rate
--     of measurements, their avg, and quantiles interpolated inside the bucket in which they lie; the bucket above the
--     last bound answers with that bound. Summaries: rate, avg, and the mean of the quantiles that the sources
--     reported. What a kind cannot say is null. Rows are in the order of series, then time.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: metrics
-- limit rows: 20000
-- limit seconds: 30
--
-- param metric: String
--   bounds: 1 .. 1024
--   example: http.server.request.duration
--   help: The metric's exact name.
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one hour before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param step: UInt32
--   default: 0
--   bounds: 0 .. 604800
--   example: 60
--   help: Seconds in one step of time; 0 for one that gives at most 60 steps.
-- param service: String
--   default:
--   example: checkout
--   help: Only series of this service, by its exact name.
-- param namespace: String
--   default:
--   example: payments
--   help: Only sources in this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only sources in this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param composition: String
--   default:
--   example: 5b8efff7-98b0-4103-8d26-9b633813fc60
--   help: Only data points of this Krateo composition, by its id.
-- param attribute: String
--   default:
--   example: http.route
--   help: Only data points that have this attribute.
-- param attribute_value: String
--   default:
--   example: /api/cart
--   help: With `attribute`, only where it has exactly this value.
-- param series: UInt32
--   default: 10
--   bounds: 1 .. 100
--   example: 20
--   help: The most series to answer with: those with most data points. An answer that left series out says so.
-- param limit: UInt32
--   default: 5000
--   bounds: 1 .. 20000
--   example: 600
--   help: The most rows to answer with.
--
-- column kind: String
--   help: gauge, sum, histogram, exponential_histogram or summary.
-- column service: String
--   help: Service of the series.
-- column attributes: Map(String, String)
--   help: Attributes of the series.
-- column time: String
--   help: Start of the step, RFC 3339 in UTC.
-- column points: UInt64
--   help: Data points in the step.
-- column rate: Nullable(Float64)
--   help: Growth per second (sums), or measurements per second (histograms, summaries).
-- column avg: Nullable(Float64)
--   help: Mean of the values (gauges), or of the measurements (histograms, summaries).
-- column min: Nullable(Float64)
--   help: Least value of a gauge.
-- column max: Nullable(Float64)
--   help: Greatest value of a gauge.
-- column last: Nullable(Float64)
--   help: Newest value of a gauge; the greatest of those that came in the same second.
-- column p50: Nullable(Float64)
--   help: Median of the measurements.
-- column p95: Nullable(Float64)
--   help: 95 of 100 measurements were at most this.
-- column p99: Nullable(Float64)
--   help: 99 of 100 measurements were at most this.
-- column unit: String
--   help: Unit of the metric, in UCUM.
--   wide: yes
-- column step_seconds: UInt32
--   help: Seconds in one step of time.
--   wide: yes
-- column series_total: UInt64
--   help: Series that match, shown or not.
--   wide: yes
WITH
    {since:DateTime64(9, 'UTC')} - INTERVAL 10 MINUTE AS read_from,
    toUnixTimestamp64Nano({since:DateTime64(9, 'UTC')}) / 1e9 AS since_second,
    toUnixTimestamp64Nano({until:DateTime64(9, 'UTC')}) / 1e9 AS until_second,
    arrayFirst(
        seconds -> seconds * 60 >= until_second - since_second,
        [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 604800]
    ) AS round_step,
    toUInt32(
        multiIf(
            {step:UInt32} > 0, {step:UInt32},
            round_step > 0, round_step,
            ceil((until_second - since_second) / 60)
        )
    ) AS step,
    -- The five tables as one. A bucket is (side, index, count): side 2 for bounds that are listed, and for those of an
    -- exponential histogram -1, 0 or 1 for values below, around and above zero.
    points AS (
        SELECT
            'gauge' AS kind, MetricName, MetricUnit, TimeUnix, StartTimeUnix, ServiceName, Attributes, ResourceAttributes,
            cityHash64(ResourceAttributes, ScopeName, ScopeVersion, ScopeAttributes) AS source, Flags,
            toInt32(2) AS temporality, false AS rises, Value AS value, toUInt64(0) AS count,
            CAST([], 'Array(Float64)') AS bounds, toInt32(0) AS scale,
            CAST([], 'Array(Tuple(Int8, Int32, Int64))') AS buckets, CAST([], 'Array(Float64)') AS quantiles
        FROM otel_metrics_gauge
        UNION ALL
        SELECT
            'sum', MetricName, MetricUnit, TimeUnix, StartTimeUnix, ServiceName, Attributes, ResourceAttributes,
            cityHash64(ResourceAttributes, ScopeName, ScopeVersion, ScopeAttributes), Flags,
            AggregationTemporality, IsMonotonic OR AggregationTemporality = 1, Value, 0,
            [], 0,
            [], []
        FROM otel_metrics_sum
        UNION ALL
        SELECT
            'histogram', MetricName, MetricUnit, TimeUnix, StartTimeUnix, ServiceName, Attributes, ResourceAttributes,
            cityHash64(ResourceAttributes, ScopeName, ScopeVersion, ScopeAttributes), Flags,
            AggregationTemporality, true, Sum, Count,
            ExplicitBounds, 0,
            CAST(
                if(empty(ExplicitBounds), [], arrayMap((n, i) -> (2, i, n), BucketCounts, arrayEnumerate(BucketCounts))),
                'Array(Tuple(Int8, Int32, Int64))'
            ), []
        FROM otel_metrics_histogram
        UNION ALL
        SELECT
            'exponential_histogram', MetricName, MetricUnit, TimeUnix, StartTimeUnix, ServiceName, Attributes, ResourceAttributes,
            cityHash64(ResourceAttributes, ScopeName, ScopeVersion, ScopeAttributes), Flags,
            AggregationTemporality, true, Sum, Count,
            [], Scale,
            CAST(
                arrayConcat(
                    [(toInt64(0), toInt64(0), ZeroCount)],
                    arrayMap((n, i) -> (1, toInt64(PositiveOffset) + i - 1, n), PositiveBucketCounts, arrayEnumerate(PositiveBucketCounts)),
                    arrayMap((n, i) -> (-1, toInt64(NegativeOffset) + i - 1, n), NegativeBucketCounts, arrayEnumerate(NegativeBucketCounts))
                ),
                'Array(Tuple(Int8, Int32, Int64))'
            ), []
        FROM otel_metrics_exponential_histogram
        UNION ALL
        SELECT
            'summary', MetricName, MetricUnit, TimeUnix, StartTimeUnix, ServiceName, Attributes, ResourceAttributes,
            cityHash64(ResourceAttributes, ScopeName, ScopeVersion, ScopeAttributes), Flags,
            2, true, Sum, Count,
            [], 0,
            [], arrayMap(
                q -> if(
                    has(`ValueAtQuantiles.Quantile`, q),
                    `ValueAtQuantiles.Value`[indexOf(`ValueAtQuantiles.Quantile`, q)],
                    nan
                ),
                [0.5, 0.95, 0.99]
            )
        FROM otel_metrics_summary
    ),
    wanted AS (
        SELECT
            * EXCEPT (TimeUnix, StartTimeUnix),
            cityHash64(kind, ServiceName, Attributes) AS series,
            toDateTime64(TimeUnix, 9, 'UTC') AS time,
            toDateTime64(StartTimeUnix, 9, 'UTC') AS started
        FROM points
        WHERE MetricName = {metric:String}
            AND TimeUnix >= read_from
            AND TimeUnix < {until:DateTime64(9, 'UTC')}
            -- In terms of the key, which ClickHouse does not derive; the hour makes it true in every time zone.
            AND toStartOfHour(TimeUnix) >= read_from - INTERVAL 1 HOUR
            AND toStartOfHour(TimeUnix) < {until:DateTime64(9, 'UTC')}
            AND NOT bitTest(Flags, 0) -- bit 0: no value was recorded
            AND NOT (rises AND kind = 'sum' AND isNaN(value)) -- a counter that says nothing has not begun again
            AND ({service:String} = '' OR ServiceName = {service:String}) -- when: service
            AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
            AND ({cluster:String} = '' OR ResourceAttributes['k8s.cluster.name'] = {cluster:String}) -- when: cluster
            -- Not by the column CompositionId, which tables of an exporter do not have.
            AND ${series_of_composition} -- when: composition
            AND ({attribute:String} = '' OR mapContains(Attributes, {attribute:String})) -- when: attribute
            AND ({attribute_value:String} = '' OR Attributes[{attribute:String}] = {attribute_value:String}) -- when: attribute_value
    ),
    (
        SELECT groupArray(series)
        FROM (
            SELECT series
            FROM wanted
            WHERE time >= {since:DateTime64(9, 'UTC')}
            GROUP BY series, ServiceName, Attributes
            ORDER BY count() DESC, ServiceName, toString(Attributes)
        )
    ) AS ranked,
    followed AS (
        SELECT
            *,
            lagInFrame(time) OVER stream AS time_before,
            lagInFrame((started, value, count, bounds)) OVER stream AS before,
            lagInFrame(scale) OVER stream AS scale_before,
            lagInFrame(buckets) OVER stream AS buckets_before
        FROM wanted
        WHERE series IN (SELECT arrayJoin(arraySlice(ranked, 1, {series:UInt32})))
        -- Times are stored in seconds. A counter only rises until it begins again, so that is the order within one.
        WINDOW stream AS (
            PARTITION BY series, source, temporality, rises
            ORDER BY time, started, count, value
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    ),
    -- whole: the point says what happened by itself. grown: it does together with the point before it. Neither: a
    -- counter that was running already when reading began, whose growth nobody knows.
    changes AS (
        SELECT
            *,
            toUnixTimestamp(time_before) = 0 AS is_first,
            temporality = 1
                OR (is_first AND started > read_from AND started < time)
                OR (
                    NOT is_first
                    AND (
                        if(kind = 'sum', value < before.2, count < before.3)
                        OR bounds != before.4
                        OR (started != before.1 AND started >= time_before)
                    )
                ) AS whole,
            NOT whole AND NOT is_first AS grown,
            multiIf(NOT rises, NULL, whole, value, grown, value - before.2, NULL) AS value_growth,
            multiIf(kind IN ('gauge', 'sum'), NULL, whole, toInt64(count), grown, toInt64(count - before.3), NULL) AS count_growth,
            if(grown, least(scale, scale_before), scale) AS common_scale,
            arrayConcat(
                if(whole OR grown, arrayMap(b -> (b.1, toInt32(floor(b.2 / exp2(scale - common_scale))), b.3), buckets), []),
                if(grown, arrayMap(b -> (b.1, toInt32(floor(b.2 / exp2(scale_before - common_scale))), -b.3), buckets_before), [])
            ) AS bucket_growth,
            toUInt32(intDiv(toUnixTimestamp(time), step) * step) AS slot
        FROM followed
        WHERE time >= {since:DateTime64(9, 'UTC')}
    ),
    -- Buckets of different scales overlap; at the coarsest scale of a step they are the same ones and add up.
    coarsened AS (
        SELECT
            series,
            slot,
            bounds,
            common_scale,
            bucket_growth,
            min(common_scale) OVER (PARTITION BY series, slot) AS coarsest
        FROM changes
        WHERE notEmpty(bucket_growth)
    ),
    grown_buckets AS (
        SELECT
            series,
            slot,
            b.1 AS side,
            if(side = 2, b.2, toInt32(floor(b.2 / exp2(common_scale - coarsest)))) AS i,
            exp2(-coarsest) AS width,
            multiIf(
                side = 2, if(i = 1, least(0, bounds[1]), bounds[toInt32(i - 1)]),
                side = 1, exp2(i * width),
                side = -1, -exp2((i + 1) * width),
                0
            ) AS low,
            multiIf(
                side = 2, bounds[toInt32(least(i, length(bounds)))],
                side = 1, exp2((i + 1) * width),
                side = -1, -exp2(i * width),
                0
            ) AS high,
            sum(b.3) AS n
        FROM coarsened
        ARRAY JOIN bucket_growth AS b
        GROUP BY series, slot, side, i, coarsest, bounds
        HAVING n > 0
    ),
    shapes AS (
        SELECT
            series,
            slot,
            arraySort(groupArray((high, low, n))) AS cells,
            arrayCumSum(cells.3) AS running,
            arrayMap(
                q -> (
                    arrayFirstIndex(r -> r >= q * running[-1], running) AS at,
                    cells[at].2 + (cells[at].1 - cells[at].2) * (q * running[-1] - running[at] + cells[at].3) / cells[at].3
                ).2,
                [0.5, 0.95, 0.99]
            ) AS quantiles
        FROM grown_buckets
        GROUP BY series, slot
    ),
    if(any(changes.kind) = 'summary', avgForEach(changes.quantiles), any(shapes.quantiles)) AS estimates
SELECT
    any(changes.kind) AS kind,
    any(ServiceName) AS service,
    any(Attributes) AS attributes,
    concat(replaceOne(toString(toDateTime64(slot, 9, 'UTC'), 'UTC'), ' ', 'T'), 'Z') AS time,
    count() AS points,
    -- The first and the last step may lie partly outside of the window.
    if(kind IN ('gauge', 'sum'), sum(value_growth), sum(count_growth))
        / (least(toFloat64(slot + step), until_second) - greatest(toFloat64(slot), since_second)) AS rate,
    if(kind IN ('gauge', 'sum'), avgOrNullIf(value, NOT rises AND NOT isNaN(value)), sum(value_growth) / nullIf(sum(count_growth), 0)) AS avg,
    minOrNullIf(value, NOT rises AND NOT isNaN(value)) AS min,
    maxOrNullIf(value, NOT rises AND NOT isNaN(value)) AS max,
    argMaxOrNullIf(value, (changes.time, NOT isNaN(value), value), NOT rises) AS last,
    if(empty(estimates) OR isNaN(estimates[1]), NULL, estimates[1]) AS p50,
    if(empty(estimates) OR isNaN(estimates[2]), NULL, estimates[2]) AS p95,
    if(empty(estimates) OR isNaN(estimates[3]), NULL, estimates[3]) AS p99,
    any(MetricUnit) AS unit,
    step AS step_seconds,
    -- Told apart from the parameter `series` by its ending: from the two the desk knows how many were left out.
    length(ranked) AS series_total
FROM changes
LEFT JOIN shapes USING (series, slot)
GROUP BY series, slot
ORDER BY indexOf(ranked, series), slot
LIMIT {limit:UInt32}
