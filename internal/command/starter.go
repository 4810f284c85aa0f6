package command

// starterConfig is the orchestrall.yaml that init writes: it changes nothing
// until somebody takes a comment sign away.
const starterConfig = `# Settings of Orchestrall Trace for this module. Every key is optional; what is
# commented out shows the syntax.

# Start the SDK in func main of each program that "orchestrall go build" makes,
# and flush it at the end. false: the program does that itself.
bootstrap: true

# Packages that keep their instrumented code in the repository, so that it can be
# read and reviewed. "orchestrall generate" writes it, "orchestrall check" holds it
# against the directives.
# generate:
#   - ./internal/agent
#   - ./internal/workflow/...

# Functions that are traced without a comment of their own. Every condition that is
# given must hold, and the last rule that fits wins.
# select:
#   - package: ./...
#     exported: true
#     context: true              # takes a context
#     directive: kind=internal slow=2s
#   - package: ./internal/store/...
#     receiver: "*Repository"
#     directive: kind=db
#   - package: ./internal/generated/...
#     exclude: true

# Types that carry a context, beyond context.Context and *http.Request. {} stands
# for the value, ctx for the new context.
# contexts:
#   - type: "*example.com/web.Request"
#     get: "{}.Context()"
#     set: "{}.SetContext(ctx)"

# The folder that "orchestrall dashboards" writes Prometheus rules to, and that
# "orchestrall check" looks at, too.
# dashboards:
#   folder: ./deployment/rules
#   runbook: https://example.com/runbook

# Modules whose version a build may raise where the runtime needs a newer one than
# go.mod requires directly. Without this a build stops and names both versions.
# upgrades:
#   - google.golang.org/grpc

# Indirect requirements that a build may not raise either; - ... means all.
# pinned:
#   - google.golang.org/protobuf
`
