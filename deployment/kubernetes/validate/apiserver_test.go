package validate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// An apiServer is a Kubernetes on loopback that has no nodes: it checks objects
// as any other does and keeps them, and nothing runs.
type apiServer struct {
	dir, address, token string
	kubectl             string
	client              *http.Client
	etcd, server        *program
}

// startServer starts etcd and kube-apiserver with their files in dir, and waits
// until the server is ready. The caller stops it, also after an error.
func startServer(ctx context.Context, dir string, programs map[string]string) (*apiServer, error) {
	s := &apiServer{dir: dir, token: rand.Text(), kubectl: programs["kubectl"]}
	ports, err := freePorts(3)
	if err != nil {
		return s, err
	}
	store, peers := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	s.address = "https://127.0.0.1:" + ports[2]
	if err := s.identity(); err != nil {
		return s, err
	}
	s.etcd, err = start(filepath.Join(dir, "etcd.log"), programs["etcd"],
		"--data-dir="+filepath.Join(dir, "etcd"), "--listen-client-urls="+store, "--advertise-client-urls="+store, "--listen-peer-urls="+peers,
		"--initial-advertise-peer-urls="+peers, "--initial-cluster=default="+peers, "--unsafe-no-fsync")
	if err != nil {
		return s, err
	}
	key := filepath.Join(dir, "key.pem")
	s.server, err = start(filepath.Join(dir, "kube-apiserver.log"), programs["kube-apiserver"],
		"--etcd-servers="+store, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+ports[2], "--service-cluster-ip-range=10.96.0.0/16",
		"--tls-cert-file="+filepath.Join(dir, "cert.pem"), "--tls-private-key-file="+key, "--cert-dir="+dir,
		"--anonymous-auth=false", "--token-auth-file="+filepath.Join(dir, "tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+key, "--service-account-signing-key-file="+key)
	if err != nil {
		return s, err
	}
	return s, s.ready(ctx)
}

// identity writes a key, a certificate for loopback, the token of an
// administrator, and the file by which kubectl finds the server.
func (s *apiServer) identity() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kube-apiserver"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(trusted)
	s.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: admin}}]
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: admin, user: {token: %q}}]
`, s.address, filepath.Join(s.dir, "cert.pem"), s.token)
	for name, data := range map[string][]byte{
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), "cert.pem": trusted,
		"tokens.csv": []byte(s.token + ",admin,admin,system:masters\n"), "kubeconfig": []byte(config),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until the server has all that it makes itself, and took the
// namespace that every cluster has.
func (s *apiServer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		err := errors.Join(s.get(ctx, "/readyz"), s.get(ctx, "/api/v1/namespaces/default"))
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.etcd.ended:
			return fmt.Errorf("etcd ended:\n%s", s.etcd.said())
		case <-s.server.ended:
			return fmt.Errorf("kube-apiserver ended:\n%s", s.server.said())
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver is not ready: %w\n%s", err, s.server.said())
		}
	}
}

func (s *apiServer) get(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	return nil
}

// apply runs kubectl apply with the manifests on its standard input, and returns
// what it printed: the objects, and the warnings and errors.
func (s *apiServer) apply(ctx context.Context, manifests []byte, args ...string) (objects, complaints string, err error) {
	cmd := exec.CommandContext(ctx, s.kubectl, append([]string{"apply", "--validate=strict", "-f", "-"}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(s.dir, "kubeconfig"), "HOME="+s.dir)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(manifests), &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func (s *apiServer) stop() {
	for _, p := range []*program{s.server, s.etcd} {
		if p != nil {
			p.stop()
		}
	}
}

// A program runs until it is stopped.
type program struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func start(log, path string, args ...string) (*program, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &program{cmd: exec.Command(path, args...), log: log, ended: make(chan struct{})}
	p.cmd.Dir = filepath.Dir(log)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	return p, nil
}

// stop does not wait for a good end: nothing of it is kept.
func (p *program) stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// said is the end of what the program printed.
func (p *program) said() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-4000):])
}

// freePorts returns ports of loopback that nobody listens on.
func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all at once, so that none is given twice
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}
