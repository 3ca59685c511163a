# shellcheck shell=bash disable=SC2154
# Parts of tools/demo: starting things, and leaving nothing behind. Sourced; uses
# $root, $build, $tape, $mode, $alerting, $record.

work=$(mktemp -d "${TMPDIR:-/tmp}/backsight-demo-XXXXXX")
readonly store=$work/store
export BACKSIGHT_STORE=$store
declare -a pids=()
alert=alert:latest  # the moment that the questions are about

clean_up() {
  local pid
  trap - EXIT INT TERM HUP
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s\n' "$*"; }
fail() {
  printf '\ntools/demo: %s\n' "$*" >&2
  exit 1
}

# start NAME COMMAND…: in the background, output to $work/NAME.log; its pid in $started.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 &
  started=$!
  pids+=("$started")
}

# A port that nobody listens on, outside the range of outgoing connections.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (: </dev/tcp/127.0.0.1/$port) 2>/dev/null || { echo "$port"; return; }
  done
}

# await SECONDS COMMAND…: until it succeeds, looking ten times a second.
await() {
  local tries=$(($1 * 10))
  shift
  while ((tries-- > 0)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  return 1
}

start_shop() {
  mkdir -p "$work/bin"
  cp "$build/bin/shop" "$work/bin/shop"
  start shop "$work/bin/shop"
  shop_pid=$started
  await 5 grep -q metrics "$work/shop.log" || fail "the shop did not start: $(cat "$work/shop.log")"
  order_port=$(sed -n 's/^orders on 127.0.0.1:\([0-9]*\).*/\1/p' "$work/shop.log")
  metrics_port=$(sed -n 's/.*metrics on 127.0.0.1:\([0-9]*\).*/\1/p' "$work/shop.log")
  say "A shop is open: pid $shop_pid, orders on port $order_port, optimised (-O2), unchanged, already running."
}

start_load() {
  start load "$build/bin/shop-load" "$order_port" 90
  note "Customers come: about 90 orders per second over five connections."
}

write_configuration() {
  cat >"$work/backsight.yaml" <<YAML
store: { path: $store }
listen: 127.0.0.1:$collector_port
services:
  - name: shop
    match: { exe: "$work/bin/shop" }
    probes:
      - function: "shop::Checkout::reserve"
        capture: [order, ret]
      - function: "shop::Stock::available"
        capture: [shelf, ret]
      - function: "shop::Stock::take"
        capture: [shelf, quantity, ret]
      - function: "shop::Stock::audit"
        capture: [ret]
YAML
}

# Fails where BPF is not permitted; any other trouble ends the demo.
start_collector() {
  collector_port=$(free_port)
  write_configuration
  start backsightd "$build/bin/backsightd" --config "$work/backsight.yaml" ${record:+--record-tape "$record"}
  collector_pid=$started
  local tries=100
  until curl -fs "http://127.0.0.1:$collector_port/readyz" >/dev/null 2>&1; do
    if ! kill -0 "$collector_pid" 2>/dev/null || ((tries-- == 0)); then
      if grep -qiE 'permi|CAP_|privilege|not supported|BPF' "$work/backsightd.log"; then return 1; fi
      fail "backsightd did not start: $(tail -3 "$work/backsightd.log")"
    fi
    sleep 0.1
  done
  say "Backsight is watching it, from outside, with this configuration:"
  sed -n '/^services/,$s/^/    /p' "$work/backsight.yaml"
}

start_alerting() {
  if [[ $alerting == auto ]] && command -v prometheus >/dev/null && command -v prometheus-alertmanager >/dev/null; then
    start_prometheus
    say "The shop's alerting: Prometheus and Alertmanager, with Backsight as one more receiver."
  else
    watch_counter &
    pids+=($!)
    say "No Prometheus here: a loop watches the error counter and posts what Alertmanager would."
  fi
}

start_prometheus() {
  local alertmanager_port prometheus_port
  alertmanager_port=$(free_port)
  prometheus_port=$(free_port)
  cat >"$work/alertmanager.yml" <<YAML
route: { receiver: backsight, group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers:
  - name: backsight
    webhook_configs: [ { url: "http://127.0.0.1:$collector_port/api/v1/alerts" } ]
YAML
  cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ $work/rules.yml ]
scrape_configs:
  - job_name: shop
    static_configs: [ { targets: [ "127.0.0.1:$metrics_port" ] } ]
alerting:
  alertmanagers: [ { static_configs: [ { targets: [ "127.0.0.1:$alertmanager_port" ] } ] } ]
YAML
  cat >"$work/rules.yml" <<YAML
groups:
  - name: shop
    rules:
      - alert: ShopOversold
        expr: increase(shop_oversold_total[10s]) > 0
        annotations: { summary: "The shop sold pieces that it does not have" }
YAML
  start alertmanager prometheus-alertmanager --config.file="$work/alertmanager.yml" \
    --storage.path="$work/alertmanager" --cluster.listen-address= \
    --web.listen-address="127.0.0.1:$alertmanager_port"
  start prometheus prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/prometheus" \
    --web.listen-address="127.0.0.1:$prometheus_port" --log.level=warn
  await 10 curl -fs "http://127.0.0.1:$alertmanager_port/-/ready" || fail "Alertmanager did not start"
  await 10 curl -fs "http://127.0.0.1:$prometheus_port/-/ready" || fail "Prometheus did not start"
}

oversold() { curl -fs "http://127.0.0.1:$metrics_port/metrics" | sed -n 's/^shop_oversold_total //p'; }

watch_counter() {
  until (($(oversold) > 0)); do sleep 0.5; done
  post_alert "http://127.0.0.1:$collector_port" "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)"
}

# post_alert URL STARTS_AT: Alertmanager's webhook body, version 4.
post_alert() {
  local alert='{"status":"firing","labels":{"alertname":"ShopOversold","job":"shop"},
    "annotations":{"summary":"The shop sold pieces that it does not have"},"startsAt":"'$2'",
    "endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"5b0c5e11d3a0f1aa"}'
  curl -fsS -o "$work/webhook.log" -H 'Content-Type: application/json' "$1/api/v1/alerts" -d '{"version":"4",
    "groupKey":"{}:{}","truncatedAlerts":0,"status":"firing","receiver":"backsight","groupLabels":{},
    "commonLabels":{},"commonAnnotations":{},"externalURL":"","alerts":['"$alert"']}'
}

backsight() { "$build/bin/backsight" "$@"; }
ask_json() { backsight "$@" --format json; }

# ask COMMAND…: shows a command as a user would type it, and its answer.
ask() {
  local word shown='backsight'
  for word in "$@"; do
    if [[ $word == *[\ \'\"\<\>\&\|\*]* ]]; then shown+=" '$word'"; else shown+=" $word"; fi
  done
  printf '\n%s$ %s%s\n' "$bold" "$shown" "$plain"
  COLUMNS=100 backsight "$@" --format table || fail "that question failed"
}

# The recording stands in for the kernel. Its times are moved so that it ends now; the
# alert is where it was, as a mark, since no Alertmanager runs beside a recording.
replay_recording() {
  local newest before_end
  [[ -r $tape ]] || fail "there is no recording: $tape"
  say "What follows is a RECORDING of the live demo ($(basename "$tape")), loaded into a store of its own:"
  zstd -dqc "$tape" >"$work/demo.tape"
  "$build/bin/backsightd" --replay-tape "$work/demo.tape" --store "$store" 2>&1 |
    sed -E 's/^.*info: /    /; s/ into .*//' ||
    fail "the recording could not be loaded"
  newest=$(ask_json services | jq -er '.services[0].newest')
  before_end=$(<"${tape%.zst}.alert")
  backsight mark alert --at "$newest-$before_end" --text 'ShopOversold' --format json >/dev/null
  alert=mark:alert
}

# Writes beside a recorded tape how long before its end the alert was.
keep_alert_time() {
  local newest at
  kill "$collector_pid" && wait "$collector_pid" || true
  newest=$(ask_json services | jq -er '.services[0].newest')
  at=$(ask_json moments | jq -er '[.moments[] | select(.kind == "alert")] | last | .at')
  echo "$((($(date -d "$newest" +%s%N) - $(date -d "$at" +%s%N)) / 1000))us" >"$record.alert"
  zstd -qf -19 "$record" -o "$record.zst"
  note "The recording is in $record.zst ($(stat -c %s "$record.zst") bytes)."
}

has_alert() { ask_json moments | jq -e '[.moments[] | select(.kind == "alert")] | length > 0'; }

wait_for_alert() {
  note "Now we wait until two customers meet in the wrong moment …"
  await 60 has_alert || fail "no alert within a minute; the shop says: $(tail -2 "$work/shop.log")"
  sleep 0.5
  rm "$work/bin/shop"  # a recording stands alone: no binary, no debug information from here on
}
