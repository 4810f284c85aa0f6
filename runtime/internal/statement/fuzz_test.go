package statement

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

var systems = []string{
	"postgresql", "mysql", "sqlite", "microsoft.sql_server", "oracle.db", "clickhouse", "gcp.spanner", "snowflake",
	"databricks", "duckdb", "trino", "other_sql",
}

// secret has no letter that a keyword or a prefix begins with, and digits, so
// that it is one in every spelling of a literal.
const secret = "zq7zq7"

// literals spell a value in the dialect of a system. around is put next to the
// secret: what may not stand there as it is has been escaped.
var literals = map[string][]func(around string) string{
	"": {
		func(s string) string { return "'" + strings.ReplaceAll(plain(s), "'", "''") + "'" },
		func(string) string { return "77" + secret },
		func(string) string { return "0x77" + secret },
		func(string) string { return ".7e-7" + secret },
		func(s string) string { return "x'" + strings.Map(noQuote, plain(s)) + "'" },
		func(s string) string {
			return "-- " + strings.ReplaceAll(strings.ReplaceAll(s, "\n", ""), "\r", "") + "\n 1"
		},
		func(s string) string { return "/* " + strings.NewReplacer("*", "", "/", "").Replace(s) + " */ 1" },
	},
	"postgresql": {
		func(s string) string { return "E'" + escaped(s, "'") + "'" },
		func(s string) string { return "$a$" + strings.ReplaceAll(s, "$", "") + "$a$" },
		func(s string) string {
			return "/* /* " + strings.NewReplacer("*", "", "/", "").Replace(s) + " */ ' */ 1"
		},
	},
	"mysql": {
		func(s string) string { return "'" + escaped(s, "'") + "'" },
		func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }, // NO_BACKSLASH_ESCAPES
		func(s string) string { return `"` + escaped(s, `"`) + `"` },
		func(s string) string { return `"` + strings.ReplaceAll(escaped(s, ``), `"`, `""`) + `"` },
		func(s string) string { return "# " + strings.ReplaceAll(s, "\n", "") + "\n 1" },
		func(s string) string { return "/*!50000 '" + escaped(s, "'") + "' */" },
	},
	"sqlite":      {func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }},
	"oracle.db":   {func(s string) string { return "q'[" + strings.ReplaceAll(s, "]", "") + "]'" }},
	"gcp.spanner": {func(s string) string { return "'''" + escaped(s, "'") + "'''" }},
}

// plain leaves out the backslash, which not every dialect reads alike.
func plain(s string) string { return strings.ReplaceAll(s, `\`, "") }

func noQuote(r rune) rune {
	if r == '\'' {
		return -1
	}
	return r
}

func escaped(s, quote string) string {
	s = strings.ReplaceAll(s, `\`, `\\`)
	if quote == "" {
		return s
	}
	return strings.ReplaceAll(s, quote, `\`+quote)
}

// FuzzNoLiteralSurvives writes statements around literals that hold the secret.
func FuzzNoLiteralSurvives(f *testing.F) {
	f.Add(uint64(1), "a'b", `\`)
	f.Add(uint64(2), `"`, "''")
	f.Add(uint64(3), "$$ -- /* ", "*/ ]] `")
	f.Add(uint64(4), "\x00\xff\u3000", "\r\n#")
	f.Fuzz(func(t *testing.T, seed uint64, before, after string) {
		r := rand.New(rand.NewPCG(seed, 1))
		system := systems[r.IntN(len(systems))]
		spellings := append(literals[""][:len(literals[""]):len(literals[""])], literals[system]...)
		value := func() string {
			n := r.IntN(len(spellings))
			if n == 0 && system == "gcp.spanner" { // where quotes are not doubled
				return spellings[0](strings.ReplaceAll(before+secret+after, "'", ""))
			}
			return spellings[n](before + secret + after)
		}
		templates := []string{
			"SELECT * FROM users WHERE a = ? AND b=? OR c IN (?, ?,?)",
			"INSERT INTO t (a, b) VALUES (?, ?), (?,?) ",
			"UPDATE t SET a=?, b = ? + ? WHERE c LIKE ?",
			"WITH x AS (SELECT ?) DELETE FROM t WHERE a>? AND b IN(? ,?)",
			"CALL f(?,? ,?); SELECT ? FROM t",
		}
		var query strings.Builder
		for _, part := range strings.SplitAfter(templates[r.IntN(len(templates))], "?") {
			head, found := strings.CutSuffix(part, "?")
			query.WriteString(head)
			if found {
				query.WriteString(value())
			}
		}
		got := Of(system, query.String())
		for _, shown := range []string{got.Text, got.Summary, got.Collection, got.Operation} {
			if strings.Contains(shown, secret) {
				t.Errorf("%s: the literal survives in %q\nof %q", system, shown, query.String())
			}
		}
	})
}

// FuzzOf holds for every input: no panic, bounded, and nothing left to take out.
func FuzzOf(f *testing.F) {
	for _, s := range []string{"SELECT 1", "'", "\"", "$$", "$a$ $a", "[", "`", "/*", "/*!1", "--", "#", "q'", "e'\\", "((((", "IN (1,", "VALUES (1),(", "\xff\xfe", "a.", "::", ":1", "@", "?5", "INSERT INTO", "--#"} {
		for i := range systems {
			f.Add(uint8(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, query string) {
		system := systems[int(i)%len(systems)]
		got := Of(system, query)
		if len(got.Text) > maxText+maxName+8 || len(got.Summary) > maxSummary {
			t.Errorf("%d bytes of text, %d of summary", len(got.Text), len(got.Summary))
		}
		if utf8.ValidString(query) && !utf8.ValidString(got.Text) {
			t.Errorf("%q is not valid", got.Text)
		}
		if op := Operation(system, query); op != got.Operation || op != "" && operations[op] != op {
			t.Errorf("operation is %q and %q", op, got.Operation)
		}
		// MySQL takes "--" for two signs where no white space follows; where a comment
		// did, the text has white space or nothing there.
		signs := strings.Contains(got.Text, "--")
		if again := Of(system, got.Text); !strings.HasSuffix(got.Text, "…") && !signs && again.Text != got.Text {
			t.Errorf("%s: %q becomes %q becomes %q", system, query, got.Text, again.Text)
		}
	})
}

func TestHugeStatements(t *testing.T) {
	for name, query := range map[string]string{
		"list":       "SELECT a FROM t WHERE b IN (" + strings.Repeat("'x', ", 200_000) + "'y')",
		"rows":       "INSERT INTO t VALUES " + strings.Repeat("(1, 'x'), ", 100_000) + "(2, 'y')",
		"one text":   "SELECT '" + strings.Repeat("x", 1<<20),
		"one name":   "SELECT " + strings.Repeat("x", 1<<20),
		"names":      "SELECT " + strings.Repeat("column, ", 1<<17),
		"tables":     "SELECT 1 FROM " + strings.Repeat("t, ", 1<<18),
		"one number": "SELECT " + strings.Repeat("7", 1<<20),
	} {
		got := Of("postgresql", query)
		if len(got.Text) > 4096 || len(got.Summary) > maxSummary || !strings.HasSuffix(got.Text, " …") {
			t.Errorf("%s: %d bytes of text, %d of summary", name, len(got.Text), len(got.Summary))
		}
		if got.Operation != "SELECT" && got.Operation != "INSERT" {
			t.Errorf("%s: operation %q", name, got.Operation)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	for b.Loop() {
		Of("postgresql", "SELECT id, name FROM users u JOIN accounts a ON a.user_id = u.id WHERE u.email = 'a@example.com' AND a.state IN (1, 2, 3)")
	}
}
