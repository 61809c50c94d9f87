"""Roles, databases and connection strings of neon.py's branches."""

from sql import own_all, password
from standin import Refused, route, stamp

P = "/projects/{project}"
B = P + "/branches/{branch}"


class Roles:
    @staticmethod
    def shown(role, secret=False):
        keys = ("branch_id", "name", "protected", "created_at", "updated_at") + (("password",) if secret else ())
        return {k: role[k] for k in keys}

    def make_role(self, branch, name, secret, owner, before=None):
        real = self.real(branch["id"], name)
        branch["roles"][name] = {"branch_id": branch["id"], "name": name, "password": secret, "protected": False, "owner": owner, "created_at": stamp(), "updated_at": stamp()}
        # Not an owner: reads and writes every table and creates in public, but can't alter what others made.
        self.server.run(f"CREATE ROLE \"{real}\" LOGIN PASSWORD '{secret}'", f'GRANT pg_read_all_data, pg_write_all_data TO "{real}"')
        for database in branch["databases"]:
            in_database = self.real(branch["id"], database)
            self.server.run(f'GRANT CONNECT, TEMPORARY, CREATE ON DATABASE "{in_database}" TO "{real}"')
            statements = [f'GRANT ALL ON SCHEMA public TO "{real}"']
            if owner and not before:
                # A template comes with its maker's tables.
                statements.append(own_all(real))
            elif owner:
                statements.append(f'REASSIGN OWNED BY "{before}" TO "{real}"')
            self.server.run(*statements, database=in_database)

    def role(self, project, branch, name):
        found = self.find(project, branch)
        if name not in found["roles"]:
            raise Refused(404, "", "role not found")
        return found, found["roles"][name]

    @route("GET", B + "/roles")
    def list_roles(self, request, project, branch):
        return 200, {"roles": [self.shown(r) for r in self.find(project, branch)["roles"].values()]}

    @route("POST", B + "/roles")
    def create_role(self, request, project, branch):
        self.unlocked(project)
        found, name, secret = self.find(project, branch), request.body["role"]["name"], password()
        if name in found["roles"]:
            raise Refused(409, "", "role already exists")
        role = {"branch_id": branch, "name": name, "password": secret, "protected": False, "owner": False, "created_at": stamp(), "updated_at": stamp()}
        found["roles"][name] = role
        return 201, {"role": self.shown(role, True), "operations": self.schedule(found, ("apply_config", lambda: self.make_role(found, name, secret, False)))}

    @route("GET", B + "/roles/{name}")
    def get_role(self, request, project, branch, name):
        return 200, {"role": self.shown(self.role(project, branch, name)[1])}

    @route("DELETE", B + "/roles/{name}")
    def delete_role(self, request, project, branch, name):
        self.unlocked(project)
        found = self.find(project, branch)
        if name not in found["roles"]:
            return 204, None
        role = found["roles"].pop(name)
        return 200, {"role": self.shown(role), "operations": self.schedule(found, ("apply_config", lambda: self.drop_role(found, name)))}

    def drop_role(self, branch, name):
        real = self.real(branch["id"], name)
        self.server.bar(real)
        for database in branch["databases"]:
            self.server.run(f'REASSIGN OWNED BY "{real}" TO CURRENT_USER', f'DROP OWNED BY "{real}"', database=self.real(branch["id"], database))
        self.server.drop_role(real)

    @route("POST", B + "/roles/{name}/reset_password")
    def reset_password(self, request, project, branch, name):
        self.unlocked(project)
        found, role = self.role(project, branch, name)
        role.update(password=password(), updated_at=stamp())
        real, secret = self.real(branch, name), role["password"]

        def apply():
            self.server.run(f"ALTER ROLE \"{real}\" PASSWORD '{secret}'")
            self.server.end_sessions(f"usename = '{real}'")

        return 200, {"role": self.shown(role, True), "operations": self.schedule(found, ("apply_config", apply))}

    @route("GET", B + "/roles/{name}/reveal_password")
    def reveal_password(self, request, project, branch, name):
        role = self.role(project, branch, name)[1]
        if not self.set["store_passwords"]:
            raise Refused(412, "", "Storing passwords is disabled")
        return 200, {"password": role["password"]}

    def new_database(self, branch_id, name, owner):
        self.serial += 1
        return {"id": self.serial, "branch_id": branch_id, "name": name, "owner_name": owner, "created_at": stamp(), "updated_at": stamp()}

    @route("GET", B + "/databases")
    def list_databases(self, request, project, branch):
        return 200, {"databases": list(self.find(project, branch)["databases"].values())}

    @route("POST", B + "/databases")
    def create_database(self, request, project, branch):
        self.unlocked(project)
        name, owner = request.body["database"]["name"], request.body["database"]["owner_name"]
        found, _ = self.role(project, branch, owner)
        if name in found["databases"]:
            raise Refused(409, "", "database already exists")
        database = found["databases"][name] = self.new_database(branch, name, owner)
        real = self.real(branch, name)

        def apply():
            self.server.create(real)
            self.server.run(*(f'GRANT CONNECT, TEMPORARY, CREATE ON DATABASE "{real}" TO "{self.real(branch, r)}"' for r in found["roles"]))
            self.server.run(f'GRANT ALL ON SCHEMA public TO "{self.real(branch, owner)}"', database=real)

        return 201, {"database": database, "operations": self.schedule(found, ("apply_config", apply))}

    def uri(self, branch, role, database):
        return self.server.uri(self.real(branch["id"], role), branch["roles"][role]["password"], self.real(branch["id"], database))

    @route("GET", P + "/connection_uri")
    def connection_uri(self, request, project):
        query = request.query
        default = next(b["id"] for b in self.branches.values() if b["public"]["default"])
        # Without a branch it is the default one's, which is production's: a caller must never leave it out.
        branch, _ = self.role(project, default if self.set["wrong_uri"] else query.get("branch_id", default), query["role_name"])
        if query["database_name"] not in branch["databases"]:
            raise Refused(404, "", "database not found")
        if not branch["endpoints"] and not branch["public"]["default"]:
            raise Refused(404, "", "endpoint not found")
        return 200, {"uri": self.uri(branch, query["role_name"], query["database_name"])}
