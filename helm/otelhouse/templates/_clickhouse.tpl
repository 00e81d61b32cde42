{{/* Configuration of the single node, whole: nothing of the image's own is read. */}}

{{- define "otelhouse.clickhouseConfig" -}}
<clickhouse>
    <logger><level>information</level><console>1</console></logger>
    <listen_host>{{ .Values.listenHost }}</listen_host>
    <tcp_port>9000</tcp_port>
    <http_port>8123</http_port>
    <path>/var/lib/clickhouse/</path>
    <tmp_path>/var/lib/clickhouse/tmp/</tmp_path>
    <user_files_path>/var/lib/clickhouse/user_files/</user_files_path>
    <format_schema_path>/var/lib/clickhouse/format_schemas/</format_schema_path>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <max_server_memory_usage_to_ram_ratio>0.85</max_server_memory_usage_to_ram_ratio>
    <mark_cache_size>268435456</mark_cache_size>
    <user_directories>
        <users_xml><path>/etc/otelhouse/clickhouse/users.xml</path></users_xml>
        <local_directory><path>/var/lib/clickhouse/access/</path></local_directory>
    </user_directories>
    {{- range $log := list "query_log" "part_log" "metric_log" "error_log" }}
    <{{ $log }}>
        <database>system</database>
        <table>{{ $log }}</table>
        <partition_by>event_date</partition_by>
        <ttl>event_date + INTERVAL {{ $.Values.clickhouse.single.systemLogDays }} DAY DELETE</ttl>
        <flush_interval_milliseconds>7500</flush_interval_milliseconds>
        {{- if eq $log "metric_log" }}
        <collect_interval_milliseconds>10000</collect_interval_milliseconds>
        {{- end }}
    </{{ $log }}>
    {{- end }}
</clickhouse>
{{- end -}}

{{- define "otelhouse.clickhouseUsers" -}}
<clickhouse>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
    <users>
        <{{ .Values.clickhouse.username }}>
            <password from_env="OTELHOUSE_PASSWORD"/>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <default_database>{{ .Values.clickhouse.database }}</default_database>
            <grants>
                <query>GRANT ALL ON {{ .Values.clickhouse.database }}.*</query>
                <query>GRANT TABLE ENGINE ON *</query>
                <query>GRANT SELECT ON system.*</query>
                <query>GRANT KILL QUERY ON *.*</query>
            </grants>
        </{{ .Values.clickhouse.username }}>
        {{- if .Values.clickhouse.handlers.enabled }}
        <otelhouse_reader>
            <password from_env="OTELHOUSE_READER_PASSWORD"/>
            <networks><ip>::/0</ip></networks>
            <profile>otelhouse_reader</profile>
            <quota>default</quota>
            <default_database>{{ .Values.clickhouse.database }}</default_database>
            <grants>
                {{- range $table := splitList "\n" (trim (.Files.Get "files/handlers-tables.txt")) }}
                <query>GRANT SELECT ON {{ $.Values.clickhouse.database }}.{{ $table }}</query>
                {{- end }}
            </grants>
        </otelhouse_reader>
        {{- end }}
    </users>
</clickhouse>
{{- end -}}

{{/* The user by whom SQL of agents runs, as `otelhouse mcp-user` writes it, with the bounds of settings.mcp.sql. */}}
{{- define "otelhouse.clickhouseAgent" -}}
{{- $sql := dig "mcp" "sql" dict .Values.settings -}}
{{- $grants := list -}}
{{- range $table := splitList "\n" (trim (.Files.Get "files/agent-tables.txt")) -}}
{{- $grants = append $grants (printf "                <query>GRANT SELECT ON %s.%s</query>" $.Values.clickhouse.database $table) -}}
{{- end -}}
{{- .Files.Get "files/agent-user.xml"
  | replace "<password_sha256_hex>${password_hash}</password_sha256_hex>" "<password from_env=\"OTELHOUSE_AGENT_PASSWORD\"/>"
  | replace "${username}" .Values.mcp.sql.username
  | replace "${profile}" (printf "%s_profile" .Values.mcp.sql.username)
  | replace "${seconds}" (dig "seconds" 20 $sql | toString | float64 | ceil | int64 | toString)
  | replace "${memory_bytes}" (dig "memory_bytes" 536870912 $sql | int64 | toString)
  | replace "${bytes_read}" (dig "bytes_read" 10737418240 $sql | int64 | toString)
  | replace "${rows}" (dig "rows" 1000 $sql | int64 | max 50000 | add 1 | toString)
  | replace "${result_bytes}" (dig "result_bytes" 16777216 $sql | int64 | toString)
  | replace "${at_once}" (dig "at_once" 4 $sql | int64 | mul 2 | toString)
  | replace "${grants}" (join "\n" $grants) -}}
{{- end -}}
