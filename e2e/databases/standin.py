"""What the stand-ins of the providers' APIs share.

A request goes: test -> front -> Prism -> provider's logic (a subclass of Api) -> real database, and back. Prism holds the request and the
answer to the provider's OpenAPI document, so a stand-in that drifts from it fails the tests instead of misleading them. The front carries
what happens on the way rather than at the provider (delays, lost answers), and the controls: `GET /_control` is the state, `POST /_control`
changes it (README.md).

One process may stand in for several such providers that know nothing of each other: the second one is below `/1` instead of `/`.
"""

import argparse
import atexit
import collections
import fnmatch
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from ports import free_port


def stamp(seconds=None):
    """RFC 3339 in UTC; now if nothing is given."""
    at = datetime.fromtimestamp(time.time() if seconds is None else seconds, timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text):
    """The other way round."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Refused(Exception):
    """An answer that isn't a success."""

    def __init__(self, status, code="", message=""):
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message = status, code, message


def route(method, path):
    """Marks the method that answers this; `{name}` in the path becomes an argument."""

    def mark(function):
        function.route = (method, re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$"))
        return function

    return mark


class Api:
    """A provider. Subclasses have routes, which get (request, **path arguments) and return (status, body)."""

    base = ""  # the path at which the real API lives
    undeclared = ()  # statuses that the provider gives and its document doesn't know: Prism would refuse them
    settings = {}  # what `{"set": {…}}` may change, with defaults
    prefixes = ("",)  # how its databases and users are called on the real server

    def __init__(self, world=0):
        # What tells its databases and users from those of others, on the same real server.
        self.world = f"w{world}"
        self.lock = threading.RLock()
        self.faults, self.requests, self.violations = [], [], []
        self.set = dict(self.settings)

    def authorized(self, headers):
        raise NotImplementedError

    def error(self, status, code, message):
        """The provider's way to write an error."""
        return {"code": code, "message": message}

    def state(self):
        return {}

    def reset(self):
        """To the first state; also on start, since an earlier process may have left databases."""

    def close(self):
        """The last thing, when the services go down: ends the servers that it started."""

    def tick(self):
        """Called many times a second: what the provider does by itself."""

    def control(self, action, argument):
        raise Refused(400, "unknown", f"there is no control {action!r}")

    # --- faults ---

    def fault(self, place, method, path):
        """The first fault for this request, one of its times used up. `place` tells the way there from the provider itself."""
        with self.lock:
            for fault in self.faults:
                on_the_way = fault.get("lose_answer") or fault.get("delay") or fault.get("status") in self.undeclared
                if (place == "front") == bool(on_the_way) and fnmatch.fnmatchcase(f"{method} {path}", fault.get("match", "*")):
                    fault["times"] = fault.get("times", 1) - 1
                    if fault["times"] <= 0:
                        self.faults.remove(fault)
                    return fault
        return None

    def faulty(self, fault):
        status = fault["status"]
        body = fault.get("body", self.error(status, fault.get("code", ""), fault.get("message", "a fault that the test asked for")))
        return status, body, {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}

    def answer(self, method, target, headers, body):
        """(status, body, headers)"""
        url = urlsplit(target)
        try:
            if not self.authorized(headers):
                raise Refused(401, "unauthorized", "the key isn't valid")
            fault = self.fault("provider", method, url.path)
            if fault:
                return self.faulty(fault)
            for function in (getattr(self, name) for name in dir(type(self)) if hasattr(getattr(type(self), name), "route")):
                match = function.route[0] == method and function.route[1].match(url.path)
                if match:
                    request = Request(dict(parse_qsl(url.query)), json.loads(body) if body else {}, headers)
                    with self.lock:
                        return *function(request, **{k: unquote(v) for k, v in match.groupdict().items()}), {}
            raise Refused(404, "not_found", f"no such route: {method} {url.path}")
        except Refused as refused:
            return refused.status, self.error(refused.status, refused.code, refused.message), {}

    def controls(self, body):
        with self.lock:
            for action, argument in body.items():
                if action == "reset":
                    self.faults.clear(), self.requests.clear(), self.violations.clear()
                    self.set = dict(self.settings)
                    self.reset()
                elif action == "fault":
                    self.faults.append(argument)
                elif action == "set":
                    unknown = set(argument) - set(self.settings)
                    if unknown:
                        raise Refused(400, "unknown", f"no such setting: {sorted(unknown)}; there are {sorted(self.settings)}")
                    self.set.update(argument)
                else:
                    self.control(action, argument)
            return self.dump()

    def dump(self):
        with self.lock:
            return {"requests": self.requests, "violations": self.violations, "faults": self.faults, "set": self.set, **self.state()}


class Request:
    def __init__(self, query, body, headers):
        self.query, self.body, self.headers = query, body, headers


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self.serve(body)
        except ConnectionError:  # tests kill those who ask
            self.close_connection = True
        except Exception:  # a mistake in a stand-in must be seen, not wait for a time-out
            traceback.print_exc()
            self.reply(599, {"message": "the stand-in failed: see its log"})

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

    def reply(self, status, body, headers=None):
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            if raw or name != "Content-Type":
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


WORLD = "X-World"  # by which the provider knows again whom the front was asked for


def provider(apis):
    class Provider(Handler):
        def serve(self, body):
            self.reply(*apis[int(self.headers[WORLD])].answer(self.command, self.path, self.headers, body))

    return Provider


def front(apis, prism_port):
    class Front(Handler):
        def serve(self, body):
            numbered = re.match(r"/(\d+)(?=/)", self.path)
            world = int(numbered[1]) if numbered else 0
            if world >= len(apis):
                return self.reply(404, {"message": f"there are {len(apis)} of this provider, and no /{world}"})
            self.path = self.path[numbered.end() :] if numbered else self.path
            api, path = apis[world], urlsplit(self.path).path
            if path == "/_control":
                try:
                    return self.reply(200, api.controls(json.loads(body)) if self.command == "POST" else api.dump())
                except Refused as refused:
                    return self.reply(refused.status, {"message": refused.message})
            if not path.startswith(api.base + "/"):
                return self.reply(404, {"message": f"the API is at {api.base}"})
            path = path[len(api.base) :]
            fault = api.fault("front", self.command, path) or {}
            record = {"at": stamp(), "request": f"{self.command} {path}", "status": None}
            with api.lock:
                api.requests.append(record)
            time.sleep(fault.get("delay", 0))
            if "status" in fault:
                status, answer, headers = api.faulty(fault)
                record["status"] = status
                return self.reply(status, answer, headers)
            status, headers, answer = self.through_prism(api, world, body)
            if fault.get("lose_answer"):
                record["status"] = "lost"
                self.close_connection = True
                return self.connection.shutdown(socket.SHUT_RDWR)
            record["status"] = status
            if headers.get("Content-Type", "").startswith("application/problem+json"):
                with api.lock:
                    api.violations.append({"request": record["request"], "status": status, "problem": json.loads(answer)})
            return self.reply(status, answer, headers)

        def through_prism(self, api, world, body):
            connection = http.client.HTTPConnection("127.0.0.1", prism_port, timeout=60)
            try:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length")} | {WORLD: str(world)}
                connection.request(self.command, self.path[len(api.base) :], body or None, headers)
                response = connection.getresponse()
                kept = {k: v for k, v in response.getheaders() if k.lower() in ("content-type", "retry-after")}
                kept = {k.title(): v for k, v in kept.items()}
                return response.status, kept, response.read()
            finally:
                connection.close()

    return Front


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        """A client that went away is no news."""


def ticking(api):
    while True:
        with api.lock:
            try:
                api.tick()
            except Exception:
                traceback.print_exc()
        time.sleep(0.05)


def main(make):
    """`make(arguments, world)` gives an Api. Ends when Prism does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True, help="of the front, which tests talk to")
    parser.add_argument("--prism", required=True, help="Prism's program")
    parser.add_argument("--spec", required=True, help="the OpenAPI document")
    parser.add_argument("--key", required=True, help="what a caller must present")
    parser.add_argument("--database", required=True, help="the real server's URL, an administrator's")
    parser.add_argument("--home", required=True, help="a folder for its data")
    parser.add_argument("--worlds", type=int, default=1, help="how many there are")
    arguments = parser.parse_args()
    apis = [make(arguments, world) for world in range(arguments.worlds)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    for api in apis:
        atexit.register(api.close)
        api.reset()
    behind = Server(("127.0.0.1", 0), provider(apis))
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    prism_port = free_port()
    upstream = f"http://127.0.0.1:{behind.server_address[1]}"
    command = ["node", arguments.prism, "proxy", "--errors", "--host", "127.0.0.1", "--port", str(prism_port), arguments.spec, upstream]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as prism:
        # At start it prints an example of every route, and later requests with their headers: only a failure's end is worth a log.
        atexit.register(prism.terminate)
        log = collections.deque(maxlen=20)
        for line in prism.stdout:
            log.append(line)
            if "Prism is listening" in line:
                break
        else:
            sys.exit("".join(log))
        # Only now, so that a front that answers means a stand-in that is ready.
        Server.allow_reuse_address = True
        edge = Server(("127.0.0.1", arguments.port), front(apis, prism_port))
        threading.Thread(target=edge.serve_forever, daemon=True).start()
        threading.Thread(target=lambda: log.extend(prism.stdout), daemon=True).start()
        # None waits for another, which may be starting a server.
        for api in apis:
            threading.Thread(target=ticking, args=(api,), daemon=True).start()
        prism.wait()
        print(f"Prism ended with {prism.returncode}: {''.join(log)}", flush=True)
