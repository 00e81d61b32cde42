-- The short column is read; the map, which is long to read, only tells its index where to look.
(
    `__otel_materialized_k8s.namespace.name` = {namespace:String}
    AND indexHint(ResourceAttributes['k8s.namespace.name'] = {namespace:String})
)
