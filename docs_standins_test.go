package zancudo_test

// The machine of a page: see docs_test.go.
const (
	machineName    = "shelf"
	machineAddress = "192.168.1.10"
	machineUser    = "you"
	machineHome    = "/home/you"
	machineID      = 61234 // nobody's on the machine around it

	frontDir = "/opt/front" // first on the PATH, with the programs that stand in for others
)

// machineEnviron is the environment of commands, for the user or root.
func machineEnviron(root bool) []string {
	home, user := machineHome, machineUser
	if root {
		home, user = "/root", "root"
	}
	return []string{
		"HOME=" + home, "USER=" + user, "LOGNAME=" + user, "LANG=C.UTF-8", "TERM=dumb",
		"PATH=" + frontDir + ":" + machineHome + "/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
}

// standIns are the programs that are not real on the machine of a page: each says why. It does what the real one would
// do, as far as the pages go, and ends with status 90 where they do not.
var standIns = map[string]struct{ why, script string }{
	"go": {"what it would build is what is tested, and tests that take minutes are run elsewhere; here they have to exist", `
case "$*" in
"run ./cmd/zancudo") exec zancudo ;;
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
}
