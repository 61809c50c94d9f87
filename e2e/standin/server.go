package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Where the image has the server (e2e/server) and the data directory that every server of it begins with.
const (
	binaries = "/usr/local/pgsql/bin/"
	seeded   = "/seed"
)

// server starts a PostgreSQL on the image's data, as the official image starts one on a dump: PGDATA is filled once, and
// POSTGRES_USER gets POSTGRES_PASSWORD.
func server() error {
	data := os.Getenv("PGDATA")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err != nil {
		beside := data + ".new"
		if err := os.RemoveAll(beside); err != nil {
			return err
		}
		if err := os.CopyFS(beside, os.DirFS(seeded)); err != nil {
			return err
		}
		// A layer of an image has no empty folder's mode to rely on, and the server wants its own.
		err := filepath.WalkDir(beside, func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return err
			}
			return os.Chmod(path, 0o700)
		})
		if err != nil {
			return err
		}
		if err := setPassword(beside); err != nil {
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

// setPassword does so before anybody can connect.
func setPassword(data string) error {
	quote := func(text, mark string) string { return mark + strings.ReplaceAll(text, mark, mark+mark) + mark }
	command := exec.Command(binaries+"postgres", "--single", "-D", data, "-c", "fsync=off", "postgres")
	command.Stdin = strings.NewReader(fmt.Sprintf("ALTER ROLE %s PASSWORD %s\n",
		quote(os.Getenv("POSTGRES_USER"), `"`), quote(os.Getenv("POSTGRES_PASSWORD"), "'")))
	command.Stderr = os.Stderr
	return command.Run()
}
