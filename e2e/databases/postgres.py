"""A PostgreSQL 18 of its own for each clone, on a copy-on-write copy of its parent's data directory, as the providers do it that run a server
per branch. Works where the test server's own data directory is: an XFS with reflinks."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from ports import free_port
from sql import Postgres


class Instance(Postgres):
    installed = None  # a data directory to copy, made once

    def __init__(self, bin_folder, home, source=None):
        """`source`: another one, which isn't running; else an empty one is made. `bin_folder`: where `postgres` is."""
        self.bin, self.process = Path(bin_folder), None
        self.folder = Path(tempfile.mkdtemp(dir=home))
        shutil.chown(self.folder, "pg18")
        self.data = self.folder / "data"
        if source:
            self.copy(source.data, self.data)
        elif Instance.installed:
            self.copy(Instance.installed, self.data)
        else:
            self.as_pg18([self.bin / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync"])
            lines = ["host all postgres samehost trust", "host all all samehost scram-sha-256"]
            (self.data / "pg_hba.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
            Instance.installed = Path(tempfile.mkdtemp(dir=home)) / "data"
            self.copy(self.data, Instance.installed)
        super().__init__(f"postgres://postgres@127.0.0.1:{free_port()}/postgres")

    @staticmethod
    def copy(source, target):
        subprocess.run(["cp", "-a", "--reflink=always", source, target], check=True)

    @staticmethod
    def as_pg18(command):
        subprocess.run(command, check=True, capture_output=True, user="pg18", group="pg18", cwd="/")

    def start(self):
        options = ["-c", "fsync=off", "-c", "shared_buffers=8MB", "-c", "listen_addresses=127.0.0.1", "-c", "wal_level=minimal", "-c", "max_wal_senders=0"]
        command = [self.bin / "postgres", "-D", self.data, "-p", str(self.port), "-k", "", *options]
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, user="pg18", group="pg18", cwd="/")
        for _ in range(150):
            try:
                self.run("SELECT 1")
                return self
            except RuntimeError:
                time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text(encoding="utf-8")[-1000:])

    def move_to(self, other):
        """On another one's port, which has ended."""
        Postgres.__init__(self, other.url.geturl())

    def stop(self, how=signal.SIGINT):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None
        return self

    def filled(self, text, database="postgres"):
        """For one that isn't running: runs this in it."""
        self.start()
        try:
            self.run(text, database=database)
        finally:
            self.stop()

    def end(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def home(database, name):
    """A folder beside the data of the server at this URL, and where its programs are; emptied, since a process that was killed left its own."""
    data = Path(Postgres(database).run("SHOW data_directory").strip())
    folder = data.parent / "stand-ins" / name
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    folder.parent.chmod(0o755)
    return data.parent.parent / "package/native/bin", folder
