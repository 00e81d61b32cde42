ALTER TABLE ${database}.otel_traces_trace_id_ts${on_cluster}
    MODIFY SETTING non_replicated_deduplication_window = ${deduplication_window},
        replicated_deduplication_window = ${deduplication_window},
        replicated_deduplication_window_seconds = ${deduplication_seconds}
