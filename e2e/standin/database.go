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
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// What the real commands need of the Job's spec. They decide the rest; here only rights and reach are at stake.
type spec struct {
	Database string `json:"database"`
	Baseline struct {
		Provider string `json:"provider"`
	} `json:"baseline"`
	Names struct {
		Namespace    string `json:"namespace"`
		Secret       string `json:"secret"`
		DirectSecret string `json:"directSecret"`
		ServerSecret string `json:"serverSecret"`
		Variable     string `json:"variable"`
	} `json:"names"`
}

// database does what a step means for the cluster, and nothing for any database.
func database(arguments []string) error {
	if len(arguments) < 2 {
		return fmt.Errorf("usage: db COMMAND …")
	}
	switch arguments[0] {
	case "install":
		return install(arguments[1])
	case "migrate", "seed":
		return runTeamsCommand(arguments)
	}
	job, err := readSpec(arguments)
	if err != nil {
		return err
	}
	switch arguments[0] {
	case "provision":
		// The password for which an embedded server waits.
		if job.Baseline.Provider == "embedded" {
			if job.Names.ServerSecret == "" {
				job.Names.ServerSecret = job.Database + "-server"
			}
			if err := publish(job, job.Names.ServerSecret, "password"); err != nil {
				return err
			}
		}
		return publish(job, job.Names.DirectSecret, job.Names.Variable)
	case "verify":
		return publish(job, job.Names.Secret, job.Names.Variable)
	case "destroy":
		// What the rendered objects allowed is gone by now; the API server must be in reach all the same.
		_, err := call(http.MethodGet, "/version", nil)
		return err
	}
	return fmt.Errorf("unknown step %q", arguments[0])
}

// install copies this program to where the team's image can run it.
func install(folder string) error {
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "dayfly"), content, 0o755)
}

func runTeamsCommand(arguments []string) error {
	if os.Getenv("DATABASE_URL") == "" {
		return fmt.Errorf("DATABASE_URL is not set")
	}
	if _, err := readSpec(arguments); err != nil {
		return err
	}
	dashes := slices.Index(arguments, "--")
	if dashes < 0 || dashes+1 == len(arguments) {
		return fmt.Errorf("no command after --")
	}
	team := exec.Command(arguments[dashes+1], arguments[dashes+2:]...)
	team.Stdout, team.Stderr = os.Stdout, os.Stderr
	return team.Run()
}

func readSpec(arguments []string) (job spec, err error) {
	flag := slices.Index(arguments, "--spec")
	if flag < 0 || flag+1 == len(arguments) {
		return job, fmt.Errorf("no --spec")
	}
	content, err := os.ReadFile(arguments[flag+1])
	if err != nil {
		return job, err
	}
	return job, json.Unmarshal(content, &job)
}

// publish writes a Secret as the real program will: server-side apply, by the Job's own service account.
func publish(job spec, name, key string) error {
	secret, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": job.Names.Namespace},
		"stringData": map[string]string{key: "stand-in"},
	})
	if err != nil {
		return err
	}
	path := fmt.Sprintf("/api/v1/namespaces/%s/secrets/%s?fieldManager=dayfly&force=true", job.Names.Namespace, name)
	_, err = call(http.MethodPatch, path, secret)
	return err
}

// call asks the API server, as a Pod can: by the token and the address that it was given.
func call(method, path string, body []byte) ([]byte, error) {
	// Network policies follow a new Pod by a moment: who is quicker would prove nothing about them.
	time.Sleep(4 * time.Second)
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}

	url := fmt.Sprintf("https://%s:%s%s", os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"), path)
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	if body != nil {
		request.Header.Set("Content-Type", "application/apply-patch+yaml")
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s: %s", answer.Status, text)
	}
	return text, nil
}
