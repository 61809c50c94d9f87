"""A stand-in for Supabase's Management API: branches of a project.

Real: requests and answers are held to an OpenAPI document (specs/supabase.yaml says which); a branch is a PostgreSQL server of its own, with
host, port, user and password of its own, which comes up after a while; without `with_data` it is empty and the project's migrations are
replayed in it, with it it is a copy-on-write copy of the project's database; a migration that fails leaves a branch that says so.

Not real: git integration, action runs, functions, secrets, storage and auth; the pooler; a paid add-on for `with_data`; a branch's user is the
server's superuser. What the real API answers to a name that is taken or to an absent branch isn't in its document: 409 and 404 are guesses.
"""

import random
import string
import time
import uuid

import postgres
from sql import password
from standin import Api, Refused, main, route, seconds, stamp

PROJECT = "dayflytestsprojectaa"


class Supabase(Api):
    settings = {
        "create_seconds": 0.5,
        "branch_limit": 50,
        "tells_password": False,  # whether a branch's detail has its password after a change, of which the document says nothing
        "migrations": "",  # the ledger that a branch replays, as SQL
    }

    def __init__(self, arguments, world):
        super().__init__(world)
        self.key = arguments.key
        self.bin, self.home = postgres.home(arguments.database, f"supabase-{self.world}")
        self.branches, self.project = {}, None

    def authorized(self, headers):
        return headers.get("Authorization") == f"Bearer {self.key}"

    def error(self, status, code, message):
        return {"message": message}

    def state(self):
        return {"project_port": self.project.port, "branches": [{**b["public"], "detail": {k: v for k, v in b["detail"].items() if k != "db_pass"}} for b in self.branches.values()]}

    def close(self):
        for instance in [b["instance"] for b in self.branches.values()] + [self.project]:
            if instance:
                instance.end()

    def reset(self):
        self.close()
        self.branches, self.project = {}, postgres.Instance(self.bin, self.home)
        public, detail = self.new_branch({"branch_name": "main"}, PROJECT)
        public.update(is_default=True, persistent=True, status="FUNCTIONS_DEPLOYED", preview_project_status="ACTIVE_HEALTHY")
        self.branches[public["id"]] = {"public": public, "detail": {**detail, "status": "ACTIVE_HEALTHY"}, "instance": None, "ready_at": None}

    def control(self, action, argument):
        """
        project: SQL   run in the project's own database, which branches with data copy, and which isn't running otherwise
        up: BOOL       whether that database runs: only while it doesn't is it copied here
        """
        if action == "project":
            self.project.filled(argument)
        elif action == "up":
            self.project.start() if argument else self.project.stop()
        else:
            super().control(action, argument)

    def tick(self):
        for branch in list(self.branches.values()):
            if branch["ready_at"] and time.time() > branch["ready_at"]:
                branch["ready_at"] = None
                self.start(branch)
            gone_at = branch["public"].get("deletion_scheduled_at")
            if gone_at and seconds(gone_at) < time.time():
                self.remove(branch)

    @staticmethod
    def new_branch(wanted, ref):
        public = {"id": str(uuid.uuid4()), "name": wanted["branch_name"], "project_ref": ref, "parent_project_ref": PROJECT, "is_default": False}
        public.update(persistent=wanted.get("persistent", False), status="CREATING_PROJECT", created_at=stamp(), updated_at=stamp(), with_data=wanted.get("with_data", False))
        public.update({k: wanted[k] for k in ("git_branch", "notify_url") if k in wanted}, preview_project_status="COMING_UP")
        detail = {"ref": ref, "postgres_version": "17.6.1", "postgres_engine": "17", "release_channel": "ga", "status": "COMING_UP", "db_host": "127.0.0.1", "db_port": 5432}
        return public, detail

    def start(self, branch):
        public, detail, secret = branch["public"], branch["detail"], password()
        instance = branch["instance"] = postgres.Instance(self.bin, self.home, self.project if public["with_data"] else None)
        instance.start()
        instance.run(f"CREATE ROLE owner LOGIN SUPERUSER PASSWORD '{secret}'")
        detail.update(db_port=instance.port, db_user="owner", db_pass=secret, jwt_secret=password(), status="ACTIVE_HEALTHY")
        public.update(status="MIGRATIONS_PASSED", preview_project_status="ACTIVE_HEALTHY", updated_at=stamp())
        try:
            if self.set["migrations"] and not public["with_data"]:
                instance.run(self.set["migrations"])
        except RuntimeError:
            public["status"] = "MIGRATIONS_FAILED"

    def remove(self, branch):
        del self.branches[branch["public"]["id"]]
        if branch["instance"]:
            branch["instance"].end()

    def known(self, ref):
        if ref != PROJECT:
            raise Refused(404, "", "Project not found")

    def find(self, id_or_ref):
        for branch in self.branches.values():
            if id_or_ref in (branch["public"]["id"], branch["public"]["project_ref"]):
                return branch
        raise Refused(404, "", "Branch not found")

    @route("GET", "/v1/projects/{ref}/branches")
    def list_branches(self, request, ref):
        self.known(ref)
        return 200, [b["public"] for b in self.branches.values()]

    @route("POST", "/v1/projects/{ref}/branches")
    def create_branch(self, request, ref):
        self.known(ref)
        if any(b["public"]["name"] == request.body["branch_name"] for b in self.branches.values()):
            raise Refused(409, "", "A branch with this name already exists")
        if len(self.branches) >= self.set["branch_limit"]:
            raise Refused(402, "", "Branch limit reached")
        public, detail = self.new_branch(request.body, "".join(random.choices(string.ascii_lowercase, k=20)))
        self.branches[public["id"]] = {"public": public, "detail": detail, "instance": None, "ready_at": time.time() + self.set["create_seconds"]}
        return 201, dict(public)

    @route("GET", "/v1/projects/{ref}/branches/{name}")
    def get_by_name(self, request, ref, name):
        self.known(ref)
        for branch in self.branches.values():
            if branch["public"]["name"] == name:
                return 200, branch["public"]
        raise Refused(404, "", "Branch not found")

    @route("GET", "/v1/branches/{branch}")
    def get_branch(self, request, branch):
        return 200, self.find(branch)["detail"]

    @route("PATCH", "/v1/branches/{branch}")
    def update_branch(self, request, branch):
        public, wanted = self.find(branch)["public"], dict(request.body)
        if "branch_name" in wanted:
            wanted["name"] = wanted.pop("branch_name")
        public.update({k: v for k, v in wanted.items() if k in ("name", "git_branch", "persistent", "notify_url")}, updated_at=stamp())
        return 200, public

    @route("DELETE", "/v1/branches/{branch}")
    def delete_branch(self, request, branch):
        found = self.find(branch)
        if found["public"]["is_default"]:
            raise Refused(422, "", "The default branch can't be deleted")
        if request.query.get("force", "true") == "false":
            found["public"]["deletion_scheduled_at"] = stamp(time.time() + 3600)
        else:
            self.remove(found)
        return 200, {"message": "ok"}

    @route("PATCH", "/v1/projects/{ref}/database/password")
    def change_password(self, request, ref):
        branch = self.find(ref)
        if not branch["instance"]:
            raise Refused(400, "", "The database is not there yet")
        secret = request.body["password"].replace("'", "''")
        branch["instance"].run(f"ALTER ROLE owner PASSWORD '{secret}'")
        if self.set["tells_password"]:
            branch["detail"]["db_pass"] = request.body["password"]
        return 200, {"message": "Successfully updated database password"}

    @route("POST", "/v1/branches/{branch}/restore")
    def restore_branch(self, request, branch):
        self.find(branch)["public"].pop("deletion_scheduled_at", None)
        return 200, {"message": "Branch restoration initiated"}


if __name__ == "__main__":
    main(Supabase)
