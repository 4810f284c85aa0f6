// Package statement reads SQL statements far enough to say what they do
// without saying with which data: every literal becomes a question mark.
package statement

import (
	"slices"
	"strings"
)

// Bounds on what is read and kept of one statement, in bytes.
const (
	maxInput   = 32 << 10
	maxText    = 4000
	maxSummary = 255
)

// Statement is what telemetry knows of a statement.
type Statement struct {
	Operation  string // first keyword in upper case; "" when it is none that is known
	Collection string // the table, when there is exactly one
	Summary    string // operations and tables in order: "INSERT orders SELECT carts"
	Text       string // the statement without literals and comments
}

// Operation returns the statement's operation alone, after reading as little
// of it as possible. system is db.system.name.
func Operation(system, query string) (operation string) {
	defer func() {
		if recover() != nil {
			operation = ""
		}
	}()
	l := lexer{dialect: dialectOf(system), s: clip(query, maxInput)}
	depth, with := 0, false
	for {
		switch t := l.next(); {
		case t.kind == end:
			return ""
		case t.kind == mark && t.text == "(":
			depth++
		case t.kind == mark && t.text == ")":
			depth--
		case t.kind == mark && t.text == ";":
		case with && depth > 0:
		case t.kind != word && !with:
			return ""
		case t.kind == word:
			switch op := keyword(t.text); {
			case op == "WITH":
				with = true
			case op != "" || !with:
				return op
			}
		}
	}
}

// operations are the keywords that statements begin with.
var operations = func() map[string]string {
	m := make(map[string]string)
	for op := range strings.FieldsSeq(`
		ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE
		DESCRIBE DETACH DISCARD DO DROP END EXEC EXECUTE EXPLAIN FETCH FLUSH GRANT INSERT KILL LISTEN LOAD LOCK MERGE
		NOTIFY OPTIMIZE PRAGMA PREPARE REFRESH REINDEX RELEASE RENAME REPLACE RESET REVOKE ROLLBACK SAVEPOINT SELECT
		SET SHOW START TABLE TRUNCATE UNLISTEN UNLOCK UPDATE UPSERT USE VACUUM VALUES WITH`) {
		m[op], m[strings.ToLower(op)] = op, op
	}
	return m
}()

func keyword(s string) string {
	if op, ok := operations[s]; ok {
		return op
	}
	if len(s) > 10 {
		return ""
	}
	return operations[strings.ToUpper(s)]
}

// Of reads a statement. system is db.system.name, which tells the dialect.
func Of(system, query string) (s Statement) {
	defer func() {
		if recover() != nil { // a bug in here must cost the attribute, not the query
			s = Statement{Text: "?"}
		}
	}()
	cut := len(query) > maxInput
	l := lexer{dialect: dialectOf(system), s: clip(query, maxInput)}
	var w writer
	var r reader
	for !w.full() {
		t := l.next()
		if t.kind == end {
			break
		}
		r.see(t)
		w.see(t)
	}
	w.flush()
	s = Statement{Operation: Operation(system, query), Summary: r.summary(), Text: string(w.out)}
	if cut || l.cut || w.full() {
		s.Text += " …"
	}
	if !r.many && len(r.tables) == 1 {
		s.Collection = r.tables[0]
	}
	return s
}

// writer joins tokens to a text in which lists of literals count as one.
type writer struct {
	out     []byte
	last    token
	list    int  // where an IN list of nothing but literals began, 0 for none
	rows    rows // of VALUES
	depth   int
	pending *token // a comma that may begin another row
}

type rows uint8

const (
	noRows    rows = iota
	rowsBegin      // after VALUES
	firstRow       // inside its first row
	afterRow       // after a row
	moreRows       // inside a row that is left out
)

func (w *writer) full() bool { return len(w.out) >= maxText && w.list == 0 && w.rows != moreRows }

func (w *writer) see(t token) {
	if w.leavesOut(t) {
		return
	}
	if w.list > 0 && !w.inList(t) {
		return
	}
	w.write(t)
	if t.kind == mark && t.text == "(" && is(w.last, "IN") {
		w.list = len(w.out)
	}
	w.last = t
}

// leavesOut is true for the rows after the first of VALUES.
func (w *writer) leavesOut(t token) bool {
	opens, closes := t.kind == mark && t.text == "(", t.kind == mark && t.text == ")"
	switch w.rows {
	case noRows:
		if is(t, "VALUES") {
			w.rows, w.depth = rowsBegin, 0
		}
		return false
	case rowsBegin:
		w.rows = noRows
		if opens {
			w.rows, w.depth = firstRow, 1
		}
		return false
	case afterRow:
		comma := t.kind == mark && t.text == ","
		switch {
		case w.pending == nil && comma:
			w.pending = &t
			return true
		case w.pending != nil && opens:
			w.pending, w.rows, w.depth = nil, moreRows, 1
			return true
		}
		w.flush()
		w.rows = noRows
		return false
	}
	if opens {
		w.depth++
	}
	if closes {
		w.depth--
	}
	left := w.rows == moreRows
	if w.depth <= 0 {
		w.rows = afterRow
	}
	return left
}

func (w *writer) flush() {
	if w.pending != nil {
		w.write(*w.pending)
		w.pending = nil
	}
}

// inList reports whether the token is written inside an IN list; the list's end
// puts one question mark in the place of all.
func (w *writer) inList(t token) bool {
	switch {
	case t.kind == literal, t.kind == placeholder, t.kind == mark && strings.Contains("+-,", t.text), t.kind == mark && t.text == "::", t.kind == word && is(w.last, "::"):
		w.last = t
		if len(w.out) >= maxText {
			return false
		}
	case t.kind == mark && t.text == ")" && len(w.out) > w.list:
		w.out = append(w.out[:w.list], '?')
		w.list = 0
	default:
		w.list = 0
	}
	return true
}

func (w *writer) write(t token) {
	if t.space && len(w.out) > 0 {
		w.out = append(w.out, ' ')
	}
	if t.kind == literal {
		w.out = append(w.out, '?')
		return
	}
	w.out = append(w.out, t.text...)
}

// is compares a keyword or a mark, whatever its case.
func is(t token, text string) bool {
	return (t.kind == word || t.kind == mark) && len(t.text) == len(text) && strings.EqualFold(t.text, text)
}

// reader finds the operations and the tables of a statement.
type reader struct {
	parts  []string
	tables []string
	size   int
	many   bool // more tables than tables holds, or something that is none
	last   token
	before token // before last
	want   bool  // a table's name comes next
	part   bool  // the token before was a part of a name
	dotted bool  // a dot after a part
	list   bool  // a comma brings another table
	depth  int
	at     int   // depth of the list
	closed []int // depths of function calls that have a FROM of their own
}

func (r *reader) see(t token) {
	r.name(t)
	if t.kind == word && !r.dotted && !is(r.last, ".") {
		r.keyword(t)
	}
	if t.kind == mark {
		r.punctuation(t)
	}
	r.before, r.last = r.last, t
}

// name collects a table's name, which may have several parts.
func (r *reader) name(t token) {
	isName := t.kind == name || t.kind == word && !skipped(t)
	switch {
	case r.want && isName:
		r.want, r.part = false, true
		r.add(t.text)
		r.tables = append(r.tables, t.text)
	case r.want && t.kind == word: // ONLY, IF EXISTS
	case r.want:
		r.want = false
		r.many = r.many || t.kind != mark || t.text != "("
	case r.part && is(t, "."):
		r.part, r.dotted = false, true
	case r.dotted && isName:
		r.dotted, r.part = false, true
		r.extend("." + t.text)
	default:
		r.part, r.dotted = false, false
	}
}

func skipped(t token) bool {
	for _, s := range [...]string{"ONLY", "LATERAL", "TABLE", "IF", "NOT", "EXISTS", "IGNORE", "LOW_PRIORITY", "SELECT", "VALUES", "OR", "INTO"} {
		if is(t, s) {
			return true
		}
	}
	return false
}

func (r *reader) add(part string) {
	if r.size+len(part)+1 > maxSummary {
		r.size = maxSummary
		return
	}
	r.parts = append(r.parts, part)
	r.size += len(part) + 1
}

func (r *reader) extend(suffix string) {
	n := len(r.tables) - 1
	if n < 0 || len(r.tables[n]) > maxSummary {
		return
	}
	whole := r.tables[n] + suffix
	if i := len(r.parts) - 1; i >= 0 && r.parts[i] == r.tables[n] && r.size+len(suffix) <= maxSummary {
		r.parts[i] = whole
		r.size += len(suffix)
	}
	r.tables[n] = whole
}

func (r *reader) keyword(t token) {
	switch upper := strings.ToUpper(clip(t.text, 10)); upper {
	case "FROM":
		if !is(r.last, "DISTINCT") && !slices.Contains(r.closed, r.depth) && !is(firstPart(r), "COPY") {
			r.want, r.list, r.at = true, true, r.depth
		}
	case "JOIN", "INTO":
		r.want = true
	case "TABLE":
		r.want = len(r.tables) == 0
	case "WHERE", "GROUP", "ORDER", "LIMIT", "HAVING", "RETURNING", "WINDOW", "UNION", "EXCEPT", "INTERSECT", "FOR":
		r.list = false
	case "SELECT":
		r.list = false
		r.add("SELECT")
	case "UPDATE":
		if r.begins() {
			r.add("UPDATE")
			r.want = true
		}
	case "TRUNCATE", "COPY":
		if r.begins() {
			r.add(upper)
			r.want = true
		}
	case "INSERT", "DELETE", "MERGE", "REPLACE":
		if r.begins() {
			r.add(upper)
		}
	default:
		if op := keyword(t.text); op != "" && op != "WITH" && (r.last.kind == end || is(r.last, ";")) {
			r.add(op)
		}
		if upper == "SET" {
			r.list = false
		}
	}
}

func firstPart(r *reader) token {
	if len(r.parts) == 0 {
		return token{}
	}
	return token{kind: word, text: r.parts[0]}
}

// begins reports whether an operation can stand behind the last token.
func (r *reader) begins() bool {
	switch r.last.kind {
	case end:
		return true
	case mark:
		return strings.Contains(";()", r.last.text)
	case word:
		return is(r.last, "EXPLAIN") || is(r.last, "ANALYZE") && is(r.before, "EXPLAIN") || is(r.last, "AS")
	}
	return false
}

func (r *reader) punctuation(t token) {
	switch t.text {
	case "(":
		r.depth++
		for _, f := range [...]string{"EXTRACT", "SUBSTRING", "TRIM", "OVERLAY", "POSITION"} {
			if is(r.last, f) {
				r.closed = append(r.closed, r.depth)
			}
		}
	case ")":
		if n := len(r.closed); n > 0 && r.closed[n-1] == r.depth {
			r.closed = r.closed[:n-1]
		}
		r.depth--
		if r.list && r.depth < r.at {
			r.list = false
		}
	case ",":
		if r.list && r.depth == r.at {
			r.want = true
		}
	case ";":
		r.list = false
	}
}

func (r *reader) summary() string {
	// One name twice is one table.
	slices.Sort(r.tables)
	r.tables = slices.Compact(r.tables)
	return strings.Join(r.parts, " ")
}
