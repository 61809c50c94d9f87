"""A stand-in for Neon's API v2.

Real: every request and answer is held to Neon's own OpenAPI document; a branch is a database of its own on PostgreSQL 18, cloned from its
parent's when the operation finishes, not when it is asked for; roles are real, with passwords that are checked, and belong to one branch; an
expired branch goes by itself; a project is locked (423) while operations run; a deleted branch can't be connected to.

Not real: no computes, hosts or pooler (every URI leads to one server, and `pooled` changes nothing), so no cold start and no limits of size;
one server has one list of roles, so a role or database NAME is called BRANCH.NAME there and only the URI has that name; anonymization
knows plain replacements and hashes, not PostgreSQL Anonymizer's functions. Error codes that Neon doesn't document are empty strings here
(`code` is required): match on the status. Where the documents are silent (what a refused update's status is), 400 is a guess.
"""

import copy
import time
import uuid
from secrets import token_hex

from neon_roles import B, P, Roles
from sql import Postgres, password
from standin import Api, Refused, main, route, seconds, stamp

PROJECT = "dayfly-test-000001"
DAY = 86400


class Neon(Roles, Api):
    base = "/api/v2"
    settings = {
        "operation_seconds": 0.3,  # how long each operation takes
        "lock": True,  # 423 for changes while operations run
        "branch_limit": 5000,
        "root_branch_limit": 10,
        "free_plan": False,  # refuses suspend_timeout_seconds
        "store_passwords": True,  # or 412 for reveal_password
        "anonymize_seconds": 0.5,
        "anonymize_fails": False,
        "fail_operations": 0,  # that many of the next operations end as failed
        "wrong_uri": False,  # connection_uri ignores branch_id, as other tools were seen to do
    }

    def __init__(self, arguments, world):
        super().__init__(world)
        self.key, self.server = arguments.key, Postgres(arguments.database)

    def authorized(self, headers):
        return headers.get("Authorization") == f"Bearer {self.key}"

    def error(self, status, code, message):
        return {"request_id": str(uuid.uuid4()), "code": code, "message": message}

    def state(self):
        return {"branches": list(self.branches.values()), "deleted": list(self.deleted.values()), "operations": [o["public"] for o in self.operations.values()]}

    def reset(self):
        self.branches, self.deleted, self.operations, self.serial = {}, {}, {}, 0
        self.server.drop_all(f"br-{self.world}-")
        main_branch = self.new_branch("main", None, default=True)
        self.server.create(self.real(main_branch["id"], "neondb"))
        main_branch["databases"]["neondb"] = self.new_database(main_branch["id"], "neondb", "neondb_owner")
        self.make_role(main_branch, "neondb_owner", password(), owner=True)

    def control(self, action, argument):
        """
        parent: {name, template?, protected?}  a root branch with an endpoint, whose database `neondb` is a clone of `template`, a database of that server
        expire: NAME                           a branch whose time has come
        """
        if action == "parent":
            branch = self.new_branch(argument["name"], None, protected=argument.get("protected", False))
            branch["databases"]["neondb"] = self.new_database(branch["id"], "neondb", "neondb_owner")
            real = self.real(branch["id"], "neondb")
            self.server.clone(argument["template"], real) if "template" in argument else self.server.create(real)
            self.make_role(branch, "neondb_owner", password(), owner=True)
            self.new_endpoint(branch, {"type": "read_write"})
            self.start(branch)
        elif action == "expire":
            for branch in self.branches.values():
                if branch["public"]["name"] == argument:
                    branch["public"]["expires_at"] = stamp(time.time() - 1)
        else:
            super().control(action, argument)

    # --- what happens by itself ---

    def tick(self):
        now = time.time()
        for operation in list(self.operations.values()):
            if operation["public"]["status"] not in ("scheduling", "running"):
                continue
            if now < operation["starts"]:
                continue
            operation["public"].update(status="running", updated_at=stamp())
            if now >= operation["ends"]:
                self.finish(operation)
        for branch in list(self.branches.values()):
            if "expires_at" in branch["public"] and seconds(branch["public"]["expires_at"]) < now:
                self.remove(branch, hard=False, method="ttl")
            if branch.get("anonymize_at", now + 1) < now:
                self.mask(branch)

    def finish(self, operation):
        public = operation["public"]
        if self.set["fail_operations"] > 0:
            self.set["fail_operations"] -= 1
            public.update(status="failed", error="a fault that the test asked for", failures_count=1, updated_at=stamp())
            return
        if operation["effect"]:
            operation["effect"]()
            operation["effect"] = None
        public.update(status="finished", updated_at=stamp(), total_duration_ms=int(self.set["operation_seconds"] * 1000))

    def schedule(self, branch, *actions):
        """(action, effect) in turn, one after the other."""
        at, made = time.time(), []
        for action, effect in actions:
            public = {"id": str(uuid.uuid4()), "project_id": PROJECT, "branch_id": branch["id"], "action": action, "status": "scheduling"}
            public.update(failures_count=0, created_at=stamp(), updated_at=stamp(), total_duration_ms=0)
            self.operations[public["id"]] = {"public": public, "starts": at, "ends": at + self.set["operation_seconds"], "effect": effect}
            at += self.set["operation_seconds"]
            made.append(dict(public))
        return made

    def unlocked(self, project):
        """For every change: the lock is the project's, not the branch's."""
        self.known(project)
        if self.set["lock"] and any(o["public"]["status"] in ("scheduling", "running") for o in self.operations.values()):
            raise Refused(423, "", "project already has running conflicting operations, scheduling of new ones is prohibited")

    # --- branches ---

    @staticmethod
    def known(project):
        if project != PROJECT:
            raise Refused(404, "", "project not found")

    def find(self, project, branch):
        self.known(project)
        if branch not in self.branches:
            raise Refused(404, "", "branch not found")
        return self.branches[branch]

    @staticmethod
    def real(branch_id, name):
        return f"{branch_id}.{name}"[:63]

    def new_branch(self, name, parent, default=False, protected=False, init_source="parent-data", **more):
        self.serial += 1
        branch_id = f"br-{self.world}-{token_hex(3)}{self.serial:03}"
        public = {"id": branch_id, "project_id": PROJECT, "name": name, "current_state": "ready", "state_changed_at": stamp(), "creation_source": "console"}
        public.update(default=default, primary=default, protected=protected, cpu_used_sec=0, compute_time_seconds=0, active_time_seconds=0, written_data_bytes=0)
        public.update(data_transfer_bytes=0, logical_size=0, created_at=stamp(), updated_at=stamp(), init_source=init_source, **more)
        if parent:
            public.update(parent_id=parent["id"], parent_lsn="0/1DE2850")
        branch = {"id": branch_id, "public": public, "annotation": {}, "roles": {}, "databases": {}, "endpoints": {}}
        self.branches[branch_id] = branch
        return branch

    def annotation(self, branch):
        created = branch["public"]["created_at"]
        return {"object": {"type": "console/branch", "id": branch["id"]}, "value": branch["annotation"], "created_at": created, "updated_at": created}

    def matching(self, project, request):
        self.known(project)
        text = request.query.get("search", "")
        deleted = self.deleted if request.query.get("include_deleted") == "true" else {}
        return [b for b in [*self.branches.values(), *deleted.values()] if text in b["public"]["name"] or text in b["id"]]

    @route("GET", P + "/branches")
    def list_branches(self, request, project):
        by, order = request.query.get("sort_by", "updated_at"), request.query.get("sort_order", "desc")
        found = sorted(self.matching(project, request), key=lambda b: (b["public"][by], b["id"]), reverse=order == "desc")
        start, limit = int(request.query.get("cursor", 0)), int(request.query.get("limit", 10000))
        page = found[start : start + limit]
        pagination = {"sort_by": by, "sort_order": order.upper()}
        if start + limit < len(found):
            pagination["next"] = str(start + limit)
        annotations = {b["id"]: self.annotation(b) for b in page if b["annotation"]}
        return 200, {"branches": [b["public"] for b in page], "annotations": annotations, "pagination": pagination}

    @route("GET", P + "/branches/count")
    def count_branches(self, request, project):
        return 200, {"count": len(self.matching(project, request))}

    @route("POST", P + "/branches")
    def create_branch(self, request, project):
        self.unlocked(project)
        return 201, self.create(request.body.get("branch", {}), request.body.get("endpoints", []), request.body.get("annotation_value", {}))

    def create(self, wanted, endpoints, annotation, anonymized=None):
        name = wanted.get("name", f"stand-in-{token_hex(3)}")
        parent = self.find(PROJECT, wanted["parent_id"]) if wanted.get("parent_id") else next(b for b in self.branches.values() if b["public"]["default"])
        schema_only = wanted.get("init_source") == "schema-only"
        if any(b["public"]["name"] == name for b in self.branches.values()):
            raise Refused(409, "", "branch already exists")
        if len(self.branches) >= self.set["branch_limit"]:
            raise Refused(422, "BRANCHES_LIMIT_EXCEEDED", "branches limit exceeded")
        if schema_only and sum("parent_id" not in b["public"] for b in self.branches.values()) >= self.set["root_branch_limit"]:
            raise Refused(422, "ROOT_BRANCHES_LIMIT_EXCEEDED", "root branches limit exceeded")
        if "expires_at" in parent["public"] and not schema_only:
            raise Refused(400, "", "a branch that expires can't have children")
        if self.set["free_plan"] and any(e.get("suspend_timeout_seconds") for e in endpoints):
            raise Refused(400, "", "suspend interval changing is not allowed")
        more = self.expiry(wanted.get("expires_at"), wanted.get("protected", False))
        branch = self.new_branch(name, None if schema_only else parent, False, wanted.get("protected", False), wanted.get("init_source", "parent-data"), **more)
        branch["annotation"] = annotation
        branch["public"]["current_state"] = "init"
        for role, of_parent in parent["roles"].items():
            # The rule that surprises: only a protected parent's children get passwords of their own.
            inherited = of_parent["password"] if not parent["public"]["protected"] else password()
            branch["roles"][role] = {**of_parent, "password": inherited, "branch_id": branch["id"], "created_at": stamp(), "updated_at": stamp()}
        for database, of_parent in parent["databases"].items():
            branch["databases"][database] = {**of_parent, "branch_id": branch["id"], "created_at": stamp(), "updated_at": stamp()}
        for endpoint in endpoints:
            self.new_endpoint(branch, endpoint)
        if anonymized is not None:
            branch["masking"] = {"state": "created", "rules": anonymized["rules"], "start": anonymized["start"], "updated_at": stamp()}
        actions = [("create_branch", lambda: self.clone(parent, branch, schema_only))]
        actions += [("start_compute", lambda: self.start(branch))] if endpoints else []
        operations = self.schedule(branch, *actions)
        answer = {"branch": branch["public"], "endpoints": list(branch["endpoints"].values()), "operations": operations}
        answer.update(roles=[self.shown(r) for r in branch["roles"].values()], databases=list(branch["databases"].values()))
        if endpoints and len(branch["roles"]) == 1 and len(branch["databases"]) == 1:
            role, database = next(iter(branch["roles"].values())), next(iter(branch["databases"]))
            parameters = {"database": database, "password": role["password"], "role": role["name"], "host": self.server.host, "pooler_host": self.server.host}
            answer["connection_uris"] = [{"connection_uri": self.uri(branch, role["name"], database), "connection_parameters": parameters}]
        return copy.deepcopy(answer)

    @staticmethod
    def expiry(expires_at, protected):
        if not expires_at:
            return {}
        left = seconds(expires_at) - time.time()
        if not 0 < left <= 30 * DAY or protected:
            raise Refused(400, "", "expires_at must be in the future, at most 30 days away, and not on a protected branch")
        return {"expires_at": expires_at, "ttl_interval_seconds": int(left)}

    def clone(self, parent, branch, schema_only):
        for database in branch["databases"]:
            real = self.real(branch["id"], database)
            self.server.clone(self.real(parent["id"], database), real)
            if schema_only:
                self.server.truncate(real)
        for role in list(branch["roles"].values()):
            self.make_role(branch, role["name"], role["password"], role["owner"], before=self.real(parent["id"], role["name"]))
        branch["public"].update(current_state="ready", state_changed_at=stamp())
        if "masking" in branch:
            branch["masking"].update(state="initialized", updated_at=stamp())
            if branch["masking"]["start"]:
                self.start_masking(branch)

    @route("GET", B)
    def get_branch(self, request, project, branch):
        found = self.find(project, branch)
        return 200, {"branch": found["public"], "annotation": self.annotation(found)}

    @route("PATCH", B)
    def update_branch(self, request, project, branch):
        self.unlocked(project)
        found, wanted = self.find(project, branch), request.body["branch"]
        if "name" in wanted and any(b is not found and b["public"]["name"] == wanted["name"] for b in self.branches.values()):
            raise Refused(409, "", "branch already exists")
        if wanted.get("expires_at") and (found["public"]["default"] or self.children(branch)):
            raise Refused(400, "", "a default branch or a parent can't expire")
        more = self.expiry(wanted.get("expires_at"), wanted.get("protected", found["public"]["protected"]))
        if "expires_at" in wanted:
            found["public"].pop("expires_at", None), found["public"].pop("ttl_interval_seconds", None)
        found["public"].update({k: v for k, v in wanted.items() if k in ("name", "protected")}, **more, updated_at=stamp())
        return 200, {"branch": found["public"], "operations": []}

    def children(self, branch_id):
        return [b for b in self.branches.values() if b["public"].get("parent_id") == branch_id]

    @route("DELETE", B)
    def delete_branch(self, request, project, branch):
        self.known(project)
        if branch not in self.branches:
            return 204, None
        self.unlocked(project)
        found = self.find(project, branch)
        if found["public"]["default"] or found["public"]["protected"] or self.children(branch):
            raise Refused(422, "", "a default or protected branch, or one with children, can't be deleted")
        return 200, {"branch": found["public"], "operations": self.remove(found, request.query.get("hard_delete") == "true", "user")}

    def remove(self, branch, hard, method):
        """Softly: still there for 7 days, with the passwords it had."""
        del self.branches[branch["id"]]
        for database in branch["databases"]:
            real = self.real(branch["id"], database)
            if real in self.server.databases(real):
                self.server.run(f'ALTER DATABASE "{real}" ALLOW_CONNECTIONS false')
                self.server.end_sessions(f"datname = '{real}'")
        if not hard:
            branch["public"]["recovery"] = {"deleted_at": stamp(), "recoverable_until": stamp(time.time() + 7 * DAY), "deletion_method": method}
            self.deleted[branch["id"]] = branch
        return self.schedule(branch, ("suspend_compute", None), ("delete_timeline", (lambda: self.server.drop_all(branch["id"])) if hard else None))

    @route("POST", B + "/recover")
    def recover(self, request, project, branch):
        self.unlocked(project)
        if branch not in self.deleted:
            raise Refused(404, "", "branch not found")
        found = self.branches[branch] = self.deleted.pop(branch)
        for field in ("recovery", "expires_at", "ttl_interval_seconds"):
            found["public"].pop(field, None)
        for database in found["databases"]:
            self.server.run(f'ALTER DATABASE "{self.real(branch, database)}" ALLOW_CONNECTIONS true')
        return 200, {"branch": found["public"], "endpoints": list(found["endpoints"].values())}

    # --- operations and endpoints ---

    @route("GET", P + "/operations")
    def list_operations(self, request, project):
        self.known(project)
        return 200, {"operations": [o["public"] for o in self.operations.values()][::-1][: int(request.query.get("limit", 100))]}

    @route("GET", P + "/operations/{operation}")
    def get_operation(self, request, project, operation):
        self.known(project)
        if operation not in self.operations:
            raise Refused(404, "", "operation not found")
        return 200, {"operation": self.operations[operation]["public"]}

    def new_endpoint(self, branch, wanted):
        endpoint = {"host": self.server.host, "id": "ep" + branch["id"][2:], "project_id": PROJECT, "branch_id": branch["id"], "region_id": "aws-us-east-2"}
        endpoint.update(autoscaling_limit_min_cu=wanted.get("autoscaling_limit_min_cu", 0.25), autoscaling_limit_max_cu=wanted.get("autoscaling_limit_max_cu", 0.25))
        endpoint.update(type=wanted["type"], current_state="init", settings={}, pooler_enabled=False, pooler_mode="transaction", disabled=False)
        endpoint.update(passwordless_access=True, creation_source="console", created_at=stamp(), updated_at=stamp(), proxy_host="127.0.0.1")
        endpoint.update(suspend_timeout_seconds=wanted.get("suspend_timeout_seconds", 0), provisioner="k8s-neonvm")
        branch["endpoints"][endpoint["id"]] = endpoint

    @staticmethod
    def start(branch):
        for endpoint in branch["endpoints"].values():
            endpoint.update(current_state="active", updated_at=stamp())

    @route("GET", B + "/endpoints")
    def list_endpoints(self, request, project, branch):
        return 200, {"endpoints": list(self.find(project, branch)["endpoints"].values())}

    # --- anonymized branches ---

    @route("POST", P + "/branch_anonymized")
    def create_anonymized(self, request, project):
        self.unlocked(project)
        create = request.body.get("branch_create", {})
        masking = {"rules": request.body.get("masking_rules", []), "start": request.body.get("start_anonymization", False)}
        return 201, self.create(create.get("branch", {}), create.get("endpoints", []), {"anonymized": "true", **request.body.get("annotation_value", {})}, masking)

    def masked(self, project, branch):
        found = self.find(project, branch)
        if "masking" not in found:
            raise Refused(404, "", "the branch isn't an anonymized one")
        return found

    def status(self, branch):
        public = {"project_id": PROJECT, "branch_id": branch["id"], "state": branch["masking"]["state"]}
        return {**public, "created_at": branch["public"]["created_at"], "updated_at": branch["masking"]["updated_at"]}

    @route("GET", B + "/anonymized_status")
    def anonymized_status(self, request, project, branch):
        return 200, self.status(self.masked(project, branch))

    @route("GET", B + "/masking_rules")
    def get_rules(self, request, project, branch):
        return 200, {"masking_rules": self.masked(project, branch)["masking"]["rules"]}

    @route("PATCH", B + "/masking_rules")
    def set_rules(self, request, project, branch):
        self.masked(project, branch)["masking"].update(rules=request.body["masking_rules"], updated_at=stamp())
        return self.get_rules(request, project, branch)

    @route("POST", B + "/anonymize")
    def anonymize(self, request, project, branch):
        found = self.masked(project, branch)
        if found["masking"]["state"] not in ("initialized", "error", "anonymized"):
            raise Refused(409, "", f"the branch is {found['masking']['state']}")
        self.start_masking(found)
        return 200, self.status(found)

    def start_masking(self, branch):
        branch["masking"].update(state="anonymizing", updated_at=stamp())
        branch["anonymize_at"] = time.time() + self.set["anonymize_seconds"]

    def mask(self, branch):
        del branch["anonymize_at"]
        if self.set["anonymize_fails"]:
            branch["masking"].update(state="error", updated_at=stamp())
            return
        for rule in branch["masking"]["rules"]:
            column = f'"{rule["column_name"]}"'
            value = rule.get("masking_value") or f"'masked-' || md5({column}::text)"
            self.server.run(f'UPDATE "{rule["schema_name"]}"."{rule["table_name"]}" SET {column} = {value}', database=self.real(branch["id"], rule["database_name"]))
        branch["masking"].update(state="anonymized", updated_at=stamp())


if __name__ == "__main__":
    main(Neon)
