{{/* OpenTelemetry Collectors: what both kinds have in common. */}}

{{/* Their names begin so that the one on each node knows its own logs and leaves them alone: dict root, part. */}}
{{- define "otelhouse.collectorName" -}}
{{- printf "otelhouse-collector-%s-%s" (include "otelhouse.fullname" .root | trunc 25 | trimSuffix "-") .part -}}
{{- end -}}

{{- define "otelhouse.collectorNamespace" -}}
{{- if eq .part "node" -}}{{- default .root.Release.Namespace .root.Values.collectors.nodeNamespace -}}{{- else -}}{{- .root.Release.Namespace -}}{{- end -}}
{{- end -}}

{{/* What is laid over the Collector's own configuration: health, and its own certificate. dict root, file. */}}
{{- define "otelhouse.collectorExtra" -}}
{{- $own := .root.Files.Get .file | fromYaml -}}
{{- $tls := dict -}}
{{- if .root.Values.collectors.clientSecretName -}}
{{- $_ := set $tls "cert_file" "/etc/otelhouse/client/tls.crt" -}}
{{- $_ := set $tls "key_file" "/etc/otelhouse/client/tls.key" -}}
{{- end -}}
{{- $extra := dict
  "extensions" (dict "health_check" (dict "endpoint" "${env:K8S_POD_IP}:13133"))
  "service" (dict "extensions" (append $own.service.extensions "health_check")) -}}
{{- if $tls -}}
{{- $_ := set $extra "exporters" (dict "otlp" (dict "tls" $tls)) -}}
{{- end -}}
{{- toYaml $extra -}}
{{- end -}}

{{- define "otelhouse.collectorConfig" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "otelhouse.collectorName" . }}
  namespace: {{ include "otelhouse.collectorNamespace" . }}
  labels:
    {{- include "otelhouse.labels" . | nindent 4 }}
data:
  collector.yaml: |
    {{- .root.Files.Get .file | nindent 4 }}
  extra.yaml: |
    {{- include "otelhouse.collectorExtra" . | nindent 4 }}
{{- end -}}

{{/* The pod template: dict root, component, part, file, values. */}}
{{- define "otelhouse.collectorPod" -}}
{{- $root := .root -}}
{{- $collectors := $root.Values.collectors -}}
{{- $node := eq .part "node" -}}
{{- $scheme := ternary "https" "http" (eq (include "otelhouse.speaksTls" (dict "root" $root "door" "grpc")) "true") -}}
metadata:
  {{- include "otelhouse.podMetadata" (dict "root" $root "component" .component "pods" .values.pods "checksum" (include "otelhouse.collectorConfig" .)) | nindent 2 }}
spec:
  serviceAccountName: {{ include "otelhouse.collectorName" . }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  terminationGracePeriodSeconds: 60
  securityContext:
    {{- if $node }}
    seccompProfile: {type: RuntimeDefault}
    {{- else }}
    {{- include "otelhouse.podSecurity" (dict "id" 10001) | nindent 4 }}
    {{- end }}
  {{- include "otelhouse.scheduling" (dict "root" $root "component" .component "pods" .values.pods) | nindent 2 }}
  containers:
    - name: collector
      image: {{ include "otelhouse.image" (dict "image" $collectors.image "default" "") }}
      imagePullPolicy: {{ $collectors.image.pullPolicy }}
      args: [--config=/etc/otelhouse/collector/collector.yaml, --config=/etc/otelhouse/collector/extra.yaml]
      env:
        - name: OTELHOUSE_ENDPOINT
          value: {{ $scheme }}://{{ include "otelhouse.component" (dict "root" $root "component" "ingest") }}.{{ $root.Release.Namespace }}.svc:4317
        - name: OTELHOUSE_TOKEN
          {{- if $collectors.tokenSecret.name }}
          valueFrom:
            secretKeyRef: {name: {{ $collectors.tokenSecret.name }}, key: {{ $collectors.tokenSecret.key }}}
          {{- else }}
          valueFrom:
            secretKeyRef: {name: none, key: none, optional: true}
          {{- end }}
        - name: OTELHOUSE_INSECURE
          value: {{ eq $scheme "http" | quote }}
        {{- if $collectors.caSecret.name }}
        - name: OTELHOUSE_CA_FILE
          value: /etc/otelhouse/ca/ca.crt
        {{- end }}
        - name: K8S_CLUSTER_NAME
          value: {{ $collectors.clusterName | quote }}
        - name: K8S_POD_IP
          valueFrom: {fieldRef: {fieldPath: status.podIP}}
        {{- if $node }}
        - name: K8S_NODE_NAME
          valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
        - name: K8S_NODE_IP
          valueFrom: {fieldRef: {fieldPath: status.hostIP}}
        - name: KUBELET_INSECURE
          value: {{ .values.kubeletInsecure | quote }}
        {{- end }}
        {{- with (include "otelhouse.pods" (dict "root" $root "pods" .values.pods) | fromJson).env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: health, containerPort: 13133, protocol: TCP}
      livenessProbe:
        httpGet: {path: /, port: health}
        initialDelaySeconds: 15
        periodSeconds: 15
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /, port: health}
      securityContext:
        {{- if $node }}
        # Logs of pods are root's. It may read every file, and change none of root's.
        allowPrivilegeEscalation: false
        capabilities: {drop: [ALL], add: [DAC_READ_SEARCH]}
        privileged: false
        readOnlyRootFilesystem: true
        runAsUser: 0
        seccompProfile: {type: RuntimeDefault}
        {{- else }}
        {{- include "otelhouse.containerSecurity" $root | nindent 8 }}
        {{- end }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/otelhouse/collector, readOnly: true}
        - {name: storage, mountPath: /var/lib/otelhouse-collector}
        {{- if $node }}
        - {name: logs, mountPath: /var/log/pods, readOnly: true}
        - {name: host, mountPath: /hostfs, readOnly: true, mountPropagation: HostToContainer}
        {{- end }}
        {{- if $collectors.caSecret.name }}
        - {name: ca, mountPath: /etc/otelhouse/ca, readOnly: true}
        {{- end }}
        {{- if $collectors.clientSecretName }}
        - {name: client, mountPath: /etc/otelhouse/client, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ include "otelhouse.collectorName" . }}}
    {{- if $node }}
    - name: storage
      hostPath: {path: /var/lib/otelhouse-collector, type: DirectoryOrCreate}
    - name: logs
      hostPath: {path: /var/log/pods}
    - name: host
      hostPath: {path: /}
    {{- else }}
    # What waits here goes with the pod; Kubernetes tells its events of the last hour again.
    - name: storage
      emptyDir: {sizeLimit: 1Gi}
    {{- end }}
    {{- with $collectors.caSecret }}
    {{- if .name }}
    - name: ca
      secret: {secretName: {{ .name }}, items: [{key: {{ .key }}, path: ca.crt}]}
    {{- end }}
    {{- end }}
    {{- with $collectors.clientSecretName }}
    - name: client
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
{{- end -}}

{{/* Account and rights: dict root, component, part, rules (YAML). */}}
{{- define "otelhouse.collectorRights" -}}
{{- $name := include "otelhouse.collectorName" . -}}
{{- $namespace := include "otelhouse.collectorNamespace" . -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "otelhouse.labels" . | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .root.Release.Namespace }}-{{ $name }}
  labels:
    {{- include "otelhouse.labels" . | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .root.Release.Namespace }}-{{ $name }}
  labels:
    {{- include "otelhouse.labels" . | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ .root.Release.Namespace }}-{{ $name }}}
subjects:
  - {kind: ServiceAccount, name: {{ $name }}, namespace: {{ $namespace }}}
{{- end -}}

{{/* Out to the receivers, DNS, and what `to` adds: dict root, component, part, to. */}}
{{- define "otelhouse.collectorPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "otelhouse.collectorName" . }}
  namespace: {{ include "otelhouse.collectorNamespace" . }}
  labels:
    {{- include "otelhouse.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "otelhouse.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "otelhouse.toDns" .root | nindent 4 }}
    - to:
        - namespaceSelector:
            matchLabels: {kubernetes.io/metadata.name: {{ .root.Release.Namespace }}}
          podSelector:
            matchLabels:
              {{- include "otelhouse.selectorLabels" (dict "root" .root "component" "ingest") | nindent 14 }}
      ports:
        {{- include "otelhouse.tcp" (list 4317) | nindent 8 }}
    {{- .to | trim | nindent 4 }}
{{- end -}}
