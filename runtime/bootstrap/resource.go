package bootstrap

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

const serviceKey = attribute.Key("service.name")

// newResource describes the program and where it runs. The environment has the
// last word. What the command line says is left out: people pass passwords
// there.
func newResource(service string, getenv func(string) string) (*resource.Resource, error) {
	own := slices.Concat(identity(service), container(os.ReadFile), kubernetes(getenv, os.ReadFile))
	res, err := resource.New(context.Background(),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithOSType(),
		resource.WithProcessPID(), resource.WithProcessExecutableName(),
		resource.WithProcessRuntimeName(), resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(own...), resource.WithFromEnv())
	if res == nil {
		return resource.NewSchemaless(own...), err
	}
	if errors.Is(err, resource.ErrSchemaURLConflict) { // the detectors' versions differ, their attributes count
		err = nil
	}
	return res, err
}

// newInstance is a random UUID, of version 4.
func newInstance() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func serviceName(res *resource.Resource) string {
	name, _ := res.Set().Value(serviceKey)
	return name.AsString()
}

// identity is what the build knows about the program.
func identity(service string) []attribute.KeyValue {
	attrs := []attribute.KeyValue{serviceKey.String(shortName(service)), attribute.String("service.instance.id", newInstance())}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return attrs
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision != "" {
		attrs = append(attrs, attribute.String("vcs.ref.head.revision", revision))
	}
	version := strings.TrimPrefix(info.Main.Version, "(devel)")
	if version == "" && revision != "" {
		version = revision[:min(len(revision), 12)]
		if settings["vcs.modified"] == "true" {
			version += "+dirty"
		}
	}
	if version != "" {
		attrs = append(attrs, attribute.String("service.version", version))
	}
	return attrs
}

// Ids of containers have 64 hexadecimal digits. The SDK's own detector takes
// other names of cgroups for one, such as user-1000.slice, and finds none under
// version 2 of cgroups, where only what is mounted into the container tells.
var (
	cgroupID = regexp.MustCompile(`(?m)[/-]([0-9a-f]{64})(?:\.scope)?$`)
	mountID  = regexp.MustCompile(`/containers/([0-9a-f]{64})/`)
)

func container(read func(string) ([]byte, error)) []attribute.KeyValue {
	for _, source := range []struct {
		file    string
		pattern *regexp.Regexp
	}{{"/proc/self/cgroup", cgroupID}, {"/proc/self/mountinfo", mountID}} {
		text, err := read(source.file)
		if err != nil {
			continue
		}
		if id := source.pattern.FindSubmatch(text); id != nil {
			return []attribute.KeyValue{attribute.String("container.id", string(id[1]))}
		}
	}
	return nil
}

// namespaceFile is where Kubernetes tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// kubernetes describes the pod. Its names come from the downward API, in the
// variables that people give them; only the name of the pod is known without
// one, since it is the name of the host.
func kubernetes(getenv func(string) string, read func(string) ([]byte, error)) (attrs []attribute.KeyValue) {
	if getenv("KUBERNETES_SERVICE_HOST") == "" {
		return nil
	}
	first := func(names ...string) (value string) {
		for _, name := range names {
			value = cmp.Or(value, strings.TrimSpace(getenv(name)))
		}
		return value
	}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, attribute.String(key, value))
		}
	}
	namespace := first("POD_NAMESPACE", "K8S_POD_NAMESPACE", "K8S_NAMESPACE", "NAMESPACE")
	if namespace == "" {
		text, _ := read(namespaceFile)
		namespace = strings.TrimSpace(string(text))
	}
	add("k8s.namespace.name", namespace)
	node := first("NODE_NAME", "K8S_NODE_NAME")
	pod := first("POD_NAME", "K8S_POD_NAME", "HOSTNAME")
	if pod == node { // a pod on the node's own network
		pod = ""
	}
	add("k8s.pod.name", pod)
	add("k8s.pod.uid", first("POD_UID", "K8S_POD_UID"))
	add("k8s.node.name", node)
	add("k8s.container.name", first("CONTAINER_NAME", "K8S_CONTAINER_NAME"))
	return attrs
}
