"""A stand-in for Crunchy Bridge's API: forks of a cluster.

Real: requests and answers are held to specs/crunchy-bridge.yaml, which is derived from the vendor's own clients; a fork is a PostgreSQL server
of its own with its source's data, and passes through the states that those clients know; its roles `postgres` (superuser) and `application`
are real, with passwords that can be rotated.

Not real, or not known: what the server answers to mistakes (the clients only tell 400, 401, 403, 404 and 409 apart), whether names are unique (not
here), whether a fork keeps its source's passwords (not here), minutes of waiting, backups (a fork has the data as it is now), plans, networks, TLS.
"""

import time
import uuid
from secrets import token_hex

import postgres
from sql import own_all, password
from standin import Api, Refused, main, route, stamp

TEAM = "dayflytestteam"
C = "/clusters/{cluster}"


class CrunchyBridge(Api):
    settings = {"create_seconds": 0.6}

    def __init__(self, arguments, world):
        super().__init__(world)
        self.key = arguments.key
        self.bin, self.home = postgres.home(arguments.database, f"crunchy-bridge-{self.world}")
        self.clusters = {}

    def authorized(self, headers):
        return headers.get("Authorization") == f"Bearer {self.key}"

    def error(self, status, code, message):
        return {"message": message, "request_id": str(uuid.uuid4())}

    def state(self):
        return {"clusters": [{**c["public"], "state": c["state"]} for c in self.clusters.values()]}

    def close(self):
        for cluster in self.clusters.values():
            cluster["instance"].end()

    def reset(self):
        self.close()
        self.clusters = {}
        source = self.new_cluster({"name": "baseline"}, None)
        source["state"] = "ready"

    def control(self, action, argument):
        """
        source: SQL   run in the cluster `baseline`, which isn't running otherwise
        up: BOOL      whether that cluster runs: only while it doesn't can it be forked here
        """
        baseline = next(c for c in self.clusters.values() if c["public"]["name"] == "baseline")
        if action == "source":
            baseline["instance"].filled(argument)
        elif action == "up" and argument:
            self.start(baseline)
        elif action == "up":
            baseline["instance"].stop()
        else:
            super().control(action, argument)

    def tick(self):
        for cluster in self.clusters.values():
            passed = time.time() - cluster["made"]
            if cluster["state"] == "creating" and passed > self.set["create_seconds"] / 2:
                cluster["state"] = "restoring"
            if cluster["state"] == "restoring" and passed > self.set["create_seconds"]:
                self.start(cluster)

    def new_cluster(self, wanted, source):
        public = {"cpu": 1, "id": token_hex(13), "cluster_id": source["public"]["id"] if source else None, "created_at": stamp(), "host": "127.0.0.1", "is_ha": wanted.get("is_ha", False)}
        public.update(maintenance_window_start=None, major_version=18, memory=2, name=wanted["name"], network_id=None, plan_id=wanted.get("plan_id", "hobby-2"))
        public.update(provider_id="aws", region_id="us-east-1", storage=wanted.get("storage", 10), tailscale_active=False, team_id=TEAM)
        instance = postgres.Instance(self.bin, self.home, source["instance"] if source else None)
        cluster = {"public": public, "state": "creating", "made": time.time(), "instance": instance, "roles": {}}
        self.clusters[public["id"]] = cluster
        return cluster

    def start(self, cluster):
        instance = cluster["instance"].start()
        cluster["roles"] = {"postgres": password(), "application": password()}
        # The server's own superuser is the stand-in's; everybody here must show a password.
        for role, real, more in (("application", "application", ""), ("postgres", "bridge_postgres", "SUPERUSER")):
            # A fork of a cluster that ran has them.
            instance.run(f"DO $$ BEGIN CREATE ROLE {real} LOGIN {more}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
            instance.run(f"ALTER ROLE {real} PASSWORD '{cluster['roles'][role]}'")
        instance.run("GRANT ALL ON DATABASE postgres TO application")
        instance.run("GRANT ALL ON SCHEMA public TO application", own_all("application"))
        cluster["state"] = "ready"

    def find(self, cluster):
        if cluster not in self.clusters:
            raise Refused(404, "", "cluster not found")
        return self.clusters[cluster]

    @route("GET", "/clusters")
    def list_clusters(self, request):
        found = [c["public"] for c in self.clusters.values() if request.query["team_id"] == TEAM]
        start = int(request.query.get("cursor", 0))
        more = start + 100 < len(found)
        return 200, {"clusters": found[start : start + 100], "has_more": more, "next_cursor": str(start + 100) if more else None}

    @route("GET", C)
    def get_cluster(self, request, cluster):
        return 200, self.find(cluster)["public"]

    @route("PATCH", C)
    def update_cluster(self, request, cluster):
        self.find(cluster)["public"].update(request.body)
        return 200, self.find(cluster)["public"]

    @route("DELETE", C)
    def delete_cluster(self, request, cluster):
        found = self.find(cluster)
        if found["public"]["name"] == "baseline":
            raise Refused(400, "", "the cluster is protected")
        found["instance"].end()
        return 200, self.clusters.pop(cluster)["public"]

    @route("GET", C + "/status")
    def get_status(self, request, cluster):
        return 200, {"state": self.find(cluster)["state"], "oldest_backup_at": None}

    @route("POST", C + "/forks")
    def fork(self, request, cluster):
        source = self.find(cluster)
        if source["instance"].process:
            raise Refused(400, "", "the stand-in forks only `baseline`")
        return 201, dict(self.new_cluster(request.body, source)["public"])

    def role(self, cluster, name):
        found = self.find(cluster)
        if name not in found["roles"]:
            raise Refused(404, "", "role not found")
        real = {"postgres": "bridge_postgres"}.get(name, name)
        secret = found["roles"][name]
        return found, real, {"name": name, "cluster_id": cluster, "team_id": TEAM, "account_id": None, "password": secret, "uri": found["instance"].uri(real, secret, "postgres")}

    @route("GET", C + "/roles")
    def list_roles(self, request, cluster):
        return 200, {"roles": [{"name": name} for name in self.find(cluster)["roles"]]}

    @route("GET", C + "/roles/{name}")
    def get_role(self, request, cluster, name):
        return 200, self.role(cluster, name)[2]

    @route("PUT", C + "/roles/{name}")
    def update_role(self, request, cluster, name):
        found, real, _ = self.role(cluster, name)
        if request.body.get("rotate_password"):
            secret = found["roles"][name] = password()
            found["instance"].run(f"ALTER ROLE {real} PASSWORD '{secret}'")
            found["instance"].end_sessions(f"usename = '{real}'")
        return 200, self.role(cluster, name)[2]


if __name__ == "__main__":
    main(CrunchyBridge)
