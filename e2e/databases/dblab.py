"""A stand-in for the DBLab Engine's API (4.1): thin clones of a PostgreSQL.

Real: requests and answers are held to an OpenAPI document (specs/dblab.yaml says which); a clone is a PostgreSQL server of its own, on a port of
its own, on a copy-on-write copy (XFS here, ZFS or LVM there) of a snapshot; the caller's user and password are real there; a reset keeps
them and the port; a clone that isn't protected goes when it was idle for too long; a protection ends by itself; the number of ports is limited.

Not real: Docker, pools, retrieval of the source's data, observation. "Idle" counts from the creation and the last reset, not from the last
query. The user owns the database and everything in it, and isn't a superuser even if `restricted` is false.
"""

import time

import postgres
from sql import own_all
from standin import Api, Refused, main, route, stamp


class Dblab(Api):
    settings = {
        "create_seconds": 0.5,
        "ports": 100,
        "max_idle_minutes": 120,
        "protection_max_minutes": 10080,
        "protection_lease_minutes": 1440,
        "create_fails": False,
    }

    def __init__(self, arguments, world):
        super().__init__(world)
        self.key = arguments.key
        self.bin, self.home = postgres.home(arguments.database, f"dblab-{self.world}")
        self.clones, self.snapshots, self.branches = {}, {}, {}

    def authorized(self, headers):
        return headers.get("Verification-Token") == self.key

    def error(self, status, code, message):
        return {"code": code or "ERROR", "message": message}

    def state(self):
        return {"clones": [c["public"] for c in self.clones.values()], "snapshots": [s["public"] for s in self.snapshots.values()], "branches": list(self.branches.values())}

    def close(self):
        for thing in [*self.clones.values(), *self.snapshots.values()]:
            if thing.get("instance"):
                thing["instance"].end()

    def reset(self):
        self.close()
        self.clones, self.snapshots, self.branches = {}, {}, {}
        first = self.snapshot(postgres.Instance(self.bin, self.home))
        self.branches["main"] = {"name": "main", "parent": "-", "dataStateAt": stamp(), "snapshotID": first}

    def control(self, action, argument):
        """
        source: SQL        run in a new snapshot, which becomes the main branch's: how a test fills its baseline
        idle: CLONE        as if it had been idle for too long
        unprotect: CLONE   as if its protection had ended
        """
        if action == "source":
            instance = postgres.Instance(self.bin, self.home, self.snapshots[self.branches["main"]["snapshotID"]]["instance"])
            instance.filled(argument)
            self.branches["main"]["snapshotID"] = self.snapshot(instance)
        elif action == "idle":
            self.clones[argument]["used"] = 0
        elif action == "unprotect":
            self.clones[argument]["protected_till"] = time.time()
        else:
            super().control(action, argument)

    def tick(self):
        now = time.time()
        for name, clone in list(self.clones.items()):
            public = clone["public"]
            if public["status"]["code"] in ("CREATING", "RESETTING") and now > clone["ready_at"]:
                self.start(clone)
            if clone["protected_till"] and clone["protected_till"] <= now:
                self.protect(clone, False)
            if not public["protected"] and clone["used"] + self.set["max_idle_minutes"] * 60 < now:
                self.remove(name)

    def snapshot(self, instance):
        name = f"pool/dataset_1/main/{time.time_ns()}@{time.time_ns()}"
        public = {"id": name, "createdAt": stamp(), "dataStateAt": stamp(), "physicalSize": 0, "logicalSize": 0, "pool": "pool/dataset_1", "numClones": 0}
        self.snapshots[name] = {"public": public, "instance": instance}
        return name

    @route("GET", "/snapshots")
    def list_snapshots(self, request):
        return 200, [s["public"] for s in self.snapshots.values()][::-1]

    @route("GET", "/branches")
    def list_branches(self, request):
        return 200, list(self.branches.values())

    @route("POST", "/branch")
    def create_branch(self, request):
        wanted = request.body
        if wanted["branchName"] in self.branches or wanted.get("baseBranch", "main") not in self.branches:
            raise Refused(400, "BAD_REQUEST", f"branch '{wanted['branchName']}' already exists, or its base doesn't")
        base = self.branches[wanted.get("baseBranch", "main")]
        self.branches[wanted["branchName"]] = {**base, "name": wanted["branchName"], "parent": base["name"], "snapshotID": wanted.get("snapshotID", base["snapshotID"])}
        return 200, {"name": wanted["branchName"]}

    @route("POST", "/branch/snapshot")
    def snapshot_of_clone(self, request):
        clone = self.find(request.body["cloneID"])
        source = clone["instance"].stop()
        name = self.snapshot(postgres.Instance(self.bin, self.home, source))
        source.start()
        self.branches[clone["branch"]]["snapshotID"] = name
        return 200, {"snapshotID": name}

    @route("PATCH", "/branch/{name}")
    def update_branch(self, request, name):
        if name not in self.branches:
            raise Refused(400, "BAD_REQUEST", "branch not found")
        self.branches[name].update({k: v for k, v in request.body.items() if k in ("protected", "deleteAt")})
        return 200, {k: v for k, v in self.branches[name].items() if k in ("name", "protected", "deleteAt")}

    @route("DELETE", "/branch/{name}")
    def delete_branch(self, request, name):
        used = any(c["branch"] == name for c in self.clones.values()) or any(b["parent"] == name for b in self.branches.values())
        if name not in self.branches or name == "main" or used or self.branches[name].get("protected"):
            raise Refused(400, "BAD_REQUEST", "branch can't be deleted: absent, main, protected, or in use")
        del self.branches[name]
        return 200, {"status": "OK", "message": "Deleted branch"}

    # --- clones ---

    def find(self, name):
        if name not in self.clones:
            raise Refused(404, "NOT_FOUND", "Requested object does not exist. Specify your request.")
        return self.clones[name]

    def protect(self, clone, protected, minutes=None):
        minutes = min(minutes or self.set["protection_lease_minutes"], self.set["protection_max_minutes"])
        clone["protected_till"] = time.time() + minutes * 60 if protected else None
        clone["public"]["protected"] = protected
        clone["public"].pop("protectedTill", None)
        if protected:
            clone["public"]["protectedTill"] = stamp(clone["protected_till"])

    @route("GET", "/clones")
    def list_clones(self, request):
        return 200, [c["public"] for c in self.clones.values()]

    @route("POST", "/clone")
    def create_clone(self, request):
        wanted, db = request.body, request.body.get("db", {})
        name, branch = wanted.get("id") or f"clone{time.time_ns()}", wanted.get("branch", "main")
        if name in self.clones:
            raise Refused(400, "BAD_REQUEST", "clone with such ID already exists")
        snapshot = wanted.get("snapshot", {}).get("id") or self.branches.get(branch, {}).get("snapshotID")
        if snapshot not in self.snapshots or not db.get("username") or not db.get("password"):
            raise Refused(400, "BAD_REQUEST", "missing a snapshot, or DB credentials")
        if len(self.clones) >= self.set["ports"]:
            raise Refused(500, "INTERNAL_ERROR", "no available ports")
        public = {"id": name, "snapshot": self.snapshots[snapshot]["public"], "protected": False, "createdAt": stamp(), "branch": branch}
        public["status"] = {"code": "CREATING", "message": "Clone is being created."}
        public["db"] = {"connStr": "", "host": "", "port": "", "username": db["username"], "password": "", "dbName": db.get("db_name") or "postgres"}
        public["metadata"] = {"cloneDiffSize": 0, "logicalSize": 0, "cloningTime": 0, "maxIdleMinutes": self.set["max_idle_minutes"]}
        clone = self.clones[name] = {"public": public, "snapshot": snapshot, "branch": branch, "secret": db["password"], "used": time.time(), "instance": None}
        clone["ready_at"] = time.time() + self.set["create_seconds"]
        self.protect(clone, wanted.get("protected", False), wanted.get("protectionDurationMinutes"))
        return 201, dict(public)

    def start(self, clone):
        db, public = clone["public"]["db"], clone["public"]
        if self.set["create_fails"]:
            public["status"] = {"code": "FATAL", "message": "Cloning failure."}
            return
        before = clone["instance"]
        instance = clone["instance"] = postgres.Instance(self.bin, self.home, self.snapshots[clone["snapshot"]]["instance"])
        if before:
            before.end()
            instance.move_to(before)
        instance.start()
        user, secret = db["username"].replace('"', '""'), clone["secret"].replace("'", "''")
        instance.run(f"CREATE ROLE \"{user}\" LOGIN CREATEDB CREATEROLE PASSWORD '{secret}'")
        instance.run(f'GRANT ALL ON DATABASE "{db["dbName"]}" TO "{user}"')
        instance.run(f'GRANT ALL ON SCHEMA public TO "{user}"', own_all(user), database=db["dbName"])
        db.update(host="127.0.0.1", port=str(instance.port), connStr=f"host=127.0.0.1 port={instance.port} user={db['username']} dbname={db['dbName']}")
        public["status"] = {"code": "OK", "message": "Clone is ready to accept Postgres connections."}

    @route("GET", "/clone/{name}")
    def get_clone(self, request, name):
        return 200, self.find(name)["public"]

    @route("PATCH", "/clone/{name}")
    def update_clone(self, request, name):
        self.protect(self.find(name), request.body.get("protected", False), request.body.get("protectionDurationMinutes"))
        return 200, self.find(name)["public"]

    @route("POST", "/clone/{name}/reset")
    def reset_clone(self, request, name):
        clone, wanted = self.find(name), request.body
        latest = self.branches[clone["branch"]]["snapshotID"]
        clone["snapshot"] = latest if wanted.get("latest") else wanted.get("snapshotID") or clone["snapshot"]
        if clone["snapshot"] not in self.snapshots:
            raise Refused(400, "BAD_REQUEST", "snapshot not found")
        clone["public"]["snapshot"] = self.snapshots[clone["snapshot"]]["public"]
        clone["public"]["status"] = {"code": "RESETTING", "message": "Clone is being reset."}
        clone.update(ready_at=time.time() + self.set["create_seconds"], used=time.time())
        return 200, "OK"

    @route("DELETE", "/clone/{name}")
    def delete_clone(self, request, name):
        if self.find(name)["public"]["protected"]:
            raise Refused(400, "BAD_REQUEST", "clone is protected")
        self.remove(name)
        return 200, "OK"

    def remove(self, name):
        clone = self.clones.pop(name)
        if clone["instance"]:
            clone["instance"].end()


if __name__ == "__main__":
    main(Dblab)
