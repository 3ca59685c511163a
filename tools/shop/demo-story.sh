# shellcheck shell=bash disable=SC2154
# The questions of tools/demo, in the order in which an engineer would ask them.
# Sourced by tools/demo after tools/shop/demo-lib.sh.

# One answer as JSON through a jq program; ends the demo where there is none.
pick() {
  local program=$1 value
  shift
  value=$(ask_json "$@" | jq -er "$program") || fail "no answer to: backsight $*"
  printf '%s' "$value"
}

tell_story() {
  if [[ $mode == live ]]; then
    say "1. The alert. All that the shop itself can say is that it happened, some time in a second:"
    sed -n 's/^audit/    &/p' "$work/shop.log" | tail -n 1
    note "    (its executable is deleted now: what follows comes from the recording alone)"
  else
    say "1. An alert: the shop has sold pieces that it does not have."
  fi
  ask moments
  ask services

  say "2. What was the shop doing half a second before the alert?"
  ask state --service shop --at "$alert-500ms"
  note "Orders as usual: the damage is older. When did the shop's own audit find something?"
  ask history 'shop::Stock::audit:ret' --service shop --from "$alert-15s" --to "$alert"
  note "And the last change before the alert:"
  ask last 'shop::Stock::audit:ret' --service shop --before "$alert"

  local audit take sku
  audit=$(pick '[.changes[] | select(.new > 0)] | last | .event' \
    history 'shop::Stock::audit:ret' --service shop --from "$alert-15s" --to "$alert")
  say "3. The audit runs once a second. Which call, in the second before it, took more than there was?"
  ask calls shop::Stock::take --service shop --where 'ret < 0' --from "event:$audit-1100ms" --to "event:$audit"
  take=$(pick '.calls | last | .event' \
    calls shop::Stock::take --service shop --where 'ret < 0' --from "event:$audit-1100ms" --to "event:$audit")
  sku=$(pick '.calls | last | .args.shelf.sku' \
    calls shop::Stock::take --service shop --where 'ret < 0' --from "event:$audit-1100ms" --to "event:$audit")

  say "4. What was going on at that very moment? Every call that was open, with its arguments:"
  ask state --service shop --at "event:$take+1us"
  say "5. What had they been told about \"$sku\", and what did they take?"
  ask calls shop::Stock::available --service shop --where "shelf.sku == \"$sku\"" \
    --from "event:$take-50ms" --to "event:$take+1us"
  ask calls shop::Stock::take --service shop --where "shelf.sku == \"$sku\"" \
    --from "event:$take-50ms" --to "event:$take+1us"
  explain_cause "$sku" "$take"
}

# The calls on one shelf around the fatal one, in one list, with the order that each served.
shelf_calls() {
  local sku=$1 take=$2
  {
    ask_json calls shop::Checkout::reserve --service shop --from "event:$take-60ms" --to "event:$take+1us"
    ask_json calls shop::Stock::available --service shop --where "shelf.sku == \"$sku\"" \
      --from "event:$take-60ms" --to "event:$take+1us"
    ask_json calls shop::Stock::take --service shop --where "shelf.sku == \"$sku\"" \
      --from "event:$take-60ms" --to "event:$take+1us"
  } | jq -es --arg take "$take" '
    [.[].calls[]] as $all
    | [$all[] | select(.function == "shop::Checkout::reserve")] as $orders
    | [$all[] | select(.function != "shop::Checkout::reserve")
        | . as $call
        | .order = ([$orders[] | select(.thread.tid == $call.thread.tid and .entry <= $call.entry
            and (.exit == null or .exit >= $call.entry))] | first | .args.order.id)]
    | sort_by(.entry) as $calls
    | ($calls | map(.event == $take) | index(true)) as $fatal
    | $calls[$fatal].thread.tid as $tid
    | [$calls[:$fatal][] | select(.function | endswith("available"))] as $checks
    # what an order was told last before it took something
    | def told($taken): [$checks[] | select(.thread.tid == $taken.thread.tid and .entry < $taken.entry)] | last;
    told($calls[$fatal]) as $answer
    | [$calls[:$fatal][] | select(.thread.tid != $tid and .entry > $answer.entry
        and (.function | endswith("take")))] as $between
    | if $answer == null or ($between | length) == 0 then empty
      else ([$between[], $calls[$fatal]] | map(., told(.) | values) | unique_by(.event) | sort_by(.entry))
      end'
}

explain_cause() {
  local sku=$1 take=$2 calls
  calls=$(shelf_calls "$sku" "$take") || fail "the calls around $take do not explain it"
  say "6. The same, in order of time:"
  jq -r '.[] | [(.entry[11:26]), (.thread.name // "?"), "order " + (.order // "?" | tostring),
      (.function | sub("^shop::"; "")) + (if .args.quantity then "(" + (.args.quantity | tostring) + ")" else "()" end),
      "-> " + (.return | tostring), (if .return < 0 then "<- a piece that never existed" else "" end)] | @tsv' \
    <<<"$calls" | awk -F'\t' '{ printf "    %s  %-9s %-11s %-20s %-6s %s\n", $1, $2, $3, $4, $5, $6 }'
  say "Cause found: Checkout::reserve checks first and takes later; in between, another order takes."
  note "Stock::available and Stock::take each hold the lock, but nobody holds it from one to the other:"
  note "the price is asked in between, which takes milliseconds. They have to be one step, under one lock."
  note ""
  note "The alert came $(alert_delay "$take") after the fact. The state from before it was already kept."
}

alert_delay() {
  local noticed fatal
  noticed=$(pick '[.moments[] | select(.name == "alert" or .kind == "alert")] | last | .at' moments)
  fatal=$(pick '.calls | last | .entry' calls shop::Stock::take --service shop --where 'ret < 0' \
    --from "event:$1-1us" --to "event:$1+1us")
  awk -v a="$(date -d "$noticed" +%s.%N)" -v b="$(date -d "$fatal" +%s.%N)" 'BEGIN { printf "%.1f s", a - b }'
}
