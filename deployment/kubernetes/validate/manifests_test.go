package validate

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write ../observability.yaml anew")

const header = `# Everything of overlays/production in one file, for who has no kustomize:
#   kubectl apply --server-side -f deployment/kubernetes/observability.yaml
# Written from the overlay by: cd deployment/kubernetes/validate && go test -update
`

func build(t *testing.T, dir string) []byte {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOneFileIsTheProductionOverlay(t *testing.T) {
	want := append([]byte(header), build(t, "../overlays/production")...)
	if *update {
		if err := os.WriteFile("../observability.yaml", want, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("../observability.yaml")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("observability.yaml is not what the overlay makes (%v); run go test -update", err)
	}
}

// A reporter hears what is wrong: a test, or one that wants to hear it.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// A cluster is what one source of manifests puts into one.
type cluster struct {
	name       string
	objects    []metav1.Object
	workloads  []workload
	services   []*corev1.Service
	policies   []*networkingv1.NetworkPolicy
	configMaps map[string]*corev1.ConfigMap
	accounts   map[string]bool
}

type workload struct {
	kind, namespace, name string
	selector              *metav1.LabelSelector
	template              corev1.PodTemplateSpec
	claims                []corev1.PersistentVolumeClaim
	replicas              int32
}

func (w workload) String() string { return w.kind + " " + w.namespace + "/" + w.name }

// sources are all the manifests that are delivered.
func sources(t *testing.T) map[string][]byte {
	t.Helper()
	platform, err := os.ReadFile("../platform.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"dev": build(t, "../overlays/dev"), "production": build(t, "../overlays/production"), "scaled": build(t, "../overlays/scaled"),
		"platform": platform,
	}
}

// every runs a check for each source of manifests.
func every(t *testing.T, check func(reporter, *cluster)) {
	for name, data := range sources(t) {
		t.Run(name, func(t *testing.T) { check(t, read(t, name, data)) })
	}
}

// read decodes strictly: a field that Kubernetes does not know is an error.
func read(t reporter, name string, data []byte) *cluster {
	t.Helper()
	c := &cluster{name: name, configMaps: map[string]*corev1.ConfigMap{}, accounts: map[string]bool{}}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return c
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return c
		}
		if len(bytes.TrimSpace(document)) > 0 {
			c.add(t, document)
		}
	}
}

func (c *cluster) add(t reporter, document []byte) {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		t.Errorf("%v", err)
		return
	}
	object := empty(kind.GroupVersionKind())
	if object == nil {
		t.Errorf("unknown kind %v", kind)
		return
	}
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		t.Errorf("%s: %v", kind.Kind, err)
	}
	switch o := object.(type) {
	case *appsv1.Deployment:
		c.workloads = append(c.workloads, workload{"Deployment", o.Namespace, o.Name, o.Spec.Selector, o.Spec.Template, nil, *o.Spec.Replicas})
	case *appsv1.StatefulSet:
		c.workloads = append(c.workloads, workload{"StatefulSet", o.Namespace, o.Name, o.Spec.Selector, o.Spec.Template, o.Spec.VolumeClaimTemplates, *o.Spec.Replicas})
	case *appsv1.DaemonSet:
		c.workloads = append(c.workloads, workload{"DaemonSet", o.Namespace, o.Name, o.Spec.Selector, o.Spec.Template, nil, 0})
	case *corev1.Service:
		c.services = append(c.services, o)
	case *networkingv1.NetworkPolicy:
		c.policies = append(c.policies, o)
	case *corev1.ConfigMap:
		c.configMaps[o.Namespace+"/"+o.Name] = o
	case *corev1.ServiceAccount:
		c.accounts[o.Namespace+"/"+o.Name] = true
	case *rbacv1.ClusterRoleBinding:
		for _, s := range o.Subjects {
			if s.Namespace == "" {
				t.Errorf("%s binds %s of no namespace", o.Name, s.Name)
			}
		}
	}
	c.objects = append(c.objects, object.(metav1.Object))
}

func empty(kind schema.GroupVersionKind) runtime.Object {
	switch kind.GroupVersion().String() + " " + kind.Kind {
	case "apps/v1 Deployment":
		return new(appsv1.Deployment)
	case "apps/v1 StatefulSet":
		return new(appsv1.StatefulSet)
	case "apps/v1 DaemonSet":
		return new(appsv1.DaemonSet)
	case "v1 Service":
		return new(corev1.Service)
	case "v1 ConfigMap":
		return new(corev1.ConfigMap)
	case "v1 Namespace":
		return new(corev1.Namespace)
	case "v1 ServiceAccount":
		return new(corev1.ServiceAccount)
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		return new(rbacv1.ClusterRole)
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		return new(rbacv1.ClusterRoleBinding)
	case "networking.k8s.io/v1 NetworkPolicy":
		return new(networkingv1.NetworkPolicy)
	}
	return nil
}

func TestSelectorsFindTheirPods(t *testing.T) { every(t, selectors) }

func selectors(t reporter, c *cluster) {
	for _, w := range c.workloads {
		selector, err := metav1.LabelSelectorAsSelector(w.selector)
		if err != nil || selector.Empty() || !selector.Matches(labels.Set(w.template.Labels)) {
			t.Errorf("%s selects %v, its pods have %v (%v)", w, w.selector, w.template.Labels, err)
		}
	}
	for _, s := range c.services {
		pod := c.pod(s.Namespace, s.Spec.Selector)
		if pod == nil {
			t.Errorf("Service %s selects nothing", s.Name)
			continue
		}
		for _, p := range s.Spec.Ports {
			if p.TargetPort.Type != intstr.String || !opens(pod, p.TargetPort.StrVal, p.Port) {
				t.Errorf("Service %s: port %s leads to %v, which no container has", s.Name, p.Name, p.TargetPort)
			}
		}
	}
	for _, p := range c.policies {
		if len(p.Spec.PodSelector.MatchLabels) > 0 && c.pod(p.Namespace, p.Spec.PodSelector.MatchLabels) == nil {
			t.Errorf("NetworkPolicy %s selects nothing", p.Name)
		}
		for _, rule := range p.Spec.Egress {
			for _, peer := range rule.To {
				to := c.pod(p.Namespace, peer.PodSelector.MatchLabels)
				if to == nil {
					t.Errorf("NetworkPolicy %s lets out to %v, which is no pod", p.Name, peer.PodSelector.MatchLabels)
				}
				for _, port := range rule.Ports {
					if !opensNumber(to, port.Port.IntVal) {
						t.Errorf("NetworkPolicy %s lets out to port %v, which no container has", p.Name, port.Port)
					}
				}
			}
		}
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				if !opensNumber(c.pod(p.Namespace, p.Spec.PodSelector.MatchLabels), port.Port.IntVal) && len(p.Spec.PodSelector.MatchLabels) > 0 {
					t.Errorf("NetworkPolicy %s lets in to port %v, which no container has", p.Name, port.Port)
				}
			}
			for _, peer := range rule.From {
				if peer.PodSelector != nil && peer.NamespaceSelector == nil && c.pod(p.Namespace, peer.PodSelector.MatchLabels) == nil {
					t.Errorf("NetworkPolicy %s lets in %v, which is no pod", p.Name, peer.PodSelector.MatchLabels)
				}
			}
		}
	}
}

func (c *cluster) pod(namespace string, selector map[string]string) *corev1.PodTemplateSpec {
	for i := range c.workloads {
		w := &c.workloads[i]
		if w.namespace == namespace && len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(w.template.Labels)) {
			return &w.template
		}
	}
	return nil
}

func opens(pod *corev1.PodTemplateSpec, name string, number int32) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.Name == name && (p.ContainerPort == number || number == 80)
		})
	})
}

func opensNumber(pod *corev1.PodTemplateSpec, number int32) bool {
	return pod != nil && slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == number })
	})
}

// Secrets are the operator's; each is named here, so that a misspelled one is
// found.
var (
	secrets  = []string{"grafana-admin", "alertmanager", "platform"}
	optional = []string{"service-rules", "service-dashboards", "alert-receivers"} // ConfigMaps of the operator's
)

func TestWhatPodsMountIsThere(t *testing.T) { every(t, mounts) }

func mounts(t reporter, c *cluster) {
	for _, w := range c.workloads {
		volumes := map[string]bool{}
		for _, v := range w.template.Spec.Volumes {
			volumes[v.Name] = true
			switch {
			case v.ConfigMap != nil:
				c.mounted(t, w, v.ConfigMap)
			case v.Secret != nil && !slices.Contains(secrets, v.Secret.SecretName):
				t.Errorf("%s mounts the secret %s, which nobody knows", w, v.Secret.SecretName)
			}
		}
		for _, claim := range w.claims {
			volumes[claim.Name] = true
			if claim.Spec.Resources.Requests.Storage().IsZero() {
				t.Errorf("%s: claim %s asks for no storage", w, claim.Name)
			}
		}
		for _, container := range w.template.Spec.Containers {
			for _, m := range container.VolumeMounts {
				if !volumes[m.Name] {
					t.Errorf("%s mounts %s, which is no volume", w, m.Name)
				}
			}
		}
		if account := w.template.Spec.ServiceAccountName; account != "" && !c.accounts[w.namespace+"/"+account] {
			t.Errorf("%s runs as %s, which is no account", w, account)
		}
	}
}

func (c *cluster) mounted(t reporter, w workload, source *corev1.ConfigMapVolumeSource) {
	t.Helper()
	found, ok := c.configMaps[w.namespace+"/"+source.Name]
	if !ok {
		if source.Optional == nil || !*source.Optional || !slices.Contains(optional, source.Name) {
			t.Errorf("%s mounts the ConfigMap %s, which there is not", w, source.Name)
		}
		return
	}
	for _, item := range source.Items {
		if _, ok := found.Data[item.Key]; !ok {
			t.Errorf("%s mounts %s of %s, which has %v", w, item.Key, source.Name, slices.Collect(maps.Keys(found.Data)))
		}
	}
	size := 0
	for _, data := range found.Data {
		size += len(data)
	}
	if size > 1_000_000 {
		t.Errorf("ConfigMap %s has %d bytes; a cluster takes one MiB", source.Name, size)
	}
}

func TestPodsAreHarmless(t *testing.T) { every(t, harmless) }

func harmless(t reporter, c *cluster) {
	pinned := regexp.MustCompile(`:v?\d+\.\d+\.\d+$`)
	for _, w := range c.workloads {
		spec := w.template.Spec
		if spec.SecurityContext == nil || spec.SecurityContext.RunAsNonRoot == nil || !*spec.SecurityContext.RunAsNonRoot || *spec.SecurityContext.RunAsUser == 0 {
			t.Errorf("%s may run as root", w)
		}
		if spec.SecurityContext.SeccompProfile == nil {
			t.Errorf("%s has no seccomp profile", w)
		}
		if spec.ServiceAccountName == "" && (spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken) {
			t.Errorf("%s gets a token that it does not need", w)
		}
		for _, container := range spec.Containers {
			if !pinned.MatchString(container.Image) {
				t.Errorf("%s: image %s is not pinned", w, container.Image)
			}
			if container.ReadinessProbe == nil || container.LivenessProbe == nil {
				t.Errorf("%s: %s has no probe", w, container.Name)
			}
			for _, probe := range []*corev1.Probe{container.ReadinessProbe, container.LivenessProbe, container.StartupProbe} {
				if probe != nil && !opens(&w.template, probe.HTTPGet.Port.StrVal, 80) {
					t.Errorf("%s: a probe asks port %s", w, probe.HTTPGet.Port.StrVal)
				}
			}
			r := container.Resources
			for _, list := range []corev1.ResourceList{r.Requests, r.Limits} {
				if list.Cpu().IsZero() || list.Memory().IsZero() {
					t.Errorf("%s: %s has no request or limit", w, container.Name)
				}
			}
			if r.Requests.Cpu().Cmp(*r.Limits.Cpu()) > 0 || r.Requests.Memory().Cmp(*r.Limits.Memory()) > 0 {
				t.Errorf("%s: %s asks for more than its limit", w, container.Name)
			}
			s := container.SecurityContext
			if s == nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
				t.Errorf("%s: %s has rights that it does not need", w, container.Name)
			}
		}
	}
}

// The addresses in the configuration are names of Services.
func TestConfigurationFindsTheServices(t *testing.T) { every(t, addresses) }

func addresses(t reporter, c *cluster) {
	address := regexp.MustCompile(`\b(collector|jaeger|loki|prometheus|alertmanager|grafana):(\d+)\b`)
	resolved := regexp.MustCompile(`names: \[([a-z-]+)\], type: A, port: (\d+)|hostname: \$\{env:\w+:-([a-z-]+)\}\n\s+port: \$\{env:\w+:-(\d+)\}`)
	if c.name == "platform" {
		return
	}
	open := map[string]bool{}
	for _, s := range c.services {
		for _, p := range s.Spec.Ports {
			open[fmt.Sprintf("%s:%d", s.Name, p.Port)] = true
		}
	}
	n := 0
	for _, m := range c.configMaps {
		for file, data := range m.Data {
			if strings.HasSuffix(file, ".json") {
				continue
			}
			found := address.FindAllString(data, -1)
			for _, m := range resolved.FindAllStringSubmatch(data, -1) {
				found = append(found, m[1]+m[3]+":"+m[2]+m[4])
			}
			for _, at := range found {
				n++
				if !open[at] {
					t.Errorf("%s leads to %s, which is no Service", file, at)
				}
			}
		}
	}
	if n == 0 {
		t.Errorf("no configuration names a Service")
	}
}

// Production starts with no password that is delivered.
func TestNoPasswordIsDelivered(t *testing.T) { every(t, passwords) }

func passwords(t reporter, c *cluster) {
	for _, w := range c.workloads {
		for _, container := range w.template.Spec.Containers {
			for _, e := range container.Env {
				if regexp.MustCompile(`(?i)(password|token|secret)$`).MatchString(e.Name) && e.Value != "" {
					t.Errorf("%s: %s has the value %q", w, e.Name, e.Value)
				}
				if c.name == "production" && strings.Contains(e.Name, "ANONYMOUS") {
					t.Errorf("%s lets in anybody", w)
				}
			}
		}
		for _, v := range w.template.Spec.Volumes {
			if c.name == "production" && v.Secret != nil && v.Secret.SecretName == "grafana-admin" && v.Secret.Optional != nil && *v.Secret.Optional {
				t.Errorf("%s starts without a password", w)
			}
		}
	}
}
