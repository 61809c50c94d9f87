package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

type deployment struct {
	ID        int    `json:"id"`
	Ref       string `json:"ref"`
	Transient *bool  `json:"transient_environment"`
}

// The part of GitHub's REST API by which deployments are told, as an Enterprise server has it. What is told of each is a line of
// JSON on standard output: the status as it came, and what the deployment was made with.
func github() {
	var (
		lock        sync.Mutex
		deployments []deployment
	)
	const repository = "/api/v3/repos/acme/storefront/deployments"
	answer := func(w http.ResponseWriter, status int, value any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		check(json.NewEncoder(w).Encode(value))
	}
	http.HandleFunc("POST /api/v3/app/installations/1/access_tokens", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusCreated, map[string]string{"token": "of-the-app", "expires_at": "2100-01-01T00:00:00Z"})
	})
	http.HandleFunc("GET "+repository, func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		found := []deployment{}
		for _, one := range deployments {
			if one.Ref == r.FormValue("ref") {
				found = append(found, one)
			}
		}
		answer(w, http.StatusOK, found)
	})
	http.HandleFunc("POST "+repository, func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		var one deployment
		if err := json.NewDecoder(r.Body).Decode(&one); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		one.ID = len(deployments) + 1
		deployments = append(deployments, one)
		answer(w, http.StatusCreated, one)
	})
	http.HandleFunc("POST "+repository+"/{id}/statuses", func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		var status map[string]any
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil || id < 1 || id > len(deployments) || r.Header.Get("Authorization") != "token of-the-app" ||
			json.NewDecoder(r.Body).Decode(&status) != nil {
			http.Error(w, "not a status of a deployment", http.StatusBadRequest)
			return
		}
		status["ref"] = deployments[id-1].Ref
		status["transient_environment"] = deployments[id-1].Transient
		line, err := json.Marshal(status)
		check(err)
		fmt.Println(string(line))
		answer(w, http.StatusCreated, map[string]int{"id": 1})
	})
	check(http.ListenAndServe(":8080", nil))
}
