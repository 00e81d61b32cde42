#!/usr/bin/env bash
# Sets otelhouse up in a Kubernetes cluster, phase by phase. It may be run again at any time: what is there stays, what is
# missing is made, and a phase that cannot go on says why and what to do about it.
#
#   ./install.sh --image registry.example.com/otelhouse:0.1.0
#
# Needs kubectl and Helm, and for the first run the command `otelhouse` or an image that the cluster can fetch.
set -euo pipefail

CHART="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/helm/otelhouse"
OLDEST_KUBERNETES=30 # 1.30
NAMESPACE=otelhouse
RELEASE=otelhouse
IMAGE=""
CLICKHOUSE_URL=""
CLUSTER_NAME=""
CANARY=""
COLLECTORS=""
AGENTS=""
TIMEOUT=600
WAIT=yes
HELM_ARGUMENTS=()
PHASE=""

usage() {
  cat <<'END'
usage: ./install.sh [options]

  --image IMAGE:TAG        image of otelhouse, from a registry that the cluster can reach
  --namespace NAME         where (otelhouse); made if it is missing
  --release NAME           name of the Helm release (otelhouse)
  --values FILE            values for the chart; may be repeated
  --set KEY=VALUE          one value for the chart; may be repeated
  --clickhouse-url URL     a ClickHouse of yours, instead of a single node of the release
  --cluster-name NAME      what this cluster is called in telemetry
  --collectors             OpenTelemetry Collectors too: one on each node, one for the cluster
  --agents                 agents for kagent too
  --timeout SECONDS        how long to wait for the tables, and for each role (600)
  --no-wait                do not wait for anything to run
  --help

Phases: prerequisites, namespace, secrets, chart, tables, roles, doors.
END
}

say() { printf '%s\n' "$*" >&2; }

phase() {
  PHASE="$1"
  say "== $1"
}

# Stop: what is wrong, and how to mend it.
stop() {
  say ""
  say "install.sh stopped in phase '$PHASE': $1"
  say "To mend it: $2"
  say "Then run install.sh again; it goes on where it stopped."
  exit 1
}

misuse() {
  say "install.sh: $1"
  usage >&2
  exit 2
}

read_options() {
  while (($#)); do
    case "$1" in
      --image | --namespace | --release | --values | --set | --clickhouse-url | --cluster-name | --timeout)
        (($# > 1)) || misuse "$1 needs a value"
        ;;
    esac
    case "$1" in
      --image) IMAGE="$2" && shift ;;
      --namespace) NAMESPACE="$2" && shift ;;
      --release) RELEASE="$2" && shift ;;
      --values) HELM_ARGUMENTS+=(--values "$2") && shift ;;
      --set) HELM_ARGUMENTS+=(--set "$2") && shift ;;
      --clickhouse-url) CLICKHOUSE_URL="$2" && shift ;;
      --cluster-name) CLUSTER_NAME="$2" && shift ;;
      --timeout) TIMEOUT="$2" && shift ;;
      --collectors) COLLECTORS=yes ;;
      --agents) AGENTS=yes ;;
      --no-wait) WAIT="" ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) misuse "there is no option $1" ;;
    esac
    shift
  done
  [[ "$TIMEOUT" =~ ^[1-9][0-9]*$ ]] || misuse "--timeout must be a number of seconds, not '$TIMEOUT'"
  [[ -z "$IMAGE" || "$IMAGE" =~ :[A-Za-z0-9._-]+$ ]] || misuse "--image needs a tag: $IMAGE:0.1.0"
  [[ "$IMAGE" != *:latest ]] || misuse "--image :latest is refused, since nobody knows what runs then; name a version"
}

k() { kubectl --namespace "$NAMESPACE" "$@"; }

full_name() { if [[ "$RELEASE" == *otelhouse* ]]; then printf %s "$RELEASE"; else printf '%s-otelhouse' "$RELEASE"; fi; }

has() { kubectl --namespace "$1" get "$2" "$3" >/dev/null 2>&1; }

# --- phases

check_prerequisites() {
  phase prerequisites
  command -v kubectl >/dev/null || stop "there is no kubectl" "install kubectl, and give it a kubeconfig for the cluster"
  command -v helm >/dev/null || stop "there is no helm" "install Helm 3.14 or newer"
  local helm_version
  helm_version="$(helm version --template '{{.Version}}' 2>/dev/null || true)"
  if ! [[ "$helm_version" =~ ^v([0-9]+)\.([0-9]+) ]] ||
    ((BASH_REMATCH[1] < 3 || (BASH_REMATCH[1] == 3 && BASH_REMATCH[2] < 14))); then
    stop "helm ${helm_version:-without a version} is too old" "install Helm 3.14 or newer"
  fi
  local version
  version="$(kubectl get --raw /version 2>&1)" ||
    stop "the cluster does not answer: ${version##*$'\n'}" "check 'kubectl config current-context' and your access"
  local minor
  minor="$(sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p' <<<"$version")"
  [[ -n "$minor" ]] || stop "the cluster does not say its version" "check that the kubeconfig means a Kubernetes API server"
  ((minor >= OLDEST_KUBERNETES)) ||
    stop "the cluster runs Kubernetes 1.$minor" "upgrade it to 1.$OLDEST_KUBERNETES or newer"
  local what
  for what in namespaces clusterroles.rbac.authorization.k8s.io; do
    kubectl auth can-i create "$what" --all-namespaces >/dev/null 2>&1 ||
      stop "you may not create $what" "run this as a cluster administrator"
  done
  if [[ -n "$AGENTS" ]]; then
    kubectl get crd agents.kagent.dev >/dev/null 2>&1 ||
      stop "kagent is not installed (no CRD agents.kagent.dev)" "install kagent 0.8.4 or newer, or leave out --agents"
  fi
}

make_namespace() {
  phase namespace
  if ! kubectl get namespace "$NAMESPACE" >/dev/null 2>&1; then
    kubectl create namespace "$NAMESPACE" >/dev/null
    kubectl label namespace "$NAMESPACE" pod-security.kubernetes.io/enforce=restricted >/dev/null
  fi
  [[ -n "$COLLECTORS" ]] || return 0
  # The collector on each node reads the node's files, which no other profile allows.
  if ! kubectl get namespace "$NAMESPACE-nodes" >/dev/null 2>&1; then
    kubectl create namespace "$NAMESPACE-nodes" >/dev/null
    kubectl label namespace "$NAMESPACE-nodes" pod-security.kubernetes.io/enforce=privileged >/dev/null
  fi
}

# What makes the tokens, here or in a pod: prints a line for each, and the file of their hashes in base64.
# shellcheck disable=SC2016  # it is for another shell
MINT='set -eu; cd "$(mktemp -d)"; umask 077
collector=$(otelhouse token create collector --kind ingest --file tokens.yaml --note "OpenTelemetry Collectors" $BOUND)
agents=$(otelhouse token create agents --kind read --role viewer --file tokens.yaml --note "agents, over MCP")
admin=$(otelhouse token create admin --kind read --role admin --file tokens.yaml --note "whoever set the house up")
canary_ingest=$(otelhouse token create canary-ingest --kind ingest --file tokens.yaml --note "canary, for each of its clusters")
canary_read=$(otelhouse token create canary-read --kind read --role viewer --file tokens.yaml --note "canary, at every window")
printf "minted collector %s\nminted agents %s\nminted admin %s\n" "$collector" "$agents" "$admin"
printf "minted canary-ingest %s\nminted canary-read %s\n" "$canary_ingest" "$canary_read"
printf "minted file %s\n" "$(base64 <tokens.yaml | tr -d "\n")"'

mint() {
  local bound=""
  [[ -z "$CLUSTER_NAME" ]] || bound="--cluster-name $CLUSTER_NAME"
  if command -v otelhouse >/dev/null; then
    BOUND="$bound" sh -c "$MINT" 2>/dev/null
    return
  fi
  [[ -n "$IMAGE" ]] || return 1
  local security='{"allowPrivilegeEscalation":false,"runAsNonRoot":true,"runAsUser":10001,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"}}'
  local overrides
  overrides="$(printf '{"spec":{"automountServiceAccountToken":false,"containers":[{"name":"otelhouse-mint","image":"%s","command":["sh","-c",%s],"env":[{"name":"BOUND","value":"%s"}],"securityContext":%s}]}}' \
    "$IMAGE" "$(json_text "$MINT")" "$bound" "$security")"
  k run otelhouse-mint --image "$IMAGE" --restart=Never --rm --attach --quiet --pod-running-timeout=5m --overrides "$overrides" 2>/dev/null
}

json_text() {
  local text="${1//\\/\\\\}"
  text="${text//\"/\\\"}"
  printf '"%s"' "${text//$'\n'/\\n}"
}

minted() { sed -n "s/^minted $1 //p" <<<"$2"; }

# NAMESPACE NAME KEY, the content on standard input: never in a process's arguments.
make_secret() {
  kubectl --namespace "$1" delete secret "$2" --ignore-not-found >/dev/null
  kubectl --namespace "$1" create secret generic "$2" --from-file="$3=/dev/stdin" >/dev/null
}

make_canary_secret() {
  k delete secret otelhouse-canary --ignore-not-found >/dev/null
  k create secret generic otelhouse-canary \
    --from-file=ingest=<(minted canary-ingest "$1" | tr -d '\n') \
    --from-file=read=<(minted canary-read "$1" | tr -d '\n') >/dev/null
}

# What is there stays, so the tokens file too: to add tokens to it is for whoever has it.
warn_without_canary() {
  say "WARNING: there is no Secret otelhouse-canary, and the tokens were made before: no canary proves that telemetry gets"
  say "through. To add it, in bash, with the command otelhouse, in an empty folder:"
  say "  umask 077 &&"
  say "  kubectl -n $NAMESPACE get secret otelhouse-tokens -o 'go-template={{index .data \"tokens.yaml\" | base64decode}}' >tokens.yaml &&"
  say "  beats=\$(otelhouse token create canary-ingest --kind ingest --file tokens.yaml) &&"
  say "  looks=\$(otelhouse token create canary-read --kind read --role viewer --file tokens.yaml) &&"
  say "  kubectl -n $NAMESPACE create secret generic otelhouse-tokens --from-file=tokens.yaml --dry-run=client -o yaml | kubectl -n $NAMESPACE replace -f - &&"
  say "  kubectl -n $NAMESPACE create secret generic otelhouse-canary --from-file=ingest=<(printf %s \"\$beats\") --from-file=read=<(printf %s \"\$looks\") &&"
  say "  rm tokens.yaml"
  say "Then run install.sh again."
}

random_password() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 40 || true; }

make_secrets() {
  phase secrets
  if ! has "$NAMESPACE" secret otelhouse-clickhouse; then
    [[ -z "$CLICKHOUSE_URL" ]] ||
      stop "there is no password for the ClickHouse of yours" \
        "kubectl -n $NAMESPACE create secret generic otelhouse-clickhouse --from-literal=password=..."
    local folder
    folder="$(mktemp -d)"
    random_password >"$folder/password"
    random_password >"$folder/reader-password"
    k create secret generic otelhouse-clickhouse --from-file="$folder" >/dev/null
    rm -rf "$folder"
    say "made Secret otelhouse-clickhouse"
  fi
  if ! has "$NAMESPACE" secret otelhouse-tokens; then
    local tokens
    tokens="$(mint || true)"
    [[ -n "$(minted file "$tokens")" ]] ||
      stop "no tokens could be made: there is no command otelhouse, and no pod could run it" \
        "install otelhouse here (pip install .), or check that the cluster can fetch the image of --image (${IMAGE:-none given})"
    minted admin "$tokens" | tr -d '\n' | make_secret "$NAMESPACE" otelhouse-admin token
    minted collector "$tokens" | tr -d '\n' | make_secret "$NAMESPACE" otelhouse-collector token
    printf 'Bearer %s' "$(minted agents "$tokens")" | make_secret "$NAMESPACE" otelhouse-agents authorization
    make_canary_secret "$tokens"
    # Last, since it is what tells the next run that all of them are there.
    minted file "$tokens" | base64 -d | make_secret "$NAMESPACE" otelhouse-tokens tokens.yaml
    say "made Secrets otelhouse-tokens, -admin, -collector, -agents and -canary"
  fi
  if has "$NAMESPACE" secret otelhouse-canary; then CANARY=yes; else warn_without_canary; fi
  local needed
  for needed in ${COLLECTORS:+otelhouse-collector} ${AGENTS:+otelhouse-agents}; do
    has "$NAMESPACE" secret "$needed" ||
      stop "there is no Secret $needed, and the tokens were made by somebody else" \
        "make a token with 'otelhouse token create', and the Secret with it: docs/install.md tells its keys"
  done
  if [[ -n "$COLLECTORS" ]] && ! has "$NAMESPACE-nodes" secret otelhouse-collector; then
    k get secret otelhouse-collector -o 'go-template={{.data.token | base64decode}}' |
      make_secret "$NAMESPACE-nodes" otelhouse-collector token
  fi
}

install_chart() {
  phase chart
  local values=()
  [[ -z "$IMAGE" ]] || values+=(--set-string "image.repository=${IMAGE%:*}" --set-string "image.tag=${IMAGE##*:}")
  [[ -z "$CLICKHOUSE_URL" ]] || values+=(--set-string "clickhouse.url=$CLICKHOUSE_URL")
  [[ -z "$CLUSTER_NAME" ]] || values+=(--set-string "collectors.clusterName=$CLUSTER_NAME")
  [[ -z "$COLLECTORS" ]] ||
    values+=(--set "collectors.node.enabled=true,collectors.cluster.enabled=true,collectors.nodeNamespace=$NAMESPACE-nodes")
  [[ -z "$AGENTS" ]] || values+=(--set "kagent.enabled=true")
  [[ -z "$CANARY" ]] || values+=(--set-string "canary.tokenSecret.name=otelhouse-canary")
  # --reset-values: what this run names counts, and not what some run before it named.
  local told
  told="$(helm upgrade --install "$RELEASE" "$CHART" --namespace "$NAMESPACE" --reset-values \
    ${values[@]+"${values[@]}"} ${HELM_ARGUMENTS[@]+"${HELM_ARGUMENTS[@]}"} 2>&1)" || {
    say "$told"
    stop "helm refused" "change the values that it names (helm/otelhouse/README.md); for 'another operation is in progress': helm -n $NAMESPACE rollback $RELEASE"
  }
}

# Why pods do not run, from what Kubernetes says of them.
mend_for() {
  local state
  state="$(k get pods -l "app.kubernetes.io/instance=$RELEASE" -o 'jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.status.containerStatuses[*].state.waiting.reason}{"\n"}{end}' 2>/dev/null || true)"
  say "$state"
  case "$state" in
    *ImagePull* | *InvalidImageName*) say_mend "push the image where the nodes can fetch it, and name it with --image; for a private registry --set imagePullSecrets[0].name=..." ;;
    *CreateContainerConfigError*) say_mend "make the Secret or the key that 'kubectl -n $NAMESPACE describe pods' names" ;;
    *CrashLoopBackOff*) say_mend "read 'kubectl -n $NAMESPACE logs -l app.kubernetes.io/instance=$RELEASE --prefix --tail=20': it names the mend" ;;
    *Pending*) say_mend "see 'kubectl -n $NAMESPACE describe pods': room on nodes, or a volume (is there a default StorageClass?)" ;;
    *) say_mend "see 'kubectl -n $NAMESPACE describe pods', and give it longer with --timeout" ;;
  esac
}

say_mend() { printf %s "$1"; }

wait_for_tables() {
  phase tables
  local job="-l app.kubernetes.io/instance=$RELEASE,app.kubernetes.io/component=migrate"
  # shellcheck disable=SC2086  # two words on purpose
  [[ -n "$(k get jobs $job -o name)" ]] || return 0
  # shellcheck disable=SC2086
  k wait --for=condition=complete jobs $job --timeout="${TIMEOUT}s" >/dev/null 2>&1 || {
    # shellcheck disable=SC2086
    k logs $job --tail=5 >&2 2>/dev/null || true
    stop "the tables were not made within $TIMEOUT s" "$(mend_for)"
  }
}

wait_for_roles() {
  phase roles
  local role
  for role in $(k get statefulsets,deployments,daemonsets -l "app.kubernetes.io/instance=$RELEASE" -o name); do
    k rollout status "$role" --timeout="${TIMEOUT}s" >/dev/null 2>&1 ||
      stop "$role is not ready after $TIMEOUT s" "$(mend_for)"
  done
}

# Whether each door's Service leads to a pod that its kubelet found ready. Nobody is asked over the network: the API server
# is no pod, and the network policies need not let it in.
check_doors() {
  phase doors
  local door service
  for door in ingest serve mcp; do
    service="$(full_name)-$door"
    if wanted "$service" && ! leads_somewhere "$service"; then
      stop "the Service $service leads to no pod that is ready" \
        "see 'kubectl -n $NAMESPACE get endpointslices -l kubernetes.io/service-name=$service -o yaml' and 'kubectl -n $NAMESPACE describe pods'"
    fi
  done
}

# Whether there are to be pods behind the Service: the role's own, of the same name.
wanted() {
  [[ "$(k get statefulsets,deployments --field-selector "metadata.name=$1" -o 'jsonpath={.items[*].spec.replicas}')" == *[1-9]* ]]
}

leads_somewhere() {
  # What is ready is told to the Service a moment later.
  local deadline=$((SECONDS + (TIMEOUT < 30 ? TIMEOUT : 30)))
  until [[ "$(k get endpointslices -l "kubernetes.io/service-name=$1" -o 'jsonpath={.items[*].endpoints[*].conditions.ready}')" == *true* ]]; do
    ((SECONDS < deadline)) || return 1
    sleep 1
  done
}

# Where the canary runs, what it is; $1 begins the names of the release's objects.
tell_of_canary() {
  has "$NAMESPACE" cronjob "$1-canary" || return 0
  say "The canary sends each signal through the front doors once a minute, for the first time within ten minutes, and looks"
  say "for it at every window; its tokens are in Secret otelhouse-canary. How it stands:"
  say "  curl -H \"Authorization: Bearer \$OTELHOUSE_TOKEN\" http://127.0.0.1:8080/api/v1/canary"
}

main() {
  read_options "$@"
  check_prerequisites
  make_namespace
  make_secrets
  install_chart
  if [[ -n "$WAIT" ]]; then
    wait_for_tables
    wait_for_roles
    check_doors
  fi
  local name
  name="$(full_name)"
  say ""
  say "otelhouse is set up in namespace $NAMESPACE. Ask it:"
  say "  kubectl -n $NAMESPACE port-forward service/$name-serve 8080 &"
  say "  export OTELHOUSE_TOKEN=\$(kubectl -n $NAMESPACE get secret otelhouse-admin -o 'go-template={{.data.token | base64decode}}')"
  say "  otelhouse query freshness"
  tell_of_canary "$name"
}

main "$@"
