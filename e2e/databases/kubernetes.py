"""A Kubernetes API for the commands that run in a Pod: the Secrets and Roles of one namespace, over TLS, with a token.

Real: the paths, the verbs and status codes, that a Secret is applied by one field manager as a whole, and that nothing is allowed but what
the rendered Role says. Not real: everything else; the garbage collector, which removes what belongs to a Role that went, is the test's.

    kubernetes.py FOLDER CERTIFICATE KEY

FOLDER has role.json, what dayfly renders, and gets a file for each Secret, `NAME.json`; the port is printed. While it has `hold`, no Secret
is written, and `held` is there once one would be; with `lost`, that one is not written at all.
"""

import contextlib
import http.server
import json
import pathlib
import re
import ssl
import sys
import time

folder, certificate, key = (pathlib.Path(argument) for argument in sys.argv[1:])
TOKEN = "Bearer of-the-pod"
PATHS = {
    "secrets": r"/api/v1/namespaces/([^/?]+)/secrets/([^/?]+)",
    "roles": r"/apis/rbac\.authorization\.k8s\.io/v1/namespaces/([^/?]+)/roles/([^/?]+)",
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        body = json.dumps(body).encode()
        # Whoever asked may have been killed.
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def refused(self, role, kind, name):
        """Why not, as the API server decides it: a name cannot be asked for when something is created."""
        verbs = {"GET": ["get"], "DELETE": ["delete"], "PATCH": ["patch"]}[self.command]
        if self.command == "PATCH" and not (folder / f"{name}.json").exists():
            verbs.append("create")
        for verb in verbs:
            if not any(
                kind in rule["resources"] and verb in rule["verbs"] and (verb == "create" or name in rule.get("resourceNames", [name]))
                for rule in role["rules"]
            ):
                return f"{kind} {name!r} is forbidden: cannot {verb} it"
        return None

    def handle_call(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        role = json.loads((folder / "role.json").read_text(encoding="utf-8"))
        found = next(((kind, match) for kind, path in PATHS.items() if (match := re.match(path, self.path))), None)
        if self.headers.get("Authorization") != TOKEN or found is None:
            return self.answer(401 if found else 404, {"message": "not here"})
        kind, (namespace, name) = found[0], found[1].groups()
        if namespace != role["metadata"]["namespace"]:
            return self.answer(404, {"message": "no such namespace"})
        if why := self.refused(role, kind, name):
            return self.answer(403, {"message": why})
        if kind == "roles":
            there = name == role["metadata"]["name"]
            return self.answer(200, {"metadata": {"name": name, "uid": "the-role"}}) if there else self.answer(404, {"message": "none"})
        file = folder / f"{name}.json"
        if self.command == "PATCH":
            while (folder / "hold").exists():
                (folder / "held").touch()
                time.sleep(0.02)
            if (folder / "lost").exists():
                (folder / "lost").unlink()
                return self.answer(503, {"message": "lost"})
            new = file.with_suffix(".new")
            new.write_bytes(body)
            new.rename(file)
        if not file.exists():
            return self.answer(404, {"message": "none"})
        secret = json.loads(file.read_text(encoding="utf-8"))
        if self.command == "DELETE":
            file.unlink()
        return self.answer(200, secret)

    do_GET = do_PATCH = do_DELETE = handle_call


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
