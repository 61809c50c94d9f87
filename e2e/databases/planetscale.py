"""A stand-in for PlanetScale's API v1, for MySQL and for Postgres databases.

Real: requests and answers are held to an OpenAPI document (specs/planetscale.yaml says which); a Postgres branch is a database of its own on
PostgreSQL 18, a MySQL branch a MariaDB server of its own, with the schema, and with `seed_data` the rows, of its parent; passwords and roles
are real users there, and go when their ttl is over, with their sessions.

Not real: clusters, regions, sizes and VTGates; TLS; minutes of waiting; a backup is the parent as it is now; and on Postgres, seeded or not,
all branches come with the parent's rows if `seed_data` or `restore_point` asks for them and empty otherwise. `access_host_url` has a port, which
the real one never has. What the real API answers to a name that is taken isn't documented: 422 `unprocessable` here.
"""

import time
from secrets import token_hex

from mariadb import Instance
from sql import Postgres, password
from standin import Api, Refused, main, route, seconds, stamp
from vtgate import listen

D = "/organizations/{organization}/databases/{database}"
B = D + "/branches/{branch}"
ACTOR = {"id": "tokenactor01", "display_name": "dayfly-tests", "avatar_url": "https://localhost/avatar"}
GRANTS = {"reader": "SELECT", "writer": "INSERT, UPDATE, DELETE", "readwriter": "SELECT, INSERT, UPDATE, DELETE", "admin": "ALL PRIVILEGES"}
REGION = {"id": "region000001", "provider": "AWS", "enabled": True, "public_ip_addresses": [], "display_name": "AWS us-east-1", "location": "Ashburn"}
REGION |= {"slug": "us-east", "current_default": True, "mysql_supported": True, "postgresql_supported": True}


class PlanetScale(Api):
    base = "/v1"
    settings = {
        "ready_seconds": 0.5,  # from created to ready
        "branch_limit": 100,
        "vtgate": False,  # new passwords lead through one, as far as vtgate.py goes
    }
    organization = "dayfly"
    kinds = {"shop": "mysql", "shop-pg": "postgresql"}

    def __init__(self, arguments, world):
        super().__init__(world)
        self.key, self.server, self.home, self.branches = arguments.key, Postgres(arguments.database), arguments.home, {}

    def authorized(self, headers):
        # No scheme before it: `TOKEN_ID:TOKEN`.
        return headers.get("Authorization") == self.key

    def state(self):
        shown = [{**b["public"], "database": b["database"], "credentials": [self.shown(c) for c in b["credentials"].values()]} for b in self.branches.values()]
        return {"branches": shown}

    def close(self):
        # Whatever happens to one, it is not ended twice.
        while self.branches:
            _, branch = self.branches.popitem()
            if "server" in branch:
                branch["server"].end()

    def reset(self):
        self.close()
        self.server.drop_all(f"ps-{self.world}-")
        for database in self.kinds:
            branch = self.new_branch(database, {"name": "main"}, None)
            self.fill(branch, None, False)
            branch["public"].update(ready=True, state="ready", production=True)

    def control(self, action, argument):
        """
        sql: {database, branch, text}   run as the branch's administrator: how a test fills a parent
        protect: {database, branch}     deletion_protected
        """
        branch = self.branches[(argument["database"], argument["branch"])]
        if action == "sql" and branch["kind"] == "mysql":
            branch["server"].run(f"USE `{branch['database']}`", argument["text"])
        elif action == "sql":
            self.server.run(f'SET ROLE "{branch["owner"]}"', argument["text"], database=branch["real"])
        elif action == "protect":
            branch["public"]["deletion_protected"] = True
        else:
            super().control(action, argument)

    def tick(self):
        for branch in self.branches.values():
            public = branch["public"]
            if not public["ready"] and time.time() > branch["ready_at"]:
                self.fill(branch, branch["parent"], branch["with_rows"])
                public.update(ready=True, schema_ready=True, state="ready", updated_at=stamp())
            for credential in list(branch["credentials"].values()):
                if credential["expires_at"] and not credential["expired"] and seconds(credential["expires_at"]) <= time.time():
                    credential["expired"] = True
                    self.drop_user(branch, credential)

    # --- branches ---

    def new_branch(self, database, wanted, parent):
        branch_id, kind = token_hex(6), self.kinds[database]
        public = {"id": branch_id, "name": wanted["name"], "created_at": stamp(), "updated_at": stamp(), "deleted_at": None, "kind": kind, "state": "pending"}
        public.update(restore_checklist_completed_at=None, schema_last_updated_at=None, mysql_address="127.0.0.1", mysql_edge_address="127.0.0.1", direct_vtgate=False)
        public.update(vtgate_size="VTG_5", vtgate_name=None, vtgate_count=1, vtgate_autoscaling=False, vtgate_max_count=None, vtgate_target_cpu_utilization=None)
        public.update(cluster_name=wanted.get("cluster_size", "PS_DEV"), cluster_iops=None, ready=False, schema_ready=False, metal=False, production=False, safe_migrations=False)
        public.update(deletion_protected=wanted.get("deletion_protected", False), sharded=False, shard_count=1, keyspace_count=1, stale_schema=False, actor=ACTOR)
        public.update(restored_from_branch=None, private_edge_connectivity=False, has_replicas=False, has_read_only_replicas=False, region=REGION, vtgate_options={})
        path = f"{self.organization}/{database}/{wanted['name']}"
        public.update(html_url=f"https://localhost/{path}", url=f"https://localhost/v1/{path}", parent_branch=parent["public"]["name"] if parent else None)
        rows = bool(wanted.get("seed_data") or wanted.get("backup_id") or wanted.get("restore_point"))
        branch = {"public": public, "database": database, "kind": kind, "credentials": {}, "parent": parent, "with_rows": rows}
        real = f"ps-{self.world}-{branch_id}"
        branch.update(real=real, owner=f"{real}.postgres", ready_at=time.time() + self.set["ready_seconds"])
        self.branches[(database, wanted["name"])] = branch
        return branch

    def fill(self, branch, parent, rows):
        if branch["kind"] == "mysql":
            branch["server"] = Instance(self.home)
            if parent:
                branch["server"].copy_from(parent["server"], branch["database"], rows)
            else:
                branch["server"].run(f"CREATE DATABASE `{branch['database']}`")
            return
        if parent:
            self.server.clone(parent["real"], branch["real"])
        else:
            self.server.create(branch["real"])
        if parent and not rows:
            self.server.truncate(branch["real"])
        self.server.run(f'CREATE ROLE "{branch["owner"]}"', f'GRANT ALL ON DATABASE "{branch["real"]}" TO "{branch["owner"]}"')
        own = [f'REASSIGN OWNED BY "{parent["owner"]}" TO "{branch["owner"]}"'] if parent else []
        self.server.run(f'GRANT ALL ON SCHEMA public TO "{branch["owner"]}"', *own, database=branch["real"])

    def remove(self, branch):
        if "server" in branch:
            branch["server"].end()
        else:
            self.server.drop_all(branch["real"])

    def find(self, organization, database, name=None):
        if organization != self.organization or database not in self.kinds or (name and (database, name) not in self.branches):
            raise Refused(404, "not_found", "Not Found")
        return self.branches[(database, name)] if name else None

    @staticmethod
    def page(request, items):
        number, size = int(request.query.get("page", 1)), min(int(request.query.get("per_page", 25)), 100)
        last = max(1, -(-len(items) // size))
        page = {"type": "list", "current_page": number, "per_page": size, "total_count": len(items), "total_pages": last, "data": items[(number - 1) * size : number * size]}
        page.update(next_page=number + 1 if number < last else None, prev_page=number - 1 if number > 1 else None)
        return 200, {**page, "next_page_url": None, "prev_page_url": None}

    @route("GET", D + "/branches")
    def list_branches(self, request, organization, database):
        self.find(organization, database)
        return self.page(request, [b["public"] for (d, name), b in self.branches.items() if d == database and request.query.get("q", "") in name])

    @route("POST", D + "/branches")
    def create_branch(self, request, organization, database):
        self.find(organization, database)
        wanted = request.body
        parent = self.find(organization, database, wanted.get("parent_branch", "main"))
        if (database, wanted["name"]) in self.branches:
            raise Refused(422, "unprocessable", "Name has already been taken")
        if len(self.branches) >= self.set["branch_limit"]:
            raise Refused(422, "unprocessable", "branch limit reached")
        if not parent["public"]["ready"]:
            raise Refused(422, "unprocessable", "parent branch isn't ready")
        return 201, dict(self.new_branch(database, wanted, parent)["public"])

    @route("GET", B)
    def get_branch(self, request, organization, database, branch):
        return 200, self.find(organization, database, branch)["public"]

    @route("DELETE", B)
    def delete_branch(self, request, organization, database, branch):
        found = self.find(organization, database, branch)
        children = [b for b in self.branches.values() if b["parent"] is found]
        if found["public"]["production"] or found["public"]["deletion_protected"] or (children and request.query.get("delete_descendants") != "true"):
            raise Refused(422, "unprocessable", "branch can't be deleted")
        for child in children:
            self.delete_branch(request, organization, database, child["public"]["name"])
        del self.branches[(database, branch)]
        self.remove(found)
        return 204, None

    # --- credentials: passwords of MySQL, roles of Postgres ---

    def credential(self, organization, database, branch, credential):
        found = self.find(organization, database, branch)
        if credential not in found["credentials"]:
            raise Refused(404, "not_found", "Not Found")
        return found, found["credentials"][credential]

    @staticmethod
    def shown(credential, secret=False):
        """The secret is in the answer that made it and in no other."""
        hidden = {"plain_text": None} if "plain_text" in credential else {"password": ""}
        return {**{k: v for k, v in credential.items() if k != "grants"}, **({} if secret else hidden)}

    def new_credential(self, organization, database, branch, kind, wanted):
        found = self.find(organization, database, branch)
        if found["kind"] != kind or not found["public"]["ready"]:
            raise Refused(422, "unprocessable", f"the branch is of kind {found['kind']} and {'ready' if found['public']['ready'] else 'not ready'}")
        ttl = wanted.get("ttl") or None
        credential = {"id": token_hex(6), "name": wanted.get("name", "unnamed"), "created_at": stamp(), "deleted_at": None, "expired": False, "actor": ACTOR}
        credential["expires_at"] = stamp(time.time() + ttl) if ttl else None
        found["credentials"][credential["id"]] = credential
        return found, credential, ttl

    def renew(self, found, ttl):
        if not ttl or found["expired"]:
            raise Refused(422, "unprocessable", "it has no ttl, or has expired")
        found["expires_at"] = stamp(time.time() + ttl)

    def drop_user(self, branch, credential):
        if branch["kind"] == "mysql":
            branch["server"].drop_user(credential["username"])
            return
        role = credential["username"]
        if role in self.server.roles(role):
            self.server.bar(role)
            self.server.run(f'REASSIGN OWNED BY "{role}" TO "{branch["owner"]}"', f'DROP OWNED BY "{role}"', database=branch["real"])
            self.server.drop_role(role)

    def delete_credential(self, organization, database, branch, credential):
        found, which = self.credential(organization, database, branch, credential)
        self.drop_user(found, which)
        del found["credentials"][credential]
        return 204, None

    @route("GET", B + "/passwords")
    def list_passwords(self, request, organization, database, branch):
        found = self.find(organization, database, branch)["credentials"].values()
        return self.page(request, [self.shown(c) for c in found if request.query.get("q", "") in c["name"]])

    @route("POST", B + "/passwords")
    def create_password(self, request, organization, database, branch):
        wanted = request.body
        found, made, ttl = self.new_credential(organization, database, branch, "mysql", wanted)
        port = found["server"].port
        host, public = f"127.0.0.1:{listen('127.0.0.1', port) if self.set['vtgate'] else port}", found["public"]
        made.update(role=wanted.get("role", "admin"), cidrs=wanted.get("cidrs"), last_used_at=None, direct_vtgate=False, direct_vtgate_addresses=[], ttl_seconds=ttl)
        made.update(access_host_url=host, access_host_regional_url=host, access_host_regional_urls=[host], region=REGION, username=token_hex(8), plain_text=f"pscale_pw_{password()}")
        made.update(replica=False, renewable=bool(ttl))
        made["database_branch"] = {k: public[k] for k in ("name", "id", "production", "mysql_edge_address", "private_edge_connectivity")}
        server, user = found["server"], made["username"]
        server.run(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{made['plain_text']}'", f"GRANT {GRANTS[made['role']]} ON `{database}`.* TO '{user}'@'%'")
        return 201, self.shown(made, secret=True)

    @route("GET", B + "/passwords/{credential}")
    def get_password(self, request, organization, database, branch, credential):
        return 200, self.shown(self.credential(organization, database, branch, credential)[1])

    @route("POST", B + "/passwords/{credential}/renew")
    def renew_password(self, request, organization, database, branch, credential):
        found = self.credential(organization, database, branch, credential)[1]
        self.renew(found, found["ttl_seconds"])
        return 200, self.shown(found)

    @route("DELETE", B + "/passwords/{credential}")
    def delete_password(self, request, organization, database, branch, credential):
        return self.delete_credential(organization, database, branch, credential)

    @route("GET", B + "/roles")
    def list_roles(self, request, organization, database, branch):
        found = self.find(organization, database, branch)["credentials"].values()
        return self.page(request, [self.shown(c) for c in found if request.query.get("q", "") in c["name"] + c["username"]])

    @route("POST", B + "/roles")
    def create_role(self, request, organization, database, branch):
        wanted = request.body
        found, made, ttl = self.new_credential(organization, database, branch, "postgresql", wanted)
        public, base, host = found["public"], f"pscale_api_{token_hex(4)}", f"127.0.0.1:{self.server.port}"
        made.update(access_host_url=host, private_access_host_url=host, private_connection_service_name="", base_username=base, username=f"{found['real']}.{base}")
        made.update(password=f"pscale_pw_{password()}", database_name=found["real"], updated_at=stamp(), dropped_at=None, disabled_at=None, drop_failed="", ready=True)
        made.update(default=False, ttl=ttl or 0, inherited_roles=wanted.get("inherited_roles", []), with_replication=wanted.get("with_replication", False))
        made["branch"] = {k: public[k] for k in ("id", "name", "created_at", "updated_at", "deleted_at")}
        made["query_safety_settings"] = {"require_where_on_delete": "off", "require_where_on_update": "off"}
        role = made["username"]
        self.server.run(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{made['password']}'", f'GRANT CONNECT, TEMPORARY ON DATABASE "{found["real"]}" TO "{role}"')
        for inherited in made["inherited_roles"]:
            # `postgres` is the branch's own owner of everything, not the server's superuser.
            self.server.run(f'GRANT "{found["owner"] if inherited == "postgres" else inherited}" TO "{role}"')
        return 200, self.shown(made, secret=True)

    @route("GET", B + "/roles/{credential}")
    def get_role(self, request, organization, database, branch, credential):
        return 200, self.shown(self.credential(organization, database, branch, credential)[1])

    @route("POST", B + "/roles/{credential}/renew")
    def renew_role(self, request, organization, database, branch, credential):
        found = self.credential(organization, database, branch, credential)[1]
        self.renew(found, found["ttl"])
        return 200, self.shown(found)

    @route("POST", B + "/roles/{credential}/reset")
    def reset_role(self, request, organization, database, branch, credential):
        found = self.credential(organization, database, branch, credential)[1]
        found["password"] = f"pscale_pw_{password()}"
        self.server.run(f"ALTER ROLE \"{found['username']}\" PASSWORD '{found['password']}'")
        self.server.end_sessions(f"usename = '{found['username']}'")
        return 200, self.shown(found, secret=True)

    @route("DELETE", B + "/roles/{credential}")
    def delete_role(self, request, organization, database, branch, credential):
        return self.delete_credential(organization, database, branch, credential)


if __name__ == "__main__":
    main(PlanetScale)
