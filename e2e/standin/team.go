package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	_ "github.com/lib/pq"
)

func connect() (*sql.DB, error) {
	url := os.Getenv("DATABASE_URL")
	if url == "" {
		return nil, fmt.Errorf("DATABASE_URL is not set")
	}
	return sql.Open("postgres", url)
}

// run executes statements in one database of the server at $DATABASE_URL, one after another, each by itself.
func run(statements ...string) error {
	db, err := connect()
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// migrate is the team's migration: a table, a column of the baseline's own table, and a record of the commit that did it.
func migrate(arguments []string) error {
	// Long enough to be killed in the middle.
	time.Sleep(3 * time.Second)
	if slices.Contains(arguments, "fail") {
		// Fails here already in a branch that was left half migrated.
		if err := run("CREATE TABLE half_migrated (id int)"); err != nil {
			return err
		}
		fmt.Println("half migrated a fresh branch")
		return run("ALTER TABLE no_such_table ADD COLUMN x int")
	}
	return run(
		"CREATE TABLE IF NOT EXISTS migrations (head text PRIMARY KEY)",
		"CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, customer int REFERENCES customers, item text)",
		"ALTER TABLE customers ADD COLUMN IF NOT EXISTS greeting text DEFAULT 'hello'",
		"INSERT INTO migrations VALUES ('"+os.Getenv("PREVIEW_HEAD_SHA")+"') ON CONFLICT DO NOTHING",
	)
}

// seed is the team's seed program.
func seed() error {
	return run("INSERT INTO orders SELECT id, id, 'order of ' || name FROM customers ON CONFLICT DO NOTHING")
}

// rows writes what the workload reads from its own branch: the baseline's rows, as they were migrated, and the seeded ones.
func rows(w io.Writer) error {
	db, err := connect()
	if err != nil {
		return err
	}
	defer db.Close()
	var answer string
	err = db.QueryRow(`SELECT json_build_object(
		'database', current_database(), 'user', session_user::text,
		'customers', (SELECT json_agg(c ORDER BY id) FROM customers c),
		'orders', (SELECT json_agg(o ORDER BY id) FROM orders o),
		'migrations', (SELECT json_agg(head ORDER BY head) FROM migrations))`).Scan(&answer)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, answer)
	return err
}

// sqlOf runs standard input as one batch and prints the last statement's rows, each a JSON array.
func sqlOf(arguments []string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if len(arguments) == 1 {
		other, err := url.Parse(os.Getenv("DATABASE_URL"))
		if err != nil {
			return fmt.Errorf("DATABASE_URL is no URL")
		}
		other.Path = "/" + arguments[0]
		os.Setenv("DATABASE_URL", other.String())
	}
	db, err := connect()
	if err != nil {
		return err
	}
	defer db.Close()
	// One connection: what was set, and what is locked, stays for the next statement.
	db.SetMaxOpenConns(1)
	found, err := db.Query(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	defer found.Close()
	for more := true; more; more = found.NextResultSet() {
		columns, err := found.Columns()
		if err != nil {
			return err
		}
		for found.Next() {
			values := make([]any, len(columns))
			pointers := make([]any, len(columns))
			for index := range values {
				pointers[index] = &values[index]
			}
			if err := found.Scan(pointers...); err != nil {
				return err
			}
			for index, value := range values {
				if bytes, ok := value.([]byte); ok {
					values[index] = string(bytes)
				}
			}
			line, err := json.Marshal(values)
			if err != nil {
				return err
			}
			fmt.Println(string(line))
		}
	}
	return found.Err()
}
