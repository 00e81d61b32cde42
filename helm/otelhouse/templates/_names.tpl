{{/* Names and labels. Names leave room for the longest suffix and for what controllers append. */}}

{{- define "otelhouse.chartName" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "otelhouse.fullname" -}}
{{- $name := include "otelhouse.chartName" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* (dict "root" . "component" "ingest") */}}
{{- define "otelhouse.component" -}}
{{- printf "%s-%s" (include "otelhouse.fullname" .root) .component -}}
{{- end -}}

{{- define "otelhouse.releaseLabels" -}}
app.kubernetes.io/name: {{ include "otelhouse.chartName" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "otelhouse.selectorLabels" -}}
{{ include "otelhouse.releaseLabels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "otelhouse.labels" -}}
{{ include "otelhouse.selectorLabels" . }}
app.kubernetes.io/part-of: otelhouse
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* (dict "image" .Values.image "default" .Chart.AppVersion) */}}
{{- define "otelhouse.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .default .image.tag) -}}
{{- end -}}
{{- end -}}
