#!/usr/bin/env bash
# tools.sh: how many lines a second zancudo pub -l and sub move, beside mosquitto_pub and mosquitto_sub.
#
#	bench/tools.sh PORT [LINES] [ROUNDS]
#
# PORT is that of a broker on this machine which queues without a limit (max_queued_messages 0). Rounds alternate, and
# medians are compared; a ratio above 1 says that ours is faster.
set -euo pipefail
port=$1 lines=${2:-100000} rounds=${3:-5}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd "$(dirname "$0")/.." && go build -o "$dir/zancudo" ./cmd/zancudo)
seq "$lines" > "$dir/lines"

rate() { awk -v n="$lines" -v a="$1" -v b="$2" 'BEGIN { printf "%.0f\n", n / (b - a) }'; }

publish() { # publish QOS PROGRAM...
  local qos=$1 from
  shift
  from=$(date +%s.%N)
  "$@" -p "$port" -t bench/tools -l -q "$qos" < "$dir/lines"
  rate "$from" "$(date +%s.%N)"
}

subscribe() { # subscribe QOS PROGRAM...: takes what a session has waiting
  local qos=$1 from session=(-p "$port" -t bench/tools -q "$1" -c -i bench-tools)
  shift
  "$dir/zancudo" sub "${session[@]}" -E
  "$dir/zancudo" pub -p "$port" -t bench/tools -l -q "$qos" < "$dir/lines"
  from=$(date +%s.%N)
  "$@" "${session[@]}" -C "$lines" -W 60 > /dev/null
  rate "$from" "$(date +%s.%N)"
}

compare() { # compare TITLE FUNCTION QOS OURS THEIRS
  local i
  : > "$dir/ours"
  : > "$dir/theirs"
  for ((i = 0; i < rounds; i++)); do
    "$2" "$3" "$dir/zancudo" "$4" >> "$dir/ours"
    "$2" "$3" "$5" >> "$dir/theirs"
  done
  paste <(sort -n "$dir/ours") <(sort -n "$dir/theirs") | awk -v row=$(((rounds + 1) / 2)) -v title="$1, QoS $3" '
    NR == row { printf "%-16s zancudo %9d/s   mosquitto %9d/s   ratio %.2f\n", title, $1, $2, $1 / $2 }'
}

for qos in 0 1 2; do compare "pub -l" publish "$qos" pub mosquitto_pub; done
for qos in 1 2; do compare "sub" subscribe "$qos" sub mosquitto_sub; done
