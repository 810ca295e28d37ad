#!/usr/bin/env bash
# Makes what a release consists of, in $DIST (dist/). The same commit gives the same bytes, whatever the directory, the user
# and the time zone: nothing below may depend on them.
#
#   packaging/dist.sh deb [ARCHITECTURE]   the Debian packages, for this machine or amd64, arm64, arm7, arm6, 386, riscv64
#   packaging/dist.sh all [SYSTEM...]      archives, packages, SBOMs and checksums, for all systems or such as linux_amd64
set -euo pipefail
cd "$(dirname "$0")/.."

export LC_ALL=C TZ=UTC GOTOOLCHAIN=${GOTOOLCHAIN:-local}
umask 022

# Who has no git says which version and time it is. Without a tag a version sorts before the first release, and those of
# later commits after those of earlier ones.
untagged() { echo "0.1.0~$(date -u -d "@$(git log -1 --format=%ct)" +%Y%m%d%H%M%S).$(git rev-parse --short=9 HEAD)"; }
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
VERSION=${VERSION:-$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null || untagged)}
VERSION=${VERSION#v}
DIST=$(realpath -m "${DIST:-dist}")
export SOURCE_DATE_EPOCH VERSION DIST STAGE=$DIST/stage

# GOOS, what packages and archives call the architecture, GOARCH, and the least that a processor must be able to do
systems=('linux amd64 amd64 GOAMD64=v1' 'linux arm64 arm64 GOARM64=v8.0' 'linux arm7 arm GOARM=7' 'linux arm6 arm GOARM=6'
  'linux 386 386 GO386=sse2' 'linux riscv64 riscv64 GORISCV64=rva20u64'
  'darwin amd64 amd64 GOAMD64=v1' 'darwin arm64 arm64 GOARM64=v8.0' 'windows amd64 amd64 GOAMD64=v1')

# A list of parts names the sum of the tool that made it, which must not depend on where the tool was built.
tool() { GOFLAGS=-trimpath go tool -modfile=tools/packages/go.mod "$@"; }

build() { # build OUTPUT [NAME=VALUE...]: the program, stripped and static
  local out=$1
  shift
  env CGO_ENABLED=0 GOFLAGS= "$@" go build -trimpath -buildvcs=false -o "$out" \
    -ldflags="-s -w -buildid= -X github.com/zancudomq/zancudo/internal/cli.release=$VERSION" ./cmd/zancudo
}

common() { # common [PROGRAM]: what a program that runs here prints of itself, and what packages say of it; the same for all
  local host=${1:-$STAGE/host/zancudo} command shell
  mkdir -p "$STAGE"/{man/man1,man/man5,completion,doc,debian}
  [ -x "$host" ] || build "$host"
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

compile() { # compile GOOS NAME GOARCH VARIANT: the program for a system, named in binary
  binary=$STAGE/$1-$2/zancudo
  [ "$1" != windows ] || binary=$binary.exe
  build "$binary" GOOS="$1" GOARCH="$3" "$4"
}

deb() { # deb NAME: the package for Debian
  export ARCH=$1 BINARY=$STAGE/linux-$1/zancudo
  local target=$DIST/
  # Debian's armhf is ARMv7; that of Raspberry Pi OS, on the first models and the Zero, is ARMv6.
  [ "$1" != arm6 ] || target=$DIST/zancudo_$VERSION-1_armhf-armv6.deb
  tool nfpm package -f packaging/nfpm/zancudo.yaml -p deb -t "$target"
}

rpm() { # rpm NAME: the package for Fedora and its kin
  export ARCH=$1 BINARY=$STAGE/linux-$1/zancudo
  tool nfpm package -f packaging/nfpm/zancudo.yaml -p rpm -t "$DIST/"
}

mosquitto() { # the package of links, the same for all architectures
  tool nfpm package -f packaging/nfpm/zancudo-mosquitto.yaml -p deb -t "$DIST/"
}

parts() { # parts BINARY NAME: the list of the modules in a program, Go's library included (SBOM)
  tool cyclonedx-gomod bin -json -std -noserial -notimestamp -version "v$VERSION" -output "$DIST/$2.cdx.json" "$1"
}

archive() { # archive BINARY NAME: the program and what belongs to it, to be unpacked anywhere
  local dir=$STAGE/archive/$2
  mkdir -p "$dir"
  cp "$1" LICENSE NOTICE README.md CHANGELOG.md "$dir/"
  cp -R "$STAGE/man" "$STAGE/completion" "$dir/"
  case $2 in
  *_linux_*) cp -R packaging/systemd packaging/zancudo.conf "$dir/" ;;
  *_windows_*) rm -r "$dir/man" "$dir/completion" ;;
  esac
  chmod -R u=rwX,go=rX "$dir"
  find "$dir" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  case $2 in
  *_windows_*) (cd "$STAGE/archive" && rm -f "$DIST/$2.zip" && find "$2" -type f | sort | zip -9 -q -X -D "$DIST/$2.zip" -@) ;;
  *) tar -C "$STAGE/archive" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=ustar -c "$2" |
    gzip -9n >"$DIST/$2.tar.gz" ;;
  esac
}

row_of() { # row_of SYSTEM
  local row os name
  for row in "${systems[@]}"; do
    read -r os name _ <<<"$row"
    [ "$1" != "${os}_$name" ] || { echo "$row" && return; }
  done
  echo "nothing is made for $1" >&2
  return 1
}

all() { # all [SYSTEM...]
  local rows=("${systems[@]}") system row os name arch variant
  [ $# = 0 ] || rows=()
  for system; do
    row=$(row_of "$system")
    rows+=("$row")
  done
  rm -rf "$DIST"
  common
  for row in "${rows[@]}"; do
    read -r os name arch variant <<<"$row"
    compile "$os" "$name" "$arch" "$variant"
    if [ "$os" = linux ]; then
      deb "$name"
      rpm "$name"
    fi
    archive "$binary" "zancudo_${VERSION}_${os}_$name"
    parts "$binary" "zancudo_${VERSION}_${os}_$name"
  done
  mosquitto
  (cd "$DIST" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%f\n' | sort | xargs sha256sum >SHA256SUMS)
}

case ${1:-} in
deb)
  name=${2:-$(go env GOARCH)}
  [ "$name" != arm ] || name=arm7
  row=$(row_of "linux_$name")
  rm -rf "$STAGE"
  # shellcheck disable=SC2086 # four words
  compile $row
  if [ $# = 1 ] && [ "$(go env GOHOSTOS)" = linux ]; then common "$binary"; else common; fi
  deb "$name"
  mosquitto
  ;;
all)
  shift
  all "$@"
  ;;
*)
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 3
  ;;
esac
