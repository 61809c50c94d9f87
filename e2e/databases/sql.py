"""The real servers behind the stand-ins, through their own command line clients, so that Python's standard library is enough."""

import os
import secrets
import subprocess
import time
from urllib.parse import quote, unquote, urlsplit


def password():
    """Of an alphabet that needs no quoting in SQL or in a URL."""
    return secrets.token_hex(16)


def run(command, text, environment=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, env={**os.environ, **(environment or {})}, check=False)
    if done.returncode:
        raise RuntimeError(f"{done.stderr.strip()}\n{text}")
    return done.stdout


def own_all(role):
    """SQL that makes this role the owner of all tables of a database."""
    return OWN_ALL.replace("NEW", role)


OWN_ALL = """DO $$ DECLARE t record; BEGIN
FOR t IN SELECT c.oid::regclass AS name, c.relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
  AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i'))) LOOP
  EXECUTE format('ALTER %s %s OWNER TO "NEW"', CASE t.kind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, t.name);
END LOOP; END $$"""


class Postgres:
    def __init__(self, url):
        self.url = urlsplit(url)
        self.host, self.port = self.url.hostname, self.url.port

    def run(self, *statements, database="postgres"):
        """Each in a transaction of its own; the rows as text."""
        url = self.url._replace(path="/" + quote(database, safe="")).geturl()
        return run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url], ";\n".join(statements) + ";\n", {"PGOPTIONS": "-c client_min_messages=error"})

    def clone(self, source, target):
        """A copy-on-write clone. The providers clone under a live parent; `CREATE DATABASE` can't, so sessions there are ended."""
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'"
        for attempt in range(5):
            try:
                self.run(end, "SET file_copy_method = clone", f'CREATE DATABASE "{target}" TEMPLATE "{source}" STRATEGY FILE_COPY', f'REVOKE ALL ON DATABASE "{target}" FROM PUBLIC')
                return
            except RuntimeError:
                if attempt == 4:
                    raise
                time.sleep(0.2)

    def create(self, name):
        self.run(f'CREATE DATABASE "{name}"', f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')

    def truncate(self, database):
        """What is left is the schema."""
        tables = self.run("SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'", database=database).strip()
        if tables:
            self.run(f"TRUNCATE {tables} CASCADE", database=database)

    def databases(self, prefix):
        return [n for n in self.run("SELECT datname FROM pg_database").split("\n") if n.startswith(prefix)]

    def roles(self, prefix):
        return [n for n in self.run("SELECT rolname FROM pg_roles").split("\n") if n.startswith(prefix)]

    def end_sessions(self, where):
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}")

    def drop(self, database):
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def bar(self, role):
        """Nobody signs in as it any more, and nobody is in: from now on it makes nothing that would keep it from being dropped."""
        end = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{role}'"
        self.run(f'ALTER ROLE "{role}" NOLOGIN', end)

    def drop_role(self, role):
        self.end_sessions(f"usename = '{role}'")
        self.run(f'DROP ROLE IF EXISTS "{role}"')

    def drop_all(self, prefix):
        for name in self.databases(prefix):
            self.drop(name)
        for name in self.roles(prefix):
            self.drop_role(name)

    def uri(self, role, secret, database):
        return f"postgresql://{quote(role, safe='')}:{quote(secret, safe='')}@{self.host}:{self.port}/{quote(database, safe='')}"


class MariaDb:
    def __init__(self, url):
        url = urlsplit(url)
        self.host, self.port = url.hostname, url.port
        self.login = ["--no-defaults", "-h", url.hostname, "-P", str(url.port), "-u", unquote(url.username)]
        self.environment = {"MYSQL_PWD": unquote(url.password)}

    def run(self, *statements):
        return run(["mariadb", *self.login, "-N", "-B"], ";\n".join(statements) + ";\n", self.environment)

    def copy_from(self, source, database, rows):
        """Of another server, by a dump's stream."""
        what = ["--single-transaction", "--routines", "--triggers", "--events", *([] if rows else ["--no-data"])]
        text = run(["mariadb-dump", *source.login, *what, database], "", source.environment)
        self.run(f"CREATE DATABASE `{database}`")
        run(["mariadb", *self.login, database], text, self.environment)

    def drop_user(self, name):
        self.run(f"ALTER USER IF EXISTS '{name}'@'%' ACCOUNT LOCK", f"KILL USER '{name}'", f"DROP USER IF EXISTS '{name}'@'%'")
