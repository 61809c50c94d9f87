"""Checks the stand-ins themselves, through Prism, one after the other: `services check [NAME…]`. Not dayfly."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request


class Client:
    def __init__(self, name, authorization, header="Authorization"):
        self.url, self.control_url = os.environ[f"DAYFLY_TEST_{name}"], os.environ[f"DAYFLY_TEST_{name}_CONTROL"]
        self.headers = {header: authorization}

    def call(self, method, path, body=None, url=None, headers=None):
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json", **(self.headers if headers is None else headers)}
        request = urllib.request.Request((url or self.url) + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    def expect(self, status, method, path, body=None, **more):
        got, answer = self.call(method, path, body, **more)
        assert got == status, f"{method} {path}: {got} instead of {status}: {json.dumps(answer)[:1500]}"
        return answer

    def control(self, **actions):
        return self.expect(200, "POST", "", actions, url=self.control_url, headers={})

    def held_to_the_document(self, wrong, target):
        """A wrong request (method, path, body) is refused, and so are a wrong key's absence and a wrong answer to `target`, a path to GET."""
        before = len(self.control()["violations"])
        status, method, path, body = wrong
        self.expect(status, method, path, body)
        self.expect(401, "GET", target, headers={})
        self.control(fault={"match": "GET *", "status": 200, "body": {"wrong": True}})
        self.expect(500, "GET", target)
        violations = self.control()["violations"][before:]
        assert len(violations) == 3 and violations[2]["problem"]["type"].endswith("#VIOLATIONS"), violations

    def lost(self, method, path, body):
        self.control(fault={"match": f"{method} *", "lose_answer": True})
        try:
            self.call(method, path, body)
        except (ConnectionError, OSError):
            return
        raise AssertionError("the answer came")


def psql(uri, text):
    done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", uri, "-c", text], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def until(condition, what):
    deadline = time.time() + 20
    while not (found := condition()):
        assert time.time() < deadline, f"never: {what}"
        time.sleep(0.1)
    return found


def soon(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def neon():
    api = Client("NEON", f"Bearer {os.environ['DAYFLY_TEST_NEON_KEY']}")
    root = f"/projects/{os.environ['DAYFLY_TEST_NEON_PROJECT']}"
    api.control(reset=True)
    branches = root + "/branches"

    def finished(answer):
        for operation in answer["operations"]:
            until(lambda o=operation: api.expect(200, "GET", f"{root}/operations/{o['id']}")["operation"]["status"] == "finished", "finished")

    def uri(branch, role="neondb_owner"):
        return api.expect(200, "GET", f"{root}/connection_uri?branch_id={branch}&database_name=neondb&role_name={role}")["uri"]

    api.control(parent={"name": "baseline", "protected": True})
    baseline = next(b for b in api.expect(200, "GET", f"{branches}?search=base")["branches"] if b["name"] == "baseline")["id"]
    main = next(b for b in api.expect(200, "GET", branches)["branches"] if b["default"])["id"]
    api.control(set={"operation_seconds": 3})
    assert psql(uri(main), "create table t (email text); insert into t values ('a@b.c')") is not None
    create = {"branch": {"name": "pr-1", "parent_id": main, "expires_at": soon(3600)}, "endpoints": [{"type": "read_write"}], "annotation_value": {"env": "pr-1"}}
    made = api.expect(201, "POST", branches, create)
    branch = made["branch"]["id"]
    assert made["branch"]["current_state"] == "init" and psql(uri(branch), "select 1") is None, "a branch isn't there before its operations are finished"
    api.expect(423, "POST", branches, {"branch": {"name": "pr-2"}})
    api.control(set={"operation_seconds": 0.3})
    finished(made)
    api.expect(409, "POST", branches, create)
    assert psql(uri(branch), "insert into t values ('x'); alter table t add n int; select count(*) from t") == "2"
    assert psql(uri(main), "select count(*) from t") == "1"
    listed = api.expect(200, "GET", f"{branches}?search=pr-1&limit=1")
    assert listed["annotations"][branch]["value"] == {"env": "pr-1"}, listed
    # The passwords of an unprotected parent's child are the parent's, a protected one's are not.
    secret = {b: api.expect(200, "GET", f"{branches}/{b}/roles/neondb_owner/reveal_password")["password"] for b in (main, branch, baseline)}
    assert secret[main] == secret[branch]
    of_protected = api.expect(201, "POST", branches, {**create, "branch": {"name": "pr-3", "parent_id": baseline}})
    assert of_protected["roles"][0]["name"] == "neondb_owner" and of_protected["connection_uris"]
    finished(of_protected)
    assert api.expect(200, "GET", f"{branches}/{of_protected['branch']['id']}/roles/neondb_owner/reveal_password")["password"] != secret[baseline]
    old = uri(branch)
    finished(api.expect(200, "POST", f"{branches}/{branch}/roles/neondb_owner/reset_password"))
    assert psql(old, "select 1") is None and psql(uri(branch), "select 1") == "1"
    finished(api.expect(201, "POST", f"{branches}/{branch}/roles", {"role": {"name": "pr_1"}}))
    assert psql(uri(branch, "pr_1"), "select count(*) from t") == "2" and psql(uri(branch, "pr_1"), "drop table t") is None
    other = uri(branch, "pr_1").replace(branch + ".neondb", main + ".neondb")
    assert psql(other, "select 1") is None, "one branch's role reached another"
    finished(api.expect(200, "DELETE", f"{branches}/{branch}/roles/pr_1"))
    api.expect(204, "DELETE", f"{branches}/{branch}/roles/pr_1")
    finished(api.expect(201, "POST", f"{branches}/{branch}/databases", {"database": {"name": "second", "owner_name": "neondb_owner"}}))
    finished(api.expect(200, "PATCH", f"{branches}/{branch}", {"branch": {"expires_at": soon(7200)}}))
    # Masked.
    masked = {"branch_create": {"branch": {"name": "pr-4", "parent_id": main}, "endpoints": [{"type": "read_write"}]}, "start_anonymization": True}
    masked["masking_rules"] = [{"database_name": "neondb", "schema_name": "public", "table_name": "t", "column_name": "email", "masking_function": "anon.fake_email()"}]
    anonymized = api.expect(201, "POST", root + "/branch_anonymized", masked)["branch"]["id"]
    until(lambda: api.expect(200, "GET", f"{branches}/{anonymized}/anonymized_status")["state"] == "anonymized", "anonymized")
    assert psql(uri(anonymized), "select email from t").startswith("masked-")
    # Faults.
    api.control(set={"branch_limit": 3})
    assert api.expect(422, "POST", branches, {"branch": {"name": "pr-5"}})["code"] == "BRANCHES_LIMIT_EXCEEDED"
    api.control(set={"branch_limit": 5000}, fault={"match": "POST */branches", "status": 429, "times": 2, "retry_after": 1})
    for status in (429, 429, 201):
        last = api.expect(status, "POST", branches, {"branch": {"name": "pr-5", "init_source": "schema-only"}, "endpoints": [{"type": "read_write"}]})
    finished(last)
    assert psql(uri(last["branch"]["id"]), "select count(*) from t") == "0"
    api.lost("POST", branches, {"branch": {"name": "pr-6"}})
    assert api.expect(200, "GET", f"{branches}/count?search=pr-6")["count"] == 1
    until(lambda: api.call("DELETE", f"{branches}/{last['branch']['id']}?hard_delete=true")[0] == 200, "deleted")
    # Gone.
    api.control(expire="pr-1")
    until(lambda: api.call("GET", f"{branches}/{branch}")[0] == 404, "expired")
    api.expect(204, "DELETE", f"{branches}/{branch}")
    assert any(b["id"] == branch for b in api.expect(200, "GET", f"{branches}?include_deleted=true")["branches"])
    until(lambda: api.call("POST", f"{branches}/{branch}/recover")[0] == 200, "recovered")
    assert psql(uri(branch), "select 1") == "1"
    api.control(set={"fail_operations": 1})
    until(lambda: any(o["status"] == "failed" for o in api.control(set={})["operations"]) or api.call("POST", branches, {"branch": {}})[0] == 0, "failed")
    until(lambda: api.call("PATCH", f"{branches}/{branch}", {"branch": {"name": "x"}})[0] == 200, "no lock")
    assert not api.control()["violations"]
    api.held_to_the_document((422, "POST", branches, {"branch": {"name": ""}, "endpoints": [{}]}), branches)
    api.control(reset=True)


def mysql(password, database, text):
    host, port = password["access_host_url"].split(":")
    command = ["mariadb", "--no-defaults", "-h", host, "-P", port, "-u", password["username"], "-N", "-B", database, "-e", text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "MYSQL_PWD": password["plain_text"]})
    return done.stdout.strip() if done.returncode == 0 else None


def planetscale():
    api = Client("PLANETSCALE", f"{os.environ['DAYFLY_TEST_PLANETSCALE_TOKEN_ID']}:{os.environ['DAYFLY_TEST_PLANETSCALE_TOKEN']}")
    api.control(reset=True)
    root = f"/organizations/{os.environ['DAYFLY_TEST_PLANETSCALE_ORGANIZATION']}/databases"

    def branched(database, name, **more):
        branches = f"{root}/{database}/branches"
        assert not api.expect(201, "POST", branches, {"name": name, "parent_branch": "main", **more})["ready"]
        until(lambda: api.expect(200, "GET", f"{branches}/{name}")["ready"], "ready")
        return f"{branches}/{name}"

    # MySQL
    api.control(sql={"database": "shop", "branch": "main", "text": "CREATE TABLE t (n INT); INSERT INTO t VALUES (1)"})
    empty, full = branched("shop", "pr-1"), branched("shop", "pr-2", seed_data="last_successful_backup")
    api.expect(422, "POST", root + "/shop/branches", {"name": "pr-1"})
    made = api.expect(201, "POST", empty + "/passwords", {"name": "dayfly", "role": "admin", "ttl": 6})
    assert mysql(made, "shop", "SELECT COUNT(*) FROM t; ALTER TABLE t ADD m INT") == "0"
    assert api.expect(200, "GET", f"{empty}/passwords?q=day")["data"][0]["plain_text"] is None
    of_full = api.expect(201, "POST", full + "/passwords", {"name": "dayfly", "role": "reader"})
    assert mysql(of_full, "shop", "SELECT COUNT(*) FROM t") == "1" and mysql(of_full, "shop", "DELETE FROM t") is None
    assert mysql({**made, "access_host_url": of_full["access_host_url"]}, "shop", "SELECT 1") is None, "one branch's user reached another"
    api.expect(200, "POST", f"{empty}/passwords/{made['id']}/renew")
    until(lambda: mysql(made, "shop", "SELECT 1") is None, "expired")
    assert api.expect(200, "GET", f"{empty}/passwords/{made['id']}")["expired"]
    api.expect(204, "DELETE", f"{full}/passwords/{of_full['id']}")
    api.expect(404, "DELETE", f"{full}/passwords/{of_full['id']}")
    assert mysql(of_full, "shop", "SELECT 1") is None
    # Postgres
    api.control(sql={"database": "shop-pg", "branch": "main", "text": "CREATE TABLE t (n int); INSERT INTO t VALUES (1)"})
    branch = branched("shop-pg", "pr-1", restore_point=soon(0))
    role = api.expect(200, "POST", branch + "/roles", {"name": "dayfly", "ttl": 6, "inherited_roles": ["postgres"]})

    def uri(role):
        return f"postgresql://{role['username']}:{role['password']}@{role['access_host_url']}/{role['database_name']}"

    assert psql(uri(role), "alter table t add m int; select count(*) from t") == "1"
    reset = api.expect(200, "POST", f"{branch}/roles/{role['id']}/reset")
    assert psql(uri(role), "select 1") is None and psql(uri(reset), "select 1") == "1"
    api.expect(200, "POST", f"{branch}/roles/{role['id']}/renew")
    until(lambda: psql(uri(reset), "select 1") is None, "expired")
    other = api.expect(200, "POST", branch + "/roles", {"name": "dayfly", "inherited_roles": ["pg_read_all_data"]})
    assert psql(uri(other), "select count(*) from t") == "1" and psql(uri(other), "drop table t") is None
    api.expect(204, "DELETE", f"{branch}/roles/{other['id']}")
    # With sessions that go on making tables.
    busy = api.expect(200, "POST", branch + "/roles", {"name": "dayfly", "inherited_roles": ["postgres"]})
    makers = [subprocess.Popen(["psql", "-Xq", uri(busy)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(3)]
    for number, maker in enumerate(makers):
        maker.stdin.write("".join(f"CREATE TABLE made_{number}_{table} (n int);\n" for table in range(2000)))
        maker.stdin.flush()
    until(lambda: psql(uri(busy), "select count(*) from pg_tables where tablename ~ '^made_'") != "0", "tables")
    api.expect(204, "DELETE", f"{branch}/roles/{busy['id']}")
    for maker in makers:
        maker.kill()
    assert api.expect(200, "GET", branch + "/roles")["total_count"] == 1
    # Faults
    api.control(fault={"match": "GET *", "status": 429, "times": 1})
    api.expect(429, "GET", branch)
    api.lost("POST", root + "/shop/branches", {"name": "pr-3"})
    api.expect(200, "GET", root + "/shop/branches/pr-3")
    for path in (empty, full, branch):
        api.expect(204, "DELETE", path)
        api.expect(404, "DELETE", path)
    assert not api.control()["violations"]
    api.held_to_the_document((422, "POST", root + "/shop/branches", {"parent_branch": "main"}), root + "/shop/branches")
    api.control(reset=True)


def dblab():
    api = Client("DBLAB", os.environ["DAYFLY_TEST_DBLAB_TOKEN"], "Verification-Token")
    api.control(reset=True, source="CREATE TABLE t (n int); INSERT INTO t VALUES (1)")

    def cloned(name, **more):
        db = {"username": "env", "password": f"secret-{name}", "db_name": "postgres"}
        assert api.expect(201, "POST", "/clone", {"id": name, "branch": "main", "db": db, **more})["status"]["code"] == "CREATING"
        return ready(name)

    def ready(name):
        until(lambda: api.expect(200, "GET", f"/clone/{name}")["status"]["code"] == "OK", "OK")
        db = api.expect(200, "GET", f"/clone/{name}")["db"]
        return f"postgresql://{db['username']}:secret-{name}@{db['host']}:{db['port']}/{db['dbName']}"

    one, two = cloned("pr-1", protected=True, protectionDurationMinutes=60), cloned("pr-2")
    api.expect(400, "POST", "/clone", {"id": "pr-1", "db": {"username": "env", "password": "x"}})
    assert psql(one, "alter table t add m int; select count(*) from t") == "1"
    assert psql(two, "insert into t values (2); select count(*) from t") == "2"
    assert psql(one.replace("secret-pr-1", "secret-pr-2"), "select 1") is None
    api.expect(400, "DELETE", "/clone/pr-1")
    api.control(source="INSERT INTO t VALUES (3), (4), (5)")
    api.expect(200, "POST", "/clone/pr-2/reset", {"latest": True})
    assert ready("pr-2") == two and psql(two, "select count(*) from t") == "4"
    assert "protectedTill" in api.expect(200, "PATCH", "/clone/pr-2", {"protected": True, "protectionDurationMinutes": 60})
    api.control(idle="pr-2", unprotect="pr-2")
    until(lambda: api.call("GET", "/clone/pr-2")[0] == 404, "deleted since it is idle")
    assert psql(two, "select 1") is None
    api.expect(200, "POST", "/branch", {"branchName": "b", "baseBranch": "main"})
    api.expect(200, "DELETE", "/branch/b")
    api.control(fault={"match": "GET *", "status": 503})
    api.expect(503, "GET", "/clones")
    api.lost("POST", "/clone", {"id": "pr-3", "db": {"username": "env", "password": "x"}})
    api.expect(200, "PATCH", "/clone/pr-1", {"protected": False})
    for name in ("pr-1", "pr-3"):
        api.expect(200, "DELETE", f"/clone/{name}")
        api.expect(404, "DELETE", f"/clone/{name}")
    assert psql(one, "select 1") is None and not api.control()["violations"]
    api.held_to_the_document((422, "POST", "/clone", {"id": 7}), "/clones")
    api.control(reset=True)


def supabase():
    api = Client("SUPABASE", f"Bearer {os.environ['DAYFLY_TEST_SUPABASE_TOKEN']}")
    branches = f"/v1/projects/{os.environ['DAYFLY_TEST_SUPABASE_PROJECT']}/branches"
    api.control(reset=True, project="CREATE TABLE t (n int); INSERT INTO t VALUES (1)", set={"migrations": "CREATE TABLE t (n int)"})

    def ready(branch):
        until(lambda: api.expect(200, "GET", f"/v1/branches/{branch}")["status"] == "ACTIVE_HEALTHY", "healthy")
        detail = api.expect(200, "GET", f"/v1/branches/{branch}")
        return f"postgresql://{detail['db_user']}:{detail['db_pass']}@{detail['db_host']}:{detail['db_port']}/postgres"

    replayed = api.expect(201, "POST", branches, {"branch_name": "pr-1"})["id"]
    copied = api.expect(201, "POST", branches, {"branch_name": "pr-2", "with_data": True})["id"]
    api.expect(409, "POST", branches, {"branch_name": "pr-1"})
    empty, full = ready(replayed), ready(copied)
    assert psql(empty, "select count(*) from t") == "0" and psql(full, "insert into t values (2); select count(*) from t") == "2"
    assert api.expect(200, "GET", f"{branches}/pr-1")["status"] == "MIGRATIONS_PASSED"
    api.control(set={"migrations": "CREATE TABLE t (n int); SELECT nothing"})
    failing = api.expect(201, "POST", branches, {"branch_name": "pr-4"})["id"]
    until(lambda: api.expect(200, "GET", f"{branches}/pr-4")["status"] == "MIGRATIONS_FAILED", "failed migrations")
    api.expect(200, "PATCH", f"/v1/branches/{replayed}", {"persistent": True})
    api.expect(200, "DELETE", f"/v1/branches/{replayed}?force=false")
    assert "deletion_scheduled_at" in api.expect(200, "GET", f"{branches}/pr-1")
    api.control(fault={"match": "GET *", "status": 429})
    api.expect(429, "GET", branches)
    api.lost("POST", branches, {"branch_name": "pr-3"})
    api.expect(200, "GET", f"{branches}/pr-3")
    for branch in (replayed, copied, failing):
        api.expect(200, "DELETE", f"/v1/branches/{branch}")
        api.expect(404, "DELETE", f"/v1/branches/{branch}")
    assert psql(full, "select 1") is None and not api.control()["violations"]
    api.held_to_the_document((422, "POST", branches, {"git_branch": "x"}), branches)
    api.control(reset=True)


def aurora():
    import boto3  # of the virtual environment that moto is in
    from botocore.exceptions import ClientError, HTTPClientError

    api = Client("AURORA", "")
    api.control(reset=True, source="CREATE TABLE t (n int); INSERT INTO t VALUES (1)", set={"create_seconds": 3})

    def client(secret):
        key = os.environ["DAYFLY_TEST_AURORA_KEY_ID"]
        config = boto3.session.Config(retries={"max_attempts": 0})
        return boto3.client("rds", endpoint_url=api.url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret, config=config)

    def refused(code, call, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            assert error.response["Error"]["Code"] == code, error
            return
        raise AssertionError(f"not refused with {code}")

    rds = client(os.environ["DAYFLY_TEST_AURORA_KEY"])
    refused("SignatureDoesNotMatch", client("wrong").describe_db_clusters)
    restore = {"SourceDBClusterIdentifier": "baseline", "RestoreType": "copy-on-write", "UseLatestRestorableTime": True, "Tags": [{"Key": "env", "Value": "pr-1"}]}
    rds.restore_db_cluster_to_point_in_time(DBClusterIdentifier="pr-1", **restore)
    refused("DBClusterAlreadyExistsFault", rds.restore_db_cluster_to_point_in_time, DBClusterIdentifier="pr-1", **restore)
    instance = {"DBInstanceIdentifier": "pr-1-1", "DBInstanceClass": "db.serverless", "Engine": "aurora-postgresql", "DBClusterIdentifier": "pr-1"}
    rds.create_db_instance(**instance)
    assert rds.describe_db_instances(DBInstanceIdentifier="pr-1-1")["DBInstances"][0]["DBInstanceStatus"] == "creating"
    until(lambda: rds.describe_db_instances(DBInstanceIdentifier="pr-1-1")["DBInstances"][0]["DBInstanceStatus"] == "available", "available")
    until(lambda: rds.describe_db_clusters(DBClusterIdentifier="pr-1")["DBClusters"][0]["Status"] == "available", "available")
    cluster = rds.describe_db_clusters(DBClusterIdentifier="pr-1")["DBClusters"][0]
    assert cluster["TagList"] == restore["Tags"], cluster
    address = f"{cluster['Endpoint']}:{cluster['Port']}/postgres"
    master = f"postgresql://{os.environ['DAYFLY_TEST_AURORA_MASTER']}@{address}"
    assert psql(master, "select count(*) from t") == "1"
    rds.modify_db_cluster(DBClusterIdentifier="pr-1", MasterUserPassword="another-password", ApplyImmediately=True)
    assert psql(master, "select 1") is None and psql(f"postgresql://postgres_master:another-password@{address}", "select 1") == "1"
    api.control(fault={"match": "POST Describe*", "status": 400, "code": "Throttling"})
    refused("Throttling", rds.describe_db_clusters)
    api.control(fault={"match": "POST Restore*", "lose_answer": True})
    try:
        rds.restore_db_cluster_to_point_in_time(DBClusterIdentifier="pr-2", **restore)
        raise AssertionError("the answer came")
    except HTTPClientError:
        rds.delete_db_cluster(DBClusterIdentifier="pr-2", SkipFinalSnapshot=True)
    refused("InvalidDBClusterStateFault", rds.delete_db_cluster, DBClusterIdentifier="pr-1", SkipFinalSnapshot=True)
    rds.delete_db_instance(DBInstanceIdentifier="pr-1-1", SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier="pr-1", SkipFinalSnapshot=True)
    refused("DBClusterNotFoundFault", rds.describe_db_clusters, DBClusterIdentifier="pr-1")
    rds.restore_db_cluster_to_point_in_time(DBClusterIdentifier="pr-1", **restore)
    api.control(reset=True)


def crunchy_bridge():
    api = Client("CRUNCHY_BRIDGE", f"Bearer {os.environ['DAYFLY_TEST_CRUNCHY_BRIDGE_KEY']}")
    api.control(reset=True, source="CREATE TABLE t (n int); INSERT INTO t VALUES (1)", set={"create_seconds": 4})
    listing = f"/clusters?team_id={os.environ['DAYFLY_TEST_CRUNCHY_BRIDGE_TEAM']}"
    source = next(c["id"] for c in api.expect(200, "GET", listing)["clusters"] if c["name"] == "baseline")
    forks = f"/clusters/{source}/forks"
    made = api.expect(201, "POST", forks, {"name": "pr-1", "plan_id": "hobby-2"})
    assert made["cluster_id"] == source and api.expect(200, "GET", f"/clusters/{made['id']}/status")["state"] == "creating"
    api.expect(404, "GET", f"/clusters/{made['id']}/roles/application")
    until(lambda: api.expect(200, "GET", f"/clusters/{made['id']}/status")["state"] == "ready", "ready")
    roles = f"/clusters/{made['id']}/roles"
    old = api.expect(200, "GET", f"{roles}/application")["uri"]
    assert psql(old, "alter table t add m int; select count(*) from t") == "1"
    assert psql(api.expect(200, "GET", f"{roles}/postgres")["uri"], "select rolsuper from pg_roles where rolname = current_user") == "t"
    new = api.expect(200, "PUT", f"{roles}/application", {"rotate_password": True})["uri"]
    assert psql(old, "select 1") is None and psql(new, "select 1") == "1"
    api.control(fault={"match": "GET *", "status": 503})
    api.expect(503, "GET", listing)
    api.lost("POST", forks, {"name": "pr-2"})
    lost = next(c["id"] for c in api.expect(200, "GET", listing)["clusters"] if c["name"] == "pr-2")
    for cluster in (made["id"], lost):
        api.expect(200, "DELETE", f"/clusters/{cluster}")
        api.expect(404, "DELETE", f"/clusters/{cluster}")
    assert psql(new, "select 1") is None and not api.control()["violations"]
    api.held_to_the_document((422, "POST", forks, {"nom": "x"}), listing)
    api.control(reset=True)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        begun = time.time()
        globals()[name.replace("-", "_")]()
        print(f"{name}: as it should be ({time.time() - begun:.1f} s)")
