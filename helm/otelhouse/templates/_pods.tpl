{{/* Pods of otelhouse's roles. All pass the restricted profile: https://kubernetes.io/docs/concepts/security/pod-security-standards/ */}}

{{- define "otelhouse.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* (dict "id" 10001) */}}
{{- define "otelhouse.podSecurity" -}}
fsGroup: {{ .id }}
fsGroupChangePolicy: OnRootMismatch
runAsGroup: {{ .id }}
runAsNonRoot: true
runAsUser: {{ .id }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* `pods` of the chart with the role's over them: (dict "root" . "pods" .Values.ingest.pods), as JSON. */}}
{{- define "otelhouse.pods" -}}
{{- mustMergeOverwrite (deepCopy .root.Values.pods) (deepCopy (default dict .pods)) | toJson -}}
{{- end -}}

{{/* Annotations and labels of a pod: dict root, component, pods, checksum (what a new pod is due to, or empty). */}}
{{- define "otelhouse.podMetadata" -}}
{{- $pods := include "otelhouse.pods" . | fromJson -}}
labels:
  {{- include "otelhouse.labels" . | nindent 2 }}
  {{- with $pods.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .checksum $pods.annotations }}
annotations:
  {{- with .checksum }}
  checksum/config: {{ sha256sum . }}
  {{- end }}
  {{- with $pods.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where a pod runs: dict root, component, pods. */}}
{{- define "otelhouse.scheduling" -}}
{{- $pods := include "otelhouse.pods" . | fromJson -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and $pods.topologySpread .spread }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "otelhouse.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
A pod template: dict
  root, component, pods, resources
  args             of the command `otelhouse`
  ports            name -> number
  health           the port with /livez and /readyz, for what listens: probes, time to leave the Service's endpoints
  spread           whether there are several
  apiAccess        whether it has a token for the API server
  spool            the name of the volume with the spool, or empty
  restartPolicy    or empty
  username, passwordSecret   by whom it speaks with ClickHouse
  environ          more variables, a list
  client           whether it speaks to the doors as a client, and so trusts their CA
  clientSecret     with the certificate that it shows there, or empty
*/}}
{{- define "otelhouse.podTemplate" -}}
{{- $root := .root -}}
{{- $pods := include "otelhouse.pods" . | fromJson -}}
{{- $process := dig "process" dict $root.Values.settings -}}
{{- $shutdown := dig "shutdown_s" 45 $process | ceil | int -}}
{{- $wait := dig "store_wait_s" 300 $process | ceil | int -}}
metadata:
  {{- include "otelhouse.podMetadata" (dict "root" $root "component" .component "pods" .pods "checksum" (include "otelhouse.settings" $root)) | nindent 2 }}
spec:
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  serviceAccountName: {{ include "otelhouse.component" . }}
  automountServiceAccountToken: {{ default false .apiAccess }}
  enableServiceLinks: false
  {{- if .health }}
  # 5 s to leave the endpoints, the shutdown, and some to spare.
  terminationGracePeriodSeconds: {{ add 5 $shutdown 10 }}
  {{- end }}
  securityContext:
    {{- include "otelhouse.podSecurity" (dict "id" 10001) | nindent 4 }}
  {{- include "otelhouse.scheduling" . | nindent 2 }}
  containers:
    - name: otelhouse
      image: {{ include "otelhouse.image" (dict "image" $root.Values.image "default" $root.Chart.AppVersion) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      env:
        - name: OTELHOUSE_CONFIG
          value: /etc/otelhouse/config/otelhouse.yaml
        {{- with .username }}
        - name: OTELHOUSE_STORE_USERNAME
          value: {{ . }}
        {{- end }}
        {{- with .passwordSecret }}
        - name: OTELHOUSE_STORE_PASSWORD
          valueFrom:
            secretKeyRef: {name: {{ .name }}, key: {{ .key }}}
        {{- end }}
        {{- with .environ }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with $pods.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .ports }}
      ports:
        {{- range $name, $number := . }}
        - {name: {{ $name }}, containerPort: {{ $number }}, protocol: TCP}
        {{- end }}
      {{- end }}
      securityContext:
        {{- include "otelhouse.containerSecurity" $root | nindent 8 }}
      {{- if .health }}
      {{- $door := ternary "mcp" "rest" (eq .health "mcp") }}
      {{- $scheme := ternary "HTTPS" "HTTP" (eq (include "otelhouse.speaksTls" (dict "root" $root "door" $door)) "true") }}
      # Nothing listens until ClickHouse answers, for up to process.store_wait_s; then the process ends by itself.
      startupProbe:
        httpGet: {path: /livez, port: {{ .health }}, scheme: {{ $scheme }}}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: {{ add (div $wait 5) 24 }}
      # The process answers. What it waits for, such as ClickHouse, is no reason to end it.
      livenessProbe:
        httpGet: {path: /livez, port: {{ .health }}, scheme: {{ $scheme }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      # It can do its work now.
      readinessProbe:
        httpGet: {path: /readyz, port: {{ .health }}, scheme: {{ $scheme }}}
        periodSeconds: 10
        timeoutSeconds: 8
        failureThreshold: 2
      lifecycle:
        preStop:
          sleep: {seconds: 5}
      {{- end }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/otelhouse/config, readOnly: true}
        - {name: scratch, mountPath: /tmp}
        {{- if and .health $root.Values.auth.tokensSecret.name }}
        - {name: tokens, mountPath: /etc/otelhouse/tokens, readOnly: true}
        {{- end }}
        {{- if and (or .health .client) $root.Values.tls.secretName }}
        - {name: tls, mountPath: /etc/otelhouse/tls, readOnly: true}
        {{- end }}
        {{- if .clientSecret }}
        - {name: client, mountPath: /etc/otelhouse/client, readOnly: true}
        {{- end }}
        {{- if and .health $root.Values.tls.clientCaSecret.name }}
        - {name: client-ca, mountPath: /etc/otelhouse/client-ca, readOnly: true}
        {{- end }}
        {{- with .spool }}
        - {name: {{ . }}, mountPath: /var/lib/otelhouse}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ include "otelhouse.fullname" $root }}}
    - name: scratch
      emptyDir: {sizeLimit: 256Mi}
    {{- if .health }}
    {{- with $root.Values.auth.tokensSecret }}
    {{- if .name }}
    # A folder, never a subPath: a changed Secret comes through without a restart.
    - name: tokens
      secret:
        secretName: {{ .name }}
        defaultMode: 0440
        items: [{key: {{ .key }}, path: tokens.yaml}]
    {{- end }}
    {{- end }}
    {{- with $root.Values.tls.secretName }}
    - name: tls
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- with $root.Values.tls.clientCaSecret }}
    {{- if .name }}
    - name: client-ca
      secret:
        secretName: {{ .name }}
        defaultMode: 0440
        items: [{key: {{ .key }}, path: ca.crt}]
    {{- end }}
    {{- end }}
    {{- end }}
    {{- if and .client $root.Values.tls.secretName }}
    # The CA alone: a client has no business with the key.
    - name: tls
      secret:
        secretName: {{ $root.Values.tls.secretName }}
        defaultMode: 0440
        items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
    {{- with .clientSecret }}
    - name: client
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- if and .spool (not $root.Values.ingest.spool.persistent) }}
    - name: {{ .spool }}
      emptyDir: {sizeLimit: {{ $root.Values.ingest.spool.size }}}
    {{- end }}
{{- end -}}

{{/* What every role brings beside its pods: dict root, component, values (replicas, autoscaling, podDisruptionBudget), kind. */}}
{{- define "otelhouse.companions" -}}
{{- $name := include "otelhouse.component" . -}}
{{- with .values.podDisruptionBudget }}
{{- if .enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels:
    {{- include "otelhouse.labels" $ | nindent 4 }}
spec:
  # Never minAvailable, which blocks every drain of the last pod; and pods that are broken anyway do not block one either.
  maxUnavailable: {{ .maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "otelhouse.selectorLabels" $ | nindent 6 }}
{{- end }}
{{- end }}
{{- with .values.autoscaling }}
{{- if .enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  labels:
    {{- include "otelhouse.labels" $ | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: {{ $.kind }}, name: {{ $name }}}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ .targetCPUUtilizationPercentage }}}
  behavior:
    scaleDown:
      # One pod every five minutes: each takes its senders and streams with it.
      stabilizationWindowSeconds: 600
      policies: [{type: Pods, value: 1, periodSeconds: 300}]
{{- end }}
{{- end }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  labels:
    {{- include "otelhouse.labels" $ | nindent 4 }}
automountServiceAccountToken: false
{{- end -}}

{{/* A Service: dict root, component, service, ports (a list of name, port, appProtocol). */}}
{{- define "otelhouse.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "otelhouse.component" . }}
  labels:
    {{- include "otelhouse.labels" . | nindent 4 }}
    otelhouse/metrics: "true"
  {{- with .service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .service.type }}
  {{- if and (eq .service.type "LoadBalancer") .service.loadBalancerSourceRanges }}
  loadBalancerSourceRanges:
    {{- toYaml .service.loadBalancerSourceRanges | nindent 4 }}
  {{- end }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .port }}
      targetPort: {{ .name }}
      protocol: TCP
      {{- with .appProtocol }}
      appProtocol: {{ . }}
      {{- end }}
    {{- end }}
  selector:
    {{- include "otelhouse.selectorLabels" . | nindent 4 }}
{{- end -}}
