package config

import (
	"net/url"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// dashboards reads a folder, or a mapping of it and the runbook.
func (p *fileParser) dashboards(n *yaml.Node) {
	c := p.config
	folder := func(key string, v *yaml.Node) {
		var text string
		if !p.text(key, v, &text) {
			return
		}
		c.Dashboards = filepath.FromSlash(text)
		if !filepath.IsAbs(c.Dashboards) {
			c.Dashboards = filepath.Join(c.Root, c.Dashboards)
		}
	}
	if n.Kind != yaml.MappingNode {
		folder("dashboards", n)
		return
	}
	before := len(p.problems)
	ok := p.mapping(n, "dashboards", []field{
		{"folder", func(_, v *yaml.Node) { folder("folder", v) }},
		{"runbook", func(_, v *yaml.Node) {
			if !p.text("runbook", v, &c.Runbook) {
				return
			}
			if u, err := url.Parse(c.Runbook); err != nil || u.Host == "" || u.Fragment != "" {
				p.add(p.pos(v), "bad-value", "write an address such as https://example.com/runbook, without #", "runbook: %s is no address", quote(c.Runbook))
			}
		}},
	})
	if ok && c.Dashboards == "" && len(p.problems) == before {
		p.add(p.pos(n), "empty-rule", "add folder:", "dashboards without a folder")
	}
}
