{{/* otelhouse's settings file: what the chart knows by itself, over what the values say. */}}

{{/* Keys that the chart sets, and the value of the chart to set instead. */}}
{{- define "otelhouse.ownedSettings" -}}
store.url: clickhouse.url
store.path: clickhouse.url (a pod has no engine of its own)
store.database: clickhouse.database
store.username: clickhouse.username
store.password: clickhouse.passwordSecret
ingest.grpc.host: listenHost
ingest.grpc.port: ingest.service (pods listen on 4317)
ingest.http.host: listenHost
ingest.http.port: ingest.service (pods listen on 4318)
ingest.spool.path: ingest.spool
query.host: listenHost
query.port: serve.service (pods listen on 8080)
query.username: clickhouse.questions.username
query.password: clickhouse.questions.passwordSecret
mcp.host: listenHost
mcp.port: mcp.service (pods listen on 8000)
mcp.sql.username: mcp.sql.username
mcp.sql.password: mcp.sql.passwordSecret
canary.enabled: canary.enabled
canary.ingest_token: canary.tokenSecret
canary.read_token: canary.tokenSecret
canary.dead_man_url: canary.deadManSecret
identity.tokens_file: auth.tokensSecret
identity.let_anyone_in: auth.letAnyoneIn
identity.tls.certificate: tls.secretName
identity.tls.key: tls.secretName
identity.tls.client_ca: tls.clientCaSecret
{{- end -}}

{{- define "otelhouse.checkSettings" -}}
{{- $settings := .Values.settings -}}
{{- range $key, $instead := include "otelhouse.ownedSettings" . | fromYaml -}}
{{- $at := $settings -}}
{{- $there := true -}}
{{- range $part := splitList "." $key -}}
{{- if and $there (kindIs "map" $at) (hasKey $at $part) -}}
{{- $at = index $at $part -}}
{{- else -}}
{{- $there = false -}}
{{- end -}}
{{- end -}}
{{- if $there -}}
{{- fail (printf "settings.%s is the chart's: set %s instead" $key $instead) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "otelhouse.checkAuth" -}}
{{- $jwt := dig "identity" "jwt" "jwks_url" (dig "identity" "jwt" "jwks_file" "" .Values.settings) .Values.settings -}}
{{- $readers := or .Values.auth.tokensSecret.name $jwt -}}
{{- $senders := or .Values.auth.tokensSecret.name .Values.tls.clientCaSecret.name -}}
{{- if not (or .Values.auth.letAnyoneIn (and $readers $senders)) -}}
{{- fail "nobody would be asked who they are: set auth.tokensSecret.name, or auth.letAnyoneIn: true where the network keeps strangers out" -}}
{{- end -}}
{{- if and .Values.tls.clientCaSecret.name (not .Values.tls.secretName) -}}
{{- fail "tls.clientCaSecret needs tls.secretName: who has no certificate cannot ask for one" -}}
{{- end -}}
{{- if and .Values.mcp.sql.username (not .Values.mcp.sql.passwordSecret.name) -}}
{{- fail "mcp.sql.username needs mcp.sql.passwordSecret.name: a user without a password lets anybody in" -}}
{{- end -}}
{{- if and .Values.clickhouse.migrator.username (not .Values.clickhouse.migrator.passwordSecret.name) -}}
{{- fail "clickhouse.migrator.username needs clickhouse.migrator.passwordSecret.name" -}}
{{- end -}}
{{- with .Values.clickhouse.questions -}}
{{- if and .username (not .passwordSecret.name) -}}
{{- fail "clickhouse.questions.username needs clickhouse.questions.passwordSecret.name" -}}
{{- end -}}
{{- if and .username (not $.Values.clickhouse.url) -}}
{{- fail "clickhouse.questions.username is for a ClickHouse of yours (clickhouse.url): the single node has no such user" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" where the canary runs: it is wanted, the way is there, and it has tokens where tokens are asked for. */}}
{{- define "otelhouse.canaryRuns" -}}
{{- if and .Values.canary.enabled .Values.ingest.enabled .Values.serve.enabled (or .Values.canary.tokenSecret.name (not .Values.auth.tokensSecret.name)) -}}true{{- end -}}
{{- end -}}

{{/* Who asks questions of ClickHouse, for the environment of the roles that do: a list in JSON. */}}
{{- define "otelhouse.questionUser" -}}
{{- $environ := list -}}
{{- with .Values.clickhouse.questions -}}
{{- if .username -}}
{{- $password := dict "secretKeyRef" (dict "name" .passwordSecret.name "key" .passwordSecret.key) -}}
{{- $environ = list (dict "name" "OTELHOUSE_QUERY_USERNAME" "value" .username) (dict "name" "OTELHOUSE_QUERY_PASSWORD" "valueFrom" $password) -}}
{{- end -}}
{{- end -}}
{{- $environ | toJson -}}
{{- end -}}

{{/* What everybody knows of the canary: whether beats are to come, and for which cluster where no setting says it. */}}
{{- define "otelhouse.canarySettings" -}}
{{- $runs := eq (include "otelhouse.canaryRuns" .) "true" -}}
{{- $own := dict "enabled" $runs -}}
{{- $settings := .Values.settings -}}
{{- $named := or (dig "canary" "clusters" list $settings) (dig "enrich" "cluster" "name" "" $settings) (dig "enrich" "clusters" list $settings) -}}
{{- if and $runs .Values.collectors.clusterName (not $named) -}}
{{- $_ := set $own "clusters" (list .Values.collectors.clusterName) -}}
{{- end -}}
{{- $own | toJson -}}
{{- end -}}

{{/* Seconds that the beats of one job take. */}}
{{- define "otelhouse.canarySeconds" -}}
{{- mulf (float64 .Values.canary.beats) (dig "canary" "period_s" 60 .Values.settings | float64) | ceil | int -}}
{{- end -}}

{{- define "otelhouse.checkCanary" -}}
{{- $needed := include "otelhouse.canarySeconds" . | int -}}
{{- if lt (int .Values.canary.deadlineSeconds) $needed -}}
{{- fail (printf "canary.deadlineSeconds: %d would end each job before its last beat, since canary.beats: %d take %d s: set it to %d or more, or canary.beats to fewer" (int .Values.canary.deadlineSeconds) (int .Values.canary.beats) $needed (add $needed 120)) -}}
{{- end -}}
{{- end -}}

{{- define "otelhouse.clickhouseUrl" -}}
{{- if .Values.clickhouse.url -}}
{{- .Values.clickhouse.url -}}
{{- else -}}
{{- printf "clickhouse://%s.%s.svc:9000/?http_port=8123" (include "otelhouse.component" (dict "root" . "component" "clickhouse")) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* ClickHouse's two ports, native first, as the store reads them out of the URL: `{"native": 9000, "http": 8123}`. */}}
{{- define "otelhouse.clickhousePorts" -}}
{{- $url := include "otelhouse.clickhouseUrl" . | urlParse -}}
{{- $tls := or (has $url.scheme (list "clickhouses" "https")) (regexMatch "(^|&)secure=(1|true|yes)(&|$)" $url.query) -}}
{{- $native := ternary "9440" "9000" $tls -}}
{{- $http := ternary "8443" "8123" $tls -}}
{{- $own := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- if $own -}}
{{- if hasPrefix "http" $url.scheme -}}{{- $http = $own -}}{{- else -}}{{- $native = $own -}}{{- end -}}
{{- end -}}
{{- with regexFind "http_port=[0-9]+" $url.query -}}{{- if not (and $own (hasPrefix "http" $url.scheme)) -}}{{- $http = trimPrefix "http_port=" . -}}{{- end -}}{{- end -}}
{{- with regexFind "native_port=[0-9]+" $url.query -}}{{- if not (and $own (hasPrefix "clickhouse" $url.scheme)) -}}{{- $native = trimPrefix "native_port=" . -}}{{- end -}}{{- end -}}
{{- dict "native" (atoi $native) "http" (atoi $http) | toJson -}}
{{- end -}}

{{/* "true" where a door speaks TLS: dict root, door (grpc, http, rest, mcp). */}}
{{- define "otelhouse.speaksTls" -}}
{{- if and .root.Values.tls.secretName (has .door (dig "identity" "tls" "doors" (list .door) .root.Values.settings)) -}}true{{- end -}}
{{- end -}}

{{- define "otelhouse.settings" -}}
{{- include "otelhouse.checkSettings" . -}}
{{- include "otelhouse.checkAuth" . -}}
{{- $own := dict
  "store" (dict "url" (include "otelhouse.clickhouseUrl" .) "database" .Values.clickhouse.database "username" .Values.clickhouse.username)
  "ingest" (dict
    "grpc" (dict "host" .Values.listenHost "port" 4317)
    "http" (dict "host" .Values.listenHost "port" 4318)
    "spool" (dict "path" "/var/lib/otelhouse/spool"))
  "query" (dict "host" .Values.listenHost "port" 8080)
  "mcp" (dict "host" .Values.listenHost "port" 8000)
  "identity" (dict "let_anyone_in" .Values.auth.letAnyoneIn)
  "canary" (include "otelhouse.canarySettings" . | fromJson)
-}}
{{- if .Values.auth.tokensSecret.name -}}
{{- $_ := set $own.identity "tokens_file" "/etc/otelhouse/tokens/tokens.yaml" -}}
{{- end -}}
{{- if .Values.tls.secretName -}}
{{- $tls := dict "certificate" "/etc/otelhouse/tls/tls.crt" "key" "/etc/otelhouse/tls/tls.key" -}}
{{- if .Values.tls.clientCaSecret.name -}}
{{- $_ := set $tls "client_ca" "/etc/otelhouse/client-ca/ca.crt" -}}
{{- $_ := set $tls "client_certificates_at" (list "grpc" "http") -}}
{{- end -}}
{{- $_ := set $own.identity "tls" $tls -}}
{{- end -}}
{{- $plain := dict "log" (dict "format" "json") -}}
{{- mustMergeOverwrite $plain (deepCopy .Values.settings) $own | toPrettyJson -}}
{{- end -}}
