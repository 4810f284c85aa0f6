// Command web serves the same order by five routers and asks each for it.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"
	"github.com/labstack/echo/v4"
)

// shop is what all routers hand over to.
type shop struct{ client *http.Client }

func main() {
	s := &shop{client: &http.Client{Timeout: time.Minute}}
	var urls []string
	for _, router := range []http.Handler{s.plain(), s.chi(), s.gin(), s.echo(), s.gorilla()} {
		server := httptest.NewServer(router)
		defer server.Close()
		urls = append(urls, server.URL)
	}
	if err := work(context.Background(), s, urls); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

//orchestrall:trace kind=agent
func work(ctx context.Context, s *shop, urls []string) error {
	for _, url := range urls {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/orders/7?token=secret", nil)
		if err != nil {
			return err
		}
		resp, err := s.client.Do(req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != "order 7" {
			return fmt.Errorf("%s: %q, %v", resp.Status, body, err)
		}
	}
	return nil
}

//orchestrall:trace kind=step
func (s *shop) find(_ context.Context, id string) string { return "order " + id }

func (s *shop) plain() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, s.find(r.Context(), r.PathValue("id")))
	})
	return m
}

func (s *shop) chi() http.Handler {
	r := chi.NewRouter()
	r.Route("/orders", func(r chi.Router) {
		r.Get("/{id}", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, s.find(r.Context(), chi.URLParam(r, "id")))
		})
	})
	return r
}

func (s *shop) gin() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Group("/orders").GET("/:id", func(c *gin.Context) { c.String(http.StatusOK, s.find(c.Request.Context(), c.Param("id"))) })
	return engine
}

func (s *shop) echo() http.Handler {
	e := echo.New()
	e.GET("/orders/:id", func(c echo.Context) error {
		return c.String(http.StatusOK, s.find(c.Request().Context(), c.Param("id")))
	})
	return e
}

func (s *shop) gorilla() http.Handler {
	r := mux.NewRouter()
	r.HandleFunc("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, s.find(r.Context(), mux.Vars(r)["id"]))
	})
	return r
}
