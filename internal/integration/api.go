package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// get returns the body of an answer that is 200.
func get(ctx context.Context, address string) ([]byte, error) {
	return send(ctx, http.MethodGet, address, nil, nil)
}

func send(ctx context.Context, method, address string, header http.Header, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return answer, fmt.Errorf("%s %s: %s: %.300s", method, address, res.Status, answer)
	}
	return answer, nil
}

func getJSON(ctx context.Context, address string, into any) error {
	body, err := get(ctx, address)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w: %.300s", address, err, body)
	}
	return nil
}

// A series is what Prometheus and Loki answer with: labels, and samples or lines.
type series struct {
	Metric map[string]string `json:"metric"`
	Stream map[string]string `json:"stream"`
	Value  [2]any            `json:"value"`
	Values [][2]any          `json:"values"`
}

// number is the value of an instant query's series.
func (s series) number() float64 {
	text, _ := s.Value[1].(string)
	f, _ := strconv.ParseFloat(text, 64)
	return f
}

// lines are the log lines of a stream.
func (s series) lines() []string {
	var all []string
	for _, v := range s.Values {
		if line, ok := v[1].(string); ok {
			all = append(all, line)
		}
	}
	return all
}

type queryAnswer struct {
	Data struct {
		Result []series `json:"result"`
	} `json:"data"`
}

// promQuery asks Prometheus for the current value.
func promQuery(ctx context.Context, base, expr string) ([]series, error) {
	var a queryAnswer
	err := getJSON(ctx, base+"/api/v1/query?"+url.Values{"query": {expr}}.Encode(), &a)
	return a.Data.Result, err
}

// promRange asks Prometheus for everything since then.
func promRange(ctx context.Context, base, expr string, since time.Time) ([]series, error) {
	var a queryAnswer
	err := getJSON(ctx, base+"/api/v1/query_range?"+url.Values{
		"query": {expr}, "start": {unix(since)}, "end": {unix(time.Now())}, "step": {"15"},
	}.Encode(), &a)
	return a.Data.Result, err
}

// lokiRange asks Loki for everything since then.
func lokiRange(ctx context.Context, base, expr string, since time.Time) ([]series, error) {
	var a queryAnswer
	err := getJSON(ctx, base+"/loki/api/v1/query_range?"+url.Values{
		"query": {expr}, "start": {strconv.FormatInt(since.UnixNano(), 10)},
		"end": {strconv.FormatInt(time.Now().Add(time.Second).UnixNano(), 10)}, "limit": {"1000"}, "step": {"15"},
	}.Encode(), &a)
	return a.Data.Result, err
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// An exemplar is a measured value with the trace that it was measured in.
type exemplar struct {
	Labels map[string]string `json:"labels"`
}

func promExemplars(ctx context.Context, base, expr string, since time.Time) ([]exemplar, error) {
	var a struct {
		Data []struct{ Exemplars []exemplar }
	}
	err := getJSON(ctx, base+"/api/v1/query_exemplars?"+url.Values{"query": {expr}, "start": {unix(since)}, "end": {unix(time.Now())}}.Encode(), &a)
	var all []exemplar
	for _, s := range a.Data {
		all = append(all, s.Exemplars...)
	}
	return all, err
}

// A trace is one as Jaeger's own API describes it.
type trace struct {
	TraceID string `json:"traceID"`
	Spans   []span `json:"spans"`
}

type span struct {
	SpanID        string `json:"spanID"`
	OperationName string `json:"operationName"`
	References    []struct {
		RefType string `json:"refType"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
	Tags []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"tags"`
}

func (s span) tag(key string) any {
	for _, t := range s.Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return nil
}

// paths returns the names of each span from the root down.
func (t trace) paths() []string {
	byID := make(map[string]span)
	for _, s := range t.Spans {
		byID[s.SpanID] = s
	}
	var all []string
	for _, s := range t.Spans {
		path := s.OperationName
		for range t.Spans { // bounded, should the references be a circle
			if len(s.References) == 0 {
				break
			}
			above, ok := byID[s.References[0].SpanID]
			if !ok {
				path = "? > " + path
				break
			}
			s, path = above, above.OperationName+" > "+path
		}
		all = append(all, path)
	}
	return all
}

type jaegerAnswer struct {
	Data []trace `json:"data"`
}

// jaegerTrace returns the trace with that id, an error where there is none.
func jaegerTrace(ctx context.Context, base, id string) (trace, error) {
	var a jaegerAnswer
	if err := getJSON(ctx, base+"/api/traces/"+id, &a); err != nil {
		return trace{}, err
	}
	if len(a.Data) != 1 {
		return trace{}, fmt.Errorf("%d traces %s", len(a.Data), id)
	}
	return a.Data[0], nil
}

// jaegerFind returns the traces of the service that have a span with the tag.
func jaegerFind(ctx context.Context, base, service, key, value string) ([]trace, error) {
	tags, err := json.Marshal(map[string]string{key: value})
	if err != nil {
		return nil, err
	}
	var a jaegerAnswer
	err = getJSON(ctx, base+"/api/traces?"+url.Values{"service": {service}, "tags": {string(tags)}, "limit": {"200"}, "lookback": {"1h"}}.Encode(), &a)
	return a.Data, err
}
