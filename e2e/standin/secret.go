package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// What the real commands need of the Job's spec. They decide the rest; here only rights and reach are at stake.
type spec struct {
	Names struct {
		Namespace    string `json:"namespace"`
		Secret       string `json:"secret"`
		DirectSecret string `json:"directSecret"`
		Variable     string `json:"variable"`
	} `json:"names"`
}

// database does what the step means for the cluster, and nothing for any database: `provision` writes the credentials of migrate
// and seed, `verify` publishes those of the workload.
func database(arguments []string) error {
	if len(arguments) == 0 || arguments[0] != "provision" && arguments[0] != "verify" {
		return nil
	}
	file := ""
	for i, argument := range arguments {
		if argument == "--spec" && i+1 < len(arguments) {
			file = arguments[i+1]
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var job spec
	if err := json.Unmarshal(content, &job); err != nil {
		return err
	}
	if arguments[0] == "provision" {
		return publish(job, job.Names.DirectSecret)
	}
	return publish(job, job.Names.Secret)
}

// publish writes the Secret as the real program will: server-side apply, by the Job's own service account.
func publish(job spec, name string) error {
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}

	secret, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": job.Names.Namespace},
		"stringData": map[string]string{job.Names.Variable: "postgres://stand-in"},
	})
	if err != nil {
		return err
	}
	url := fmt.Sprintf("https://%s:%s/api/v1/namespaces/%s/secrets/%s?fieldManager=dayfly&force=true",
		os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"), job.Names.Namespace, name)
	request, err := http.NewRequest(http.MethodPatch, url, bytes.NewReader(secret))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return nil
}
