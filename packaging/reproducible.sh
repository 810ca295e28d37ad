#!/usr/bin/env bash
# Makes a release twice, in two directories, with other habits of the shell and other caches of Go, and compares.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir" && rm -rf "$dir"' EXIT

made() { # made NAME [VARIABLE=VALUE...]: the sums of a release, from a checkout of its own
  local name=$1
  shift
  git clone -q --no-local . "$dir/$name/a checkout"
  (cd "$dir/$name/a checkout" && env "$@" DIST="$dir/$name/dist" packaging/dist.sh "${target[@]}" >/dev/null)
  (cd "$dir/$name/dist" && find . -maxdepth 1 -type f -print0 | sort -z | xargs -0 sha256sum)
}

target=("${@:-all}")
made one >"$dir/one.sums"
umask 077
made another TZ=Asia/Kathmandu LC_ALL=C.UTF-8 HOME="$dir" GOCACHE="$dir/cache" GOMODCACHE="$(go env GOMODCACHE)" >"$dir/another.sums"
diff "$dir/one.sums" "$dir/another.sums"
printf 'the same %d files, twice:\n' "$(wc -l <"$dir/one.sums")"
cat "$dir/one.sums"
