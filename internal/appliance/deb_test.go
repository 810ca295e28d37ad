package appliance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pack has dpkg-deb make a package.
func pack(t *testing.T, name, compression string) []byte {
	t.Helper()
	dpkg := need(t, "dpkg-deb", "dpkg")
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "p", "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	control := "Package: " + name + "\nVersion: 1.2-3\nArchitecture: arm64\nMaintainer: A <a@example.org>\nDescription: a broker\n"
	if err := os.WriteFile(filepath.Join(dir, "p", "DEBIAN", "control"), []byte(control), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "p.deb")
	if out, err := exec.CommandContext(t.Context(), dpkg, "-Z"+compression, "--build", filepath.Join(dir, "p"), file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	deb, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return deb
}

func TestReadPackage(t *testing.T) {
	t.Parallel()
	good := pack(t, "zancudo", "gzip")
	if p, err := ReadPackage(good); err != nil || p != (Package{"zancudo", "1.2-3", "arm64"}) {
		t.Errorf("got %+v, %v", p, err)
	}
	if p, err := ReadPackage(pack(t, "zancudo", "xz")); err != nil || p != (Package{}) {
		t.Errorf("compressed by xz: got %+v, %v", p, err)
	}
	for name, test := range map[string]struct {
		deb  []byte
		want string
	}{
		"another":       {pack(t, "mosquitto", "gzip"), "it is the package mosquitto, not zancudo"},
		"nothing":       {nil, "no Debian package"},
		"text":          {[]byte("<html>404 Not Found</html>"), "no Debian package"},
		"an archive":    {[]byte("!<arch>\n"), "no Debian package"},
		"cut":           {good[:len(good)-10], "its end is missing"},
		"without data":  {good[:bytes.Index(good, []byte("data.tar"))], "no Debian package"},
		"a wrong size":  {bytes.Replace(good, []byte("4         `"), []byte("-4        `"), 1), "no Debian package"},
		"damaged":       {bytes.Replace(good, []byte{0x1f, 0x8b}, []byte{0, 0}, 1), "read its description"},
		"a long header": {append([]byte("!<arch>\n"), bytes.Repeat([]byte("9"), 60)...), "its end is missing"},
	} {
		if p, err := ReadPackage(test.deb); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %+v, %v, want %q", name, p, err, test.want)
		}
	}
}
