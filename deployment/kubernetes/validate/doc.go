// Package validate holds the manifests of deployment/kubernetes against the
// types of Kubernetes.
package validate
