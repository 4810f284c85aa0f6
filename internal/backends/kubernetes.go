package backends

import (
	"regexp"
	"strings"
)

// KubernetesVersion is the version of the API server that the manifests of
// deployment/kubernetes are held against.
const KubernetesVersion = "v1.36.3"

// Cluster lists what a Kubernetes without nodes needs: it takes objects, checks
// them as any other does, and runs none of them.
func Cluster() []Part {
	return []Part{
		{Name: "etcd", Version: "debian", Programs: []string{"etcd"}, install: debian("etcd-server", "etcd")},
		{
			Name: "kubernetes", Version: KubernetesVersion, Programs: []string{"kubectl", "kube-apiserver"},
			install: edited(published, "k8s.io/kubernetes@"+KubernetesVersion, "cmd/kubectl", "cmd/kube-apiserver"),
		},
	}
}

var staging = regexp.MustCompile(`=> \./staging/src/(\S+)`)

// published takes the modules that Kubernetes keeps in folders of its own from
// where they are published: v1.2.3 of it has v0.2.3 of each.
func published(src []byte) []byte {
	return staging.ReplaceAll(src, []byte("=> $1 v0"+strings.TrimPrefix(KubernetesVersion, "v1")))
}
