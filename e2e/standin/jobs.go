package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A job is a process of this Pod, with what the Pod has: its ServiceAccount, its key, its way through the network policies.
type job struct {
	Name        string            `json:"name"`
	Command     []string          `json:"command"`
	Environment map[string]string `json:"environment"`
	Input       string            `json:"input"`
	// Milliseconds after which it is killed; 0: never.
	Kill int `json:"kill"`
}

// An ending of a job. Of a killed one the code is -1.
type ending struct {
	Name string `json:"name"`
	Code int    `json:"code"`
	Out  string `json:"out"`
	Err  string `json:"err"`
}

// jobs runs those on standard input, a line of JSON each, six at once, and prints how each ended.
func jobs() error {
	read, print := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var printing sync.Mutex
	var running sync.WaitGroup
	places := make(chan struct{}, 6)
	defer running.Wait()
	for {
		var next job
		if err := read.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		places <- struct{}{}
		running.Go(func() {
			ended := next.run()
			<-places
			printing.Lock()
			defer printing.Unlock()
			check(print.Encode(ended))
		})
	}
}

func (j job) run() ending {
	ctx := context.Background()
	if j.Kill > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(j.Kill)*time.Millisecond)
		defer stop()
	}
	var out, problems bytes.Buffer
	command := exec.CommandContext(ctx, j.Command[0], j.Command[1:]...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(j.Input), &out, &problems
	command.Env = os.Environ()
	for name, value := range j.Environment {
		command.Env = append(command.Env, name+"="+value)
	}
	err := command.Run()
	if command.ProcessState == nil {
		return ending{j.Name, -2, "", err.Error()}
	}
	return ending{j.Name, command.ProcessState.ExitCode(), out.String(), problems.String()}
}
