package mosqlite

import "strings"

// table is where a table begins, and what its columns are called.
type table struct {
	root    uint32
	columns map[string]int
}

// tables reads which tables there are.
func (p *pages) tables() (map[string]table, error) {
	schema := map[string]int{"type": 0, "name": 1, "rootpage": 3, "sql": 4}
	all := make(map[string]table)
	err := p.rows(1, func(row []byte) error {
		v, err := values(row)
		if err != nil {
			return err
		}
		r := &record{schema, v}
		if r.text("type") == "table" {
			all[r.text("name")] = table{uint32(r.number("rootpage")), columns(r.text("sql"))}
		}
		return nil
	})
	return all, err
}

// columns are those that a CREATE TABLE declares: the first word of each part
// between commas, but for the conditions on the whole table.
func columns(sql string) map[string]int {
	all := make(map[string]int)
	_, rest, _ := strings.Cut(sql, "(")
	depth, begin := 1, 0
	for i := 0; i < len(rest) && depth > 0; i++ {
		switch rest[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 || depth == 1 && rest[i] == ',' {
			if name := firstWord(rest[begin:i]); name != "" {
				all[name] = len(all)
			}
			begin = i + 1
		}
	}
	return all
}

func firstWord(part string) string {
	fields := strings.Fields(part)
	if len(fields) == 0 {
		return ""
	}
	switch word := strings.ToLower(strings.Trim(fields[0], "\"`[]")); word {
	case "primary", "foreign", "unique", "check", "constraint":
		return ""
	default:
		return word
	}
}
