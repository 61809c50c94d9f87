// The stand-in is the one program of ours in the images that the end-to-end tests need: the team's workload, its migrations
// and seeds (team.go), a PostgreSQL server's entry point (server.go), and a probe that tries connections. Its name and
// first argument say which.
//
//	                     serve HTTP on $PORT (8080): /healthz, /rows, /set/NAME says whether variable NAME is set, all else which Pod it is
//	npx … , npm …        migrate and seed the database at $DATABASE_URL
//	node …               log the command line and go on sleeping, as a worker would
//	postgres             start the server that is in the image, on a dump if there is one
//	sql [DATABASE]       run standard input at $DATABASE_URL, in another of its databases, and print the rows
//	variable NAME        print what it was given
//	read PATH            print what a file holds, or the names in a folder
//	write PATH           write to a file, or exit 1
//	get URL              print what answers there, or exit 1
//	dial HOST:PORT       connect within 3 s, or exit 1
//	resolve NAME         print the addresses of NAME within 3 s, or exit 1
//	jobs                 run the processes that standard input lists, and kill each after its time (jobs.go)
//	listen :PORT         accept connections for ever
//	github               serve GitHub's deployments at port 8080, and print what is told of them (github.go)
//	sleep                wait for SIGTERM
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	// As process 1 there is no default action for SIGTERM, and a Pod would take its whole grace period to end.
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() { <-ended.Done(); os.Exit(0) }()

	command, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	if command == "standin" {
		command = "serve"
		if len(arguments) > 0 {
			command, arguments = arguments[0], arguments[1:]
		}
	}
	switch command {
	case "serve":
		serve()
	case "npx":
		logCommand()
		check(migrate(arguments))
	case "npm":
		logCommand()
		check(seed())
	case "node":
		logCommand()
		select {}
	case "postgres":
		check(server())
	case "sql":
		check(sqlOf(arguments))
	case "dial":
		connection, err := net.DialTimeout("tcp", argument(arguments), 3*time.Second)
		check(err)
		check(connection.Close())
	case "variable":
		fmt.Println(os.Getenv(argument(arguments)))
	case "read":
		check(show(argument(arguments)))
	case "write":
		check(os.WriteFile(argument(arguments), []byte("written"), 0o644))
	case "get":
		check(get(argument(arguments)))
	case "resolve":
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		addresses, err := net.DefaultResolver.LookupHost(ctx, argument(arguments))
		check(err)
		fmt.Println(strings.Join(addresses, " "))
	case "jobs":
		check(jobs())
	case "listen":
		listen(argument(arguments))
	case "github":
		github()
	case "sleep":
		select {}
	default:
		check(fmt.Errorf("unknown command %q", command))
	}
}

func serve() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, os.Getenv("HOSTNAME")) })
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/rows", func(w http.ResponseWriter, _ *http.Request) {
		if err := rows(w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	http.HandleFunc("/set/{name}", func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv(r.PathValue("name")) == "" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	check(http.ListenAndServe(":"+port, nil))
}

func show(path string) error {
	if entries, err := os.ReadDir(path); err == nil {
		for _, entry := range entries {
			fmt.Println(entry.Name())
		}
		return nil
	}
	text, err := os.ReadFile(path)
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

func get(url string) error {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", answer.Status)
	}
	return nil
}

func listen(address string) {
	listener, err := net.Listen("tcp", address)
	check(err)
	for {
		connection, err := listener.Accept()
		check(err)
		_ = connection.Close()
	}
}

// The names of variables tell what a Job was given; their values may be secrets.
func logCommand() {
	fmt.Printf("%q\n", os.Args)
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		fmt.Print(name, " ")
	}
	fmt.Println()
}

func argument(arguments []string) string {
	if len(arguments) != 1 {
		check(fmt.Errorf("one argument is missing"))
	}
	return arguments[0]
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
