package main

import (
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lib/pq"
)

// Where the image has the server (e2e/server) and the data directories that a server of it begins with: one with the tests'
// baselines and, if there is a dump, one as `initdb` leaves it. Where the official image looks for a dump, and where it listens
// while it loads that.
const (
	binaries = "/usr/local/pgsql/bin/"
	seeded   = "/seed"
	empty    = "/empty"
	dumps    = "/docker-entrypoint-initdb.d"
	sockets  = "/var/run/postgresql"
)

// server starts a PostgreSQL on a dump as the official image does, or on the image's own data: PGDATA is filled once, and
// POSTGRES_USER gets POSTGRES_PASSWORD.
func server() error {
	data := os.Getenv("PGDATA")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err != nil {
		beside := data + ".new"
		if err := fill(beside); err != nil {
			return err
		}
		if err := os.Rename(beside, data); err != nil {
			return err
		}
	}
	command := exec.Command(binaries+"postgres", "-D", data,
		"-c", "listen_addresses=*", "-c", "unix_socket_directories=", "-c", "max_connections=100",
		"-c", "shared_buffers=16MB", "-c", "fsync=off")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}

// fill makes a data directory.
func fill(data string) error {
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	from, files := empty, dumped()
	if len(files) == 0 {
		from = seeded
	}
	if err := os.CopyFS(data, os.DirFS(from)); err != nil {
		return err
	}
	// A layer of an image has no empty folder's mode to rely on, and the server wants its own.
	err := filepath.WalkDir(data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	if err != nil {
		return err
	}
	if err := setPassword(data); err != nil {
		return err
	}
	if len(files) == 0 {
		return nil
	}
	return load(data, files)
}

// dumped is what the official image would load of its folder, in its order. Scripts are no dump.
func dumped() []string {
	var files []string
	entries, _ := os.ReadDir(dumps)
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".sql") || strings.HasSuffix(entry.Name(), ".sql.gz") {
			files = append(files, filepath.Join(dumps, entry.Name()))
		}
	}
	return files
}

// load fills POSTGRES_DB in a server that nobody else reaches. It has no psql: a dump has statements, and neither COPY nor `\`.
func load(data string, files []string) error {
	command := exec.Command(binaries+"postgres", "-D", data, "-c", "listen_addresses=",
		"-c", "unix_socket_directories="+sockets, "-c", "shared_buffers=16MB", "-c", "fsync=off")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		return err
	}
	err := loadFiles(files)
	// A fast shutdown.
	if stopped := command.Process.Signal(os.Interrupt); err == nil {
		err = stopped
	}
	if ended := command.Wait(); err == nil {
		err = ended
	}
	return err
}

func loadFiles(files []string) error {
	server, err := open("postgres")
	if err != nil {
		return err
	}
	defer server.Close()
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if err = server.Ping(); err == nil {
			break
		}
		if time.Since(begun) > time.Minute {
			return err
		}
	}
	database := os.Getenv("POSTGRES_DB")
	if _, err := server.Exec("CREATE DATABASE " + pq.QuoteIdentifier(database)); err != nil {
		return err
	}
	filled, err := open(database)
	if err != nil {
		return err
	}
	defer filled.Close()
	for _, file := range files {
		text, err := read(file)
		if err != nil {
			return err
		}
		if _, err := filled.Exec(text); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Println("loaded", file)
	}
	return nil
}

func open(database string) (*sql.DB, error) {
	return sql.Open("postgres", fmt.Sprintf("host=%s user=%s dbname=%s sslmode=disable", sockets, os.Getenv("POSTGRES_USER"), database))
}

func read(file string) (string, error) {
	opened, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	var reader io.Reader = opened
	if strings.HasSuffix(file, ".gz") {
		if reader, err = gzip.NewReader(opened); err != nil {
			return "", err
		}
	}
	text, err := io.ReadAll(reader)
	return string(text), err
}

// setPassword does so before anybody can connect.
func setPassword(data string) error {
	quote := func(text, mark string) string { return mark + strings.ReplaceAll(text, mark, mark+mark) + mark }
	command := exec.Command(binaries+"postgres", "--single", "-D", data, "-c", "fsync=off", "postgres")
	command.Stdin = strings.NewReader(fmt.Sprintf("ALTER ROLE %s PASSWORD %s\n",
		quote(os.Getenv("POSTGRES_USER"), `"`), quote(os.Getenv("POSTGRES_PASSWORD"), "'")))
	command.Stderr = os.Stderr
	return command.Run()
}
