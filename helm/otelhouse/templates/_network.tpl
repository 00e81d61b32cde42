{{/* Rules of NetworkPolicies. */}}

{{/* Ports over TCP: a list of numbers. */}}
{{- define "otelhouse.tcp" -}}
{{- range . }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end -}}

{{- define "otelhouse.toDns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dnsTo | nindent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{- define "otelhouse.toClickhouse" -}}
{{- $ports := include "otelhouse.clickhousePorts" . | fromJson -}}
- to:
    {{- if .Values.clickhouse.url }}
    {{- toYaml .Values.networkPolicy.clickhouseTo | nindent 4 }}
    {{- else }}
    - podSelector:
        matchLabels:
          {{- include "otelhouse.selectorLabels" (dict "root" . "component" "clickhouse") | nindent 10 }}
    {{- end }}
  ports:
    {{- include "otelhouse.tcp" (list $ports.native $ports.http) | nindent 4 }}
{{- end -}}

{{- define "otelhouse.toApiServer" -}}
- to:
    {{- toYaml .Values.networkPolicy.apiServerTo | nindent 4 }}
  ports:
    {{- include "otelhouse.tcp" .Values.networkPolicy.apiServerPorts | nindent 4 }}
{{- end -}}

{{- define "otelhouse.toJwks" -}}
{{- with dig "identity" "jwt" "jwks_url" "" .Values.settings }}
{{- $url := urlParse . }}
- to:
    {{- toYaml $.Values.networkPolicy.jwksTo | nindent 4 }}
  ports:
    {{- include "otelhouse.tcp" (list (regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")))) | nindent 4 }}
{{- end }}
{{- end -}}

{{/* To pods of the release: dict root, component, ports. */}}
{{- define "otelhouse.toComponent" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "otelhouse.selectorLabels" . | nindent 10 }}
  ports:
    {{- include "otelhouse.tcp" .ports | nindent 4 }}
{{- end -}}

{{/* From peers: dict peers, ports. Nothing without a peer: Kubernetes takes an empty list for everybody. */}}
{{- define "otelhouse.fromPeers" -}}
{{- if .peers }}
- from:
    {{- toYaml .peers | nindent 4 }}
  ports:
    {{- include "otelhouse.tcp" .ports | nindent 4 }}
{{- end }}
{{- end -}}

{{/*
At a door where questions and /metrics share a port: dict root, peers (who may ask), ports. Of networkPolicy.metricsFrom
those count who are named: a peer that is every pod would undo what `peers` narrow. The release's own canary asks too.
*/}}
{{- define "otelhouse.fromAskers" -}}
{{- $peers := .peers -}}
{{- range $peer := .root.Values.networkPolicy.metricsFrom -}}
{{- if or (not (hasKey $peer "namespaceSelector")) $peer.namespaceSelector $peer.podSelector -}}
{{- $peers = append $peers $peer -}}
{{- end -}}
{{- end -}}
{{- $canary := include "otelhouse.selectorLabels" (dict "root" .root "component" "canary") | fromYaml -}}
{{- $peers = append $peers (dict "podSelector" (dict "matchLabels" $canary)) -}}
{{- include "otelhouse.fromPeers" (dict "peers" ($peers | uniq) "ports" .ports) -}}
{{- end -}}

{{/* Head of a policy: dict root, component. */}}
{{- define "otelhouse.policyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "otelhouse.component" . }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "otelhouse.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "otelhouse.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}
