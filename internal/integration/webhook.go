package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
)

// A webhook receives what Alertmanager sends.
type webhook struct {
	server *httptest.Server

	mu   sync.Mutex
	news []notice
}

// A notice is one alert in a message.
type notice struct {
	Status string            `json:"status"`
	Labels map[string]string `json:"labels"`
}

func newWebhook() *webhook {
	w := new(webhook)
	w.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct{ Alerts []notice }
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.news = append(w.news, message.Alerts...)
	}))
	return w
}

// has reports whether the alert came with that status for that service.
func (w *webhook) has(alert, job, status string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.news {
		if n.Labels["alertname"] == alert && n.Labels["job"] == job && n.Status == status {
			return true
		}
	}
	return false
}
