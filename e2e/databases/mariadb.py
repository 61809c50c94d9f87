"""A small MariaDB of its own for each MySQL branch: PlanetScale's branches are clusters of their own, all with the same database name."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from ports import free_port
from sql import MariaDb, password


class Instance(MariaDb):
    installed = None  # a data directory to copy, made once

    def __init__(self, home):
        if Instance.installed is None:
            installed = Path(home) / "installed"
            install = ["mariadb-install-db", "--no-defaults", f"--datadir={installed}", "--skip-test-db", "--auth-root-authentication-method=normal"]
            subprocess.run([*install, "--skip-name-resolve", "--innodb-log-file-size=4M"], check=True, capture_output=True)
            subprocess.run(["chown", "-R", "nobody", home], check=True)
            Instance.installed = installed
        self.folder = Path(tempfile.mkdtemp(dir=home))
        data, secret = self.folder / "data", password()
        subprocess.run(["cp", "-a", "--reflink=auto", Instance.installed, data], check=True)
        start = f"CREATE USER admin@'%' IDENTIFIED BY '{secret}'; GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION; DELETE FROM mysql.global_priv WHERE User IN ('', 'root'); FLUSH PRIVILEGES;"
        (self.folder / "init.sql").write_text(start.replace("; ", ";\n"))
        shutil.chown(self.folder, "nobody")
        port = free_port()
        options = [f"--datadir={data}", f"--port={port}", f"--socket={self.folder}/socket", f"--init-file={self.folder}/init.sql", f"--tmpdir={self.folder}", "--innodb-buffer-pool-size=8M"]
        options += ["--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0", "--key-buffer-size=1M"]
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["mariadbd", "--no-defaults", "--user=nobody", *options], stdout=log, stderr=log)
        super().__init__(f"mysql://admin:{secret}@127.0.0.1:{port}/")
        for _ in range(150):
            try:
                self.run("SELECT 1")
                break
            except RuntimeError:
                time.sleep(0.1)
        else:
            raise RuntimeError((self.folder / "log").read_text()[-1000:])
        os.remove(self.folder / "init.sql")

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder)
