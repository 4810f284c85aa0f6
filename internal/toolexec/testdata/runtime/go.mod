module github.com/orchestrall/orchestrall/runtime

go 1.26.0
