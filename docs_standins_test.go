package zancudo_test

// The machine of a page: see docs_test.go.
const (
	machineName    = "shelf"
	machineAddress = "192.168.1.10"
	machineUser    = "you"
	machineHome    = "/home/you"
	machineID      = 61234 // nobody's on the machine around it

	frontDir    = "/opt/front" // first on the PATH, with the programs that stand in for others
	machinePath = frontDir + ":" + machineHome + "/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// machineEnviron is the environment of commands, for the user or root.
func machineEnviron(root bool) []string {
	home, user := machineHome, machineUser
	if root {
		home, user = "/root", "root"
	}
	return []string{
		"HOME=" + home, "USER=" + user, "LOGNAME=" + user, "LANG=C.UTF-8", "TERM=dumb",
		"PATH=" + machinePath,
	}
}

// excused are the pages with commands that are not run here: they overwrite disks, ask, pull the plug, or need an engine.
var excused = []string{"docs/shelf-machine.md", "docs/packages.md", "docs/footprint.md", "docs/container.md"}

// standIns are the programs that are not real on the machine of a page: each says why. It does what the real one would
// do, as far as the pages go, and ends with status 90 where they do not.
var standIns = map[string]struct{ why, script string }{
	"go": {"what it would build is what is tested, and tests that take minutes are run elsewhere; here they have to exist", `
case "$*" in
"run ./cmd/zancudo") exec zancudo ;;
"build "*" -o /usr/bin/zancudo ./cmd/zancudo") exec cp /usr/local/bin/zancudo /usr/bin/ ;;
"install ./cmd/zancudo") mkdir -p ~/go/bin && exec cp /usr/local/bin/zancudo ~/go/bin/ ;;
"test ./"*" -run "*) [ $# = 4 ] && exec grep -q "^func Test$4(" "$2"/*_test.go ;;
esac
echo "no stand-in for go $*" >&2
exit 90`},
	"ssh": {"there is no other machine, and no SSH server on this one", `
case "$1" in
alice@192.168.1.10) shift && exec sh -c "$*" ;;
esac
echo "no stand-in for ssh $*" >&2
exit 90`},
	"scp": {"there is no other machine, and no SSH server on this one", `
case "$1" in
shelf.local:/* | 192.168.1.10:/*) [ $# = 2 ] && exec cp "${1#*:}" "$2" ;;
shelf.local:* | 192.168.1.10:*) [ $# = 2 ] && exec cp "$HOME/${1#*:}" "$2" ;;
esac
echo "no stand-in for scp $*" >&2
exit 90`},
	"apt": {"packages are built and installed by tests of their own, on machines that boot", `
[ "$1" = install ] && [ $# = 2 ] || { echo "no stand-in for apt $*" >&2; exit 90; }
case "$2" in
./zancudo_*.deb)
  [ -f "$2" ] || { echo "E: Unsupported file $2 given on commandline" >&2; exit 100; }
  cp /usr/local/bin/zancudo /usr/bin/
  useradd --system --user-group --home-dir /var/lib/zancudo --shell /usr/sbin/nologin zancudo
  install -d -m 0751 -g zancudo /etc/zancudo /etc/zancudo/conf.d
  install -m 0640 -g zancudo CHECKOUT/packaging/zancudo.conf /etc/zancudo/
  install -m 0644 CHECKOUT/packaging/systemd/zancudo.service /etc/systemd/system/
  exec systemctl enable --now zancudo ;;
mosquitto-clients) command -v mosquitto_sub >/dev/null && exit 0 ;;
esac
echo "no stand-in for apt $*" >&2
exit 90`},
	"systemctl": {"systemd is not the first process there; it starts what the unit says, as the user that it says", `
verb=$1
shift
[ "${1-}" = --now ] && shift
name=${1%.service}
unit=/etc/systemd/system/$name.service
[ -e "$unit" ] || unit=/lib/systemd/system/$name.service
pid=/run/standin.$name.pid
log=/var/log/standin.$name
alive() { grep -qs "^State:.[^Z]" "/proc/$(cat "$pid")/status"; } # nobody takes the dead away
of() { cat "$unit" "/etc/systemd/system/$name.service.d/"*.conf 2>/dev/null | sed -n "s/^$1=//p" | tail -n 1; }
stop() { [ ! -e "$pid" ] || { kill "$(cat "$pid")"; while alive; do sleep 0.05; done; rm "$pid"; } 2>/dev/null; }
start() {
  user=$(of User) group=$(of Group)
  : >"$log"
  [ -z "$user" ] || for dir in /run /var/lib; do install -d -m 0750 -o "$user" -g "$group" "$dir/$name"; done
  sed -n "s/^ExecStartPre=//p" "$unit" | while read -r command; do $command; done
  setpriv --reuid "${user:-root}" --regid "${group:-root}" --init-groups env -i PATH="$PATH" \
    ${user:+STATE_DIRECTORY="/var/lib/$name" RUNTIME_DIRECTORY="/run/$name"} $(of ExecStart) >>"$log" 2>&1 &
  echo $! >"$pid"
  for _ in $(seq 400); do
    if ss -Hltn | grep -q ":1883 "; then return; fi
    alive || break
    sleep 0.05
  done
  echo "Job for $name.service failed." >&2
  cat "$log" >&2
  exit 1
}
[ "$verb" = daemon-reload ] || [ -e "$unit" ] || { echo "Unit $name.service not found." >&2; exit 5; }
case "$verb" in
daemon-reload) ;;
enable | start) start ;;
restart) stop && start ;;
disable | stop) stop ;;
reload) kill -HUP "$(cat "$pid")" ;;
status) alive && echo "Active: active (running)" && cat "$log" ;;
*) echo "no stand-in for systemctl $verb $*" >&2 && exit 90 ;;
esac`},
	"journalctl": {"there is no journal; systemctl keeps what a service has printed", `
while [ $# -gt 0 ]; do
  case "$1" in
  -u) cat "/var/log/standin.$2" && shift ;;
  -e | --no-pager | -b) ;;
  *) echo "no stand-in for journalctl $*" >&2 && exit 90 ;;
  esac
  shift
done`},
}
