#!/usr/bin/env bash
# Makes what a release consists of, in $DIST (dist/). The same commit gives the same bytes, whatever the directory, the user
# and the time zone: nothing below may depend on them.
#
#   packaging/dist.sh deb [ARCHITECTURE]   the Debian packages, for this machine or amd64, arm64, armv7, armv6, 386, riscv64
#   packaging/dist.sh all                  archives, packages, SBOMs and checksums, for all systems
set -euo pipefail
cd "$(dirname "$0")/.."

export LC_ALL=C TZ=UTC GOTOOLCHAIN=${GOTOOLCHAIN:-local}
umask 022

# Without a tag a version sorts before the first release, and later commits after earlier ones.
commit_time=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$commit_time}
untagged="0.1.0~$(date -u -d "@$commit_time" +%Y%m%d%H%M%S).$(git rev-parse --short=9 HEAD)"
VERSION=${VERSION:-$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null || echo "v$untagged")}
VERSION=${VERSION#v}
DIST=$(realpath -m "${DIST:-dist}")
export VERSION DIST STAGE=$DIST/stage

# name, GOOS, GOARCH, its variant, and what Debian and RPM call it
linux=('amd64 amd64 GOAMD64=v1' 'arm64 arm64 GOARM64=v8.0' 'armv7 arm GOARM=7' 'armv6 arm GOARM=6' '386 386 GO386=sse2' 'riscv64 riscv64 GORISCV64=rva20u64')
others=('darwin amd64 GOAMD64=v1' 'darwin arm64 GOARM64=v8.0' 'windows amd64 GOAMD64=v1')

tool() { go tool -modfile=tools/packages/go.mod "$@"; }

build() { # build OUTPUT [NAME=VALUE...]: the program, stripped and static
  local out=$1
  shift
  env CGO_ENABLED=0 GOFLAGS= "$@" go build -trimpath -buildvcs=false -o "$out" \
    -ldflags="-s -w -buildid= -X github.com/zancudomq/zancudo/internal/cli.release=$VERSION" ./cmd/zancudo
}

common() { # what the program prints of itself, and what packages say of it; the same for all
  local host=$STAGE/host/zancudo command shell
  rm -rf "$STAGE"
  mkdir -p "$STAGE"/{man/man1,man/man5,completion,doc,debian}
  build "$host"
  "$host" man >"$STAGE/man/man1/zancudo.1"
  "$host" help | awk '/^  [a-z]/ {print $1}' | while read -r command; do
    "$host" man "$command" >"$STAGE/man/man1/zancudo-$command.1"
  done
  cp docs/man/*.5 "$STAGE/man/man5/"
  find "$STAGE/man" -type f -exec gzip -9n {} +
  for shell in bash zsh fish; do "$host" completion $shell >"$STAGE/completion/zancudo.$shell"; done
  gzip -9nc CHANGELOG.md >"$STAGE/doc/changelog.gz"
  local package
  for package in zancudo zancudo-mosquitto; do
    cat <<END | gzip -9nc >"$STAGE/debian/$package.changelog.Debian.gz"
$package ($VERSION-1) unstable; urgency=medium

  * /usr/share/doc/zancudo/changelog.gz tells what has changed.

 -- The Zancudo Authors <zancudomq@users.noreply.github.com>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
  done
}

debian_name() { case $1 in armv7) echo armhf ;; armv6) echo armel ;; 386) echo i386 ;; *) echo "$1" ;; esac; }

compile() { # compile NAME GOARCH VARIANT: a binary for Linux
  build "$STAGE/linux-$1/zancudo" GOOS=linux GOARCH="$2" "$3"
}

package() { # package FORMAT NAME: both packages of a format
  local name
  export BINARY=$STAGE/linux-$2/zancudo
  for name in zancudo zancudo-mosquitto; do
    case $1 in
    deb) ARCH=$(debian_name "$2") tool nfpm package -f "packaging/nfpm/$name.yaml" -p deb -t "$DIST/" ;;
    esac
  done
}

find_linux() { # the row of a name
  local row
  for row in "${linux[@]}"; do [ "${row%% *}" = "$1" ] && echo "$row" && return; done
  echo "no packages are made for $1" >&2
  return 1
}

case ${1:-} in
deb)
  name=${2:-$(go env GOARCH)}
  [ "$name" != arm ] || name=armv7
  row=$(find_linux "$name")
  common
  # shellcheck disable=SC2086 # three words
  compile $row
  package deb "$name"
  ;;
*)
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 3
  ;;
esac
