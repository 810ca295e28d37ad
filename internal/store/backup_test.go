package store_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// TestBackup copies a store that is written to; the copy is of one moment.
func TestBackup(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{Dir: t.TempDir(), MemTableBytes: 64 << 10})
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			v := strconv.Itoa(i)
			if err := s.Append([]broker.Fact{storetest.Put("a", v), storetest.Put("m"+v, strings.Repeat("x", 500)), storetest.Put("z", v)}, broker.Durable); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 3 {
		var b bytes.Buffer
		if err := s.Backup(&b); err != nil {
			t.Fatal(err)
		}
		o := store.Options{Dir: filepath.Join(t.TempDir(), "copy")}
		if _, err := store.Restore(o, &b); err != nil {
			t.Fatal(err)
		}
		c := open(t, o)
		got, err := storetest.Facts(c, nil, nil)
		if err != nil || len(got) > 0 && got[0][2:] != got[len(got)-1][2:] {
			t.Errorf("the copy is of two moments: %v, %v", got[0], err)
		}
		closed(t, c)
		_, err = store.Restore(o, &bytes.Buffer{})
		if exists := (*store.ExistsError)(nil); !errors.As(err, &exists) {
			t.Errorf("restored over a store: %v", err)
		}
	}
	close(stop)
	writing.Wait()
}

// TestBackupDamaged changes or cuts a backup at many places.
func TestBackupDamaged(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{Dir: t.TempDir()})
	put(t, s, broker.Durable, storetest.Put("a", strings.Repeat("1", 3000)))
	var whole bytes.Buffer
	if err := s.Backup(&whole); err != nil {
		t.Fatal(err)
	}
	o := store.Options{Dir: filepath.Join(t.TempDir(), "copy")}
	for at := 0; at < whole.Len(); at += 997 {
		for _, r := range []io.Reader{bytes.NewReader(whole.Bytes()[:at]), flipped(whole.Bytes(), at)} {
			_, err := store.Restore(o, r)
			if err == nil { // padding between files means nothing
				c := open(t, o)
				holds(t, c, "a="+strings.Repeat("1", 3000))
				closed(t, c)
				o.Dir = filepath.Join(t.TempDir(), "copy")
			}
		}
	}
	if _, err := store.Restore(o, &whole); err != nil {
		t.Errorf("a failed restore is in the way: %v", err)
	}
}

func flipped(b []byte, at int) io.Reader {
	c := bytes.Clone(b)
	c[at] ^= 1
	return bytes.NewReader(c)
}

func TestExport(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{Dir: t.TempDir()})
	put(t, s, broker.Durable, storetest.Put("a\x00\xff", "1"), storetest.Put("b", ""), storetest.Put("c", "3"))
	var out bytes.Buffer
	if err := s.Export(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	o := store.Options{Dir: filepath.Join(t.TempDir(), "copy")}
	if done, err := store.Restore(o, strings.NewReader(text)); done.Facts != 3 || err != nil {
		t.Fatalf("%+v, %v", done, err)
	}
	if got, _ := read(t, o); !slices.Equal(got, []string{"a\x00\xff=1", "b=", "c=3"}) {
		t.Errorf("got %q", got)
	}
	lines := strings.SplitAfter(text, "\n")
	for name, bad := range map[string]string{
		"line 1: invalid character":                 "{x" + text,
		"line 1: this is no export of a store":      strings.Join(lines[1:], ""),
		"line 4: the export ends early":             strings.Join(lines[:4], ""),
		"line 4: the export is damaged":             strings.Join(append(lines[:2:2], lines[3:]...), ""),
		"line 1: the export has format 2, and this": strings.Replace(text, ":1}", ":2}", 1),
		`line 2: json: unknown field "keys"`:        strings.Replace(text, `"key"`, `"keys"`, 1),
		"the file is empty":                         "",
	} {
		_, err := store.Restore(store.Options{Dir: filepath.Join(t.TempDir(), "bad")}, strings.NewReader(bad))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}
