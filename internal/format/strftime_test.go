package format

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestStrftime(t *testing.T) {
	at := time.Date(2024, 2, 9, 3, 4, 5, 6007008, zone) // a Friday
	for letters, want := range map[string]string{
		"aAbBh": "Fri Friday Feb February Feb", "c": "Fri Feb  9 03:04:05 2024", "CyY": "20 24 2024",
		"dej": "09  9 040", "DF": "02/09/24 2024-02-09", "GgV": "2024 24 06", "HIkl": "03 03  3  3",
		"mMSN": "02 04 05 006007008", "pP": "AM am", "rRT": "03:04:05 AM 03:04 03:04:05",
		"s": "1707427145", "uw": "5 5", "UW": "05 06", "xX": "02/09/24 03:04:05", "zZ": "+0545 NPT",
		"n": "\n", "t": "\t", "%": "%", "EOQ!5": "%E %O %Q %! %5", "\xc3\xff": "%\xc3 %\xff",
	} {
		format := "@" + strings.Join(strings.Split(letters, ""), " @")
		if letters[0] > 0x7f { // these are bytes, not characters
			format = "@\xc3 @\xff"
		}
		got, _ := mustParse(t, format).Append(nil, message(""), at)
		if string(got) != want+"\n" {
			t.Errorf("%s: got %q, want %q", letters, got, want)
		}
	}
}

func TestAppendTime(t *testing.T) {
	at := time.Date(2024, 2, 9, 3, 4, 5, 0, zone)
	for format, want := range map[string]string{
		"": "", "x": "x", "%": "%", "%%": "%", "100%": "100%", "%Y-%m-%dT%H:%M:%S%z": "2024-02-09T03:04:05+0545", "ü%S": "ü05",
	} {
		if got := string(AppendTime(nil, format, at)); got != want {
			t.Errorf("%q: got %q, want %q", format, got, want)
		}
	}
}

// TestStrftimeAsDate compares all letters with the date program at moments where
// years, weeks and halves of the day begin and end.
func TestStrftimeAsDate(t *testing.T) {
	if out, err := exec.Command("date", "--version").Output(); err != nil || !strings.Contains(string(out), "GNU") {
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatal("install GNU coreutils")
		}
		t.Skip("install GNU coreutils to compare with its date")
	}
	const letters = "aAbBcCdDeFgGhHIjklmMpPrRsSTuUVwWxXyYzZ"
	args := "%" + strings.Join(strings.Split(letters, ""), "|%")
	f := mustParse(t, strings.ReplaceAll(args, "%", "@"))
	var moments []time.Time
	for year := 2018; year <= 2030; year++ {
		for _, day := range []int{-3, 0, 1, 2, 4, 7, 59, 60, 61} {
			moments = append(moments, time.Date(year, 1, day, (year*7+day)%24, 59, 9, 0, time.UTC))
		}
	}
	moments = append(moments, time.Unix(0, 0).UTC(), moments[0].Add(12*time.Hour))
	var stdin strings.Builder
	for _, m := range moments {
		stdin.WriteString("@" + strconv.FormatInt(m.Unix(), 10) + "\n")
	}
	c := exec.CommandContext(t.Context(), "date", "-f", "-", "+"+args)
	c.Stdin = strings.NewReader(stdin.String())
	c.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		got, _ := f.Append(nil, message(""), moments[i])
		if string(got) != want+"\n" {
			t.Errorf("%v:\ngot  %swant %s", moments[i], got, want)
		}
	}
}
