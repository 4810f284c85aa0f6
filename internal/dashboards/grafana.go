package dashboards

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// The dashboards. A service without agents has no Agent Performance, and so on.
const (
	PlatformBoard = "platform-overview.dashboard.json"
	AgentBoard    = "agent-performance.dashboard.json"
	WorkflowBoard = "workflow-analytics.dashboard.json"
	SystemBoard   = "system-health.dashboard.json"
)

// A board is a Grafana dashboard in the form of its JSON model.
type board struct {
	Annotations   list     `json:"annotations"`
	Description   string   `json:"description"`
	Editable      bool     `json:"editable"`
	GraphTooltip  int      `json:"graphTooltip"` // 1: one crosshair for all panels
	Links         []link   `json:"links"`
	Panels        []panel  `json:"panels"`
	Refresh       string   `json:"refresh"`
	SchemaVersion int      `json:"schemaVersion"`
	Tags          []string `json:"tags"`
	Templating    list     `json:"templating"`
	Time          period   `json:"time"`
	Timezone      string   `json:"timezone"`
	Title         string   `json:"title"`
	UID           string   `json:"uid"`

	x, y int // where the next panel goes
}

type list struct {
	List []any `json:"list"`
}

type period struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type link struct {
	AsDropdown  bool     `json:"asDropdown"`
	Icon        string   `json:"icon"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	Tags        []string `json:"tags"`
	TargetBlank bool     `json:"targetBlank"`
	Title       string   `json:"title"`
	Tooltip     string   `json:"tooltip"`
	Type        string   `json:"type"`
}

// A variable is a list at the top of a dashboard.
type variable struct {
	AllValue   string `json:"allValue,omitempty"`
	IncludeAll bool   `json:"includeAll,omitempty"`
	Label      string `json:"label"`
	Multi      bool   `json:"multi,omitempty"`
	Name       string `json:"name"`
	Query      string `json:"query"`
	Refresh    int    `json:"refresh"`
	Regex      string `json:"regex,omitempty"`
	Sort       int    `json:"sort,omitempty"`
	Type       string `json:"type"`

	Current    *choice `json:"current,omitempty"`
	Datasource *source `json:"datasource,omitempty"`
}

type choice struct {
	Selected bool     `json:"selected"`
	Text     []string `json:"text"`
	Value    []string `json:"value"`
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// prometheus and loki are whichever data sources the reader chooses at the top.
var (
	prometheus = source{"prometheus", "${datasource}"}
	loki       = source{"loki", "${logs}"}
)

type panel struct {
	ID          int          `json:"id"`
	Type        string       `json:"type"`
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	Datasource  *source      `json:"datasource,omitempty"`
	GridPos     gridPos      `json:"gridPos"`
	Collapsed   *bool        `json:"collapsed,omitempty"`
	Panels      *[]panel     `json:"panels,omitempty"` // of a row that is collapsed
	Targets     []target     `json:"targets,omitempty"`
	FieldConfig *fieldConfig `json:"fieldConfig,omitempty"`
	Options     any          `json:"options,omitempty"`
}

type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	Datasource   source `json:"datasource"`
	Exemplar     bool   `json:"exemplar,omitempty"` // dots that lead to traces
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	QueryType    string `json:"queryType,omitempty"` // of Loki: range
	RefID        string `json:"refId"`
}

type fieldConfig struct {
	Defaults  defaults `json:"defaults"`
	Overrides []any    `json:"overrides"`
}

type defaults struct {
	Unit       string      `json:"unit"`
	Min        *float64    `json:"min,omitempty"`
	Color      *color      `json:"color,omitempty"`
	Thresholds *thresholds `json:"thresholds,omitempty"`
	Custom     any         `json:"custom,omitempty"`
}

type color struct {
	Mode string `json:"mode"`
}

type thresholds struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

type step struct {
	Value *float64 `json:"value"` // null: from minus infinity
	Color string   `json:"color"`
}

// A lineStyle is the custom part of a time series panel's fields.
type lineStyle struct {
	DrawStyle       string     `json:"drawStyle"`
	FillOpacity     int        `json:"fillOpacity"`
	LineWidth       int        `json:"lineWidth"`
	ShowPoints      string     `json:"showPoints"`
	ThresholdsStyle *lineLimit `json:"thresholdsStyle,omitempty"`
}

type lineLimit struct {
	Mode string `json:"mode"`
}

type lineOptions struct {
	Legend  legend  `json:"legend"`
	Tooltip tooltip `json:"tooltip"`
}

type legend struct {
	Calcs       []string `json:"calcs"`
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	ShowLegend  bool     `json:"showLegend"`
}

type tooltip struct {
	Mode string `json:"mode"`
	Sort string `json:"sort"`
}

type logOptions struct {
	DedupStrategy      string `json:"dedupStrategy"`
	EnableLogDetails   bool   `json:"enableLogDetails"`
	PrettifyLogMessage bool   `json:"prettifyLogMessage"`
	ShowCommonLabels   bool   `json:"showCommonLabels"`
	ShowLabels         bool   `json:"showLabels"`
	ShowContext        bool   `json:"showLogContextToggle"` // leads to the lines around one
	ShowTime           bool   `json:"showTime"`
	SortOrder          string `json:"sortOrder"`
	WrapLogMessage     bool   `json:"wrapLogMessage"`
}

type statOptions struct {
	ColorMode              string  `json:"colorMode"`
	GraphMode              string  `json:"graphMode"`
	JustifyMode            string  `json:"justifyMode"`
	Orientation            string  `json:"orientation"`
	PercentChangeColorMode string  `json:"percentChangeColorMode"`
	ReduceOptions          reducer `json:"reduceOptions"`
	ShowPercentChange      bool    `json:"showPercentChange"`
	TextMode               string  `json:"textMode"`
	WideLayout             bool    `json:"wideLayout"`
}

type reducer struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}

// newBoard returns a dashboard of the service.
func (s *service) newBoard(title, description string) *board {
	return emptyBoard(title+" ("+s.title+")", description, s.uid(title))
}

// uid is the same whenever the dashboard is written, so that links and bookmarks
// last, and another service's differs.
func (s *service) uid(title string) string {
	sum := sha256.Sum256([]byte(s.title + "\x00" + title))
	return "orchestrall-" + hex.EncodeToString(sum[:8])
}

// emptyBoard returns a dashboard without panels.
func emptyBoard(title, description, uid string) *board {
	b := &board{
		Annotations: list{[]any{}}, Description: description, Editable: true, GraphTooltip: 1,
		Links: []link{{
			AsDropdown: true, Icon: "external link", IncludeVars: true, KeepTime: true, Tags: []string{"orchestrall"}, Title: "Dashboards", Type: "dashboards",
		}},
		Refresh: "30s", SchemaVersion: 39, Tags: []string{"orchestrall"}, Time: period{"now-1h", "now"}, Timezone: "browser",
		Title: title, UID: uid,
	}
	b.Templating.List = []any{variable{Label: "Data source", Name: "datasource", Query: "prometheus", Refresh: 1, Type: "datasource"}}
	return b
}

// byOperation adds a list of the operations that metrics have series of.
func (b *board) byOperation(metricPattern string) {
	b.Templating.List = append(b.Templating.List, variable{
		AllValue: ".*", IncludeAll: true, Multi: true, Label: "Operation", Name: "operation", Type: "query",
		Query: "label_values({__name__=~\"" + metricPattern + "\"}, operation)", Refresh: 2, Sort: 1,
		Current: &choice{true, []string{"All"}, []string{"$__all"}}, Datasource: &prometheus,
	})
}

// place returns the position of a panel of that size, in a new line where the
// last one has no room.
func (b *board) place(w, h int) gridPos {
	if b.x+w > 24 {
		b.x, b.y = 0, b.y+b.height()
	}
	pos := gridPos{h, w, b.x, b.y}
	b.x += w
	return pos
}

// height is that of the tallest panel in the current line.
func (b *board) height() int {
	tallest := 0
	for _, p := range b.Panels {
		if p.GridPos.Y == b.y {
			tallest = max(tallest, p.GridPos.H)
		}
	}
	return tallest
}

func (b *board) add(p panel) {
	p.ID = len(b.Panels) + 1
	b.Panels = append(b.Panels, p)
}

func (b *board) row(title string) {
	if b.x > 0 {
		b.x, b.y = 0, b.y+b.height()
	}
	collapsed := false
	b.add(panel{Type: "row", Title: title, GridPos: b.place(24, 1), Collapsed: &collapsed, Panels: &[]panel{}})
}

// A query is an expression and the legend of its series.
type query struct {
	expr, legend string
	exemplar     bool // its buckets know traces
}

func targets(queries []query) []target {
	all := make([]target, len(queries))
	for i, q := range queries {
		// A to Z, then AA and on.
		id := string(rune('A' + i%26))
		if i >= 26 {
			id = string(rune('A'+i/26-1)) + id
		}
		all[i] = target{Datasource: prometheus, Exemplar: q.exemplar, Expr: q.expr, LegendFormat: q.legend, RefID: id}
	}
	return all
}

// stat shows one number, green below the limits, orange and red above.
func (b *board) stat(title, description, unit, expr string, limits ...float64) {
	steps := []step{{nil, "green"}}
	for i := range limits {
		steps = append(steps, step{&limits[i], []string{"orange", "red"}[i+2-len(limits)]})
	}
	b.add(panel{
		Type: "stat", Title: title, Description: description, Datasource: &prometheus, GridPos: b.place(4, 4), Targets: targets([]query{{expr, title, false}}),
		FieldConfig: &fieldConfig{defaults{Unit: unit, Color: &color{"thresholds"}, Thresholds: &thresholds{"absolute", steps}}, []any{}},
		Options: statOptions{
			ColorMode: "value", GraphMode: "area", JustifyMode: "auto", Orientation: "auto", PercentChangeColorMode: "standard",
			ReduceOptions: reducer{Calcs: []string{"lastNotNull"}}, TextMode: "value", WideLayout: true,
		},
	})
}

// lines shows queries over time, with a line at each limit.
func (b *board) lines(title, description, unit string, queries []query, limits ...float64) {
	if len(queries) == 0 {
		return
	}
	zero := 0.0
	d := defaults{Unit: unit, Min: &zero, Color: &color{"palette-classic"}}
	style := lineStyle{DrawStyle: "line", FillOpacity: 10, LineWidth: 1, ShowPoints: "never"}
	if len(limits) > 0 {
		d.Thresholds = &thresholds{"absolute", []step{{nil, "transparent"}}}
		for i := range limits {
			d.Thresholds.Steps = append(d.Thresholds.Steps, step{&limits[i], []string{"orange", "red"}[i+2-len(limits)]})
		}
		style.ThresholdsStyle = &lineLimit{"line"}
	}
	d.Custom = style
	b.add(panel{
		Type: "timeseries", Title: title, Description: description, Datasource: &prometheus, GridPos: b.place(12, 8), Targets: targets(queries),
		FieldConfig: &fieldConfig{d, []any{}},
		Options: lineOptions{
			legend{Calcs: []string{"lastNotNull", "max"}, DisplayMode: "table", Placement: "bottom", ShowLegend: true}, tooltip{"multi", "desc"},
		},
	})
}

// logLines shows the log lines that a LogQL query finds, newest first.
func (b *board) logLines(title, description, expr string) {
	b.add(panel{
		Type: "logs", Title: title, Description: description, Datasource: &loki, GridPos: b.place(24, 9),
		Targets: []target{{Datasource: loki, Expr: expr, QueryType: "range", RefID: "A"}},
		Options: logOptions{DedupStrategy: "none", EnableLogDetails: true, ShowContext: true, ShowTime: true, SortOrder: "Descending", WrapLogMessage: true},
	})
}

// logRates shows what a LogQL query counts, over time.
func (b *board) logRates(title, description, unit, expr, legend string) {
	b.lines(title, description, unit, []query{{expr, legend, false}})
	p := &b.Panels[len(b.Panels)-1]
	p.Datasource = &loki
	p.Targets[0].Datasource, p.Targets[0].QueryType = loki, "range"
}

func (b *board) json() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(b)
	return out.Bytes(), err
}
