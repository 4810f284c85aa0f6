package catalog

import (
	"bytes"
	_ "embed"
	"html/template"
	"strings"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("catalog").Funcs(template.FuncMap{"breaks": breaks}).Parse(pageText))

// breaks lets a long name go on in the next line where its parts meet.
func breaks(name string) template.HTML {
	text := strings.NewReplacer("/", "/<wbr>", "_", "_<wbr>").Replace(template.HTMLEscapeString(name))
	return template.HTML(text) // escaped above
}

// Page is the catalog as one HTML document that needs nothing else: no other
// file, no network, and for reading no script.
func (c *Catalog) Page() ([]byte, error) {
	data := pageData{Title: c.Title, Summary: plural(len(c.Operations), "operation"), Kinds: c.kindCounts()}
	for _, op := range c.Operations {
		data.Owned = data.Owned || len(op.Owners) > 0
		data.Operations = append(data.Operations, pageRow{op})
	}
	var b bytes.Buffer
	err := page.Execute(&b, data)
	return b.Bytes(), err
}

type pageData struct {
	Title, Summary string
	Owned          bool // somebody owns something
	Kinds          []kindCount
	Operations     []pageRow
}

// A pageRow adds what the page shows to an operation.
type pageRow struct{ Operation }

// OwnLabels are the labels beyond operation and status.
func (r pageRow) OwnLabels() []string { return r.ownLabels() }

// Limits are the keys of the directive that bound a call.
func (r pageRow) Limits() []string { return r.limits() }

// Span is the name of the spans where it is not the operation's.
func (r pageRow) Span() string {
	if r.SpanName == r.Name {
		return ""
	}
	return r.SpanName
}

// Search is what the search field looks at.
func (r pageRow) Search() string {
	parts := []string{r.Name, r.SpanName, r.Kind, r.Metric, r.Package, r.Function, r.Where(), r.Log.Level}
	for _, list := range [][]string{r.ownLabels(), r.Attributes, r.Carried, r.limits(), r.Owners} {
		parts = append(parts, list...)
	}
	return strings.ToLower(strings.Join(parts, " "))
}
