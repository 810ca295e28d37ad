package metrics_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/metrics"
)

// The page has a line for each figure, which says what the table says.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range metrics.Rows() {
		if line := pageLine(r); !strings.Contains(string(page), line) {
			t.Errorf("docs/monitoring.md lacks\n%s", line)
		}
	}
}

func pageLine(r metrics.Row) string {
	topics := "`" + strings.Join(r.Topics, "`, `") + "`"
	if r.Ours {
		topics += " \u2020"
	}
	return fmt.Sprintf("| %s | %s |\n", topics, r.Help)
}
