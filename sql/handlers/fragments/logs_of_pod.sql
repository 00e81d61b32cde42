-- A name, or the beginning of names before an asterisk. The short column is read; the map only tells its index where to look.
if(
    {pod:String} LIKE '%*',
    startsWith(`__otel_materialized_k8s.pod.name`, left({pod:String}, -1)),
    `__otel_materialized_k8s.pod.name` = {pod:String} AND indexHint(ResourceAttributes['k8s.pod.name'] = {pod:String})
)
