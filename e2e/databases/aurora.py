"""Aurora PostgreSQL: moto's RDS with a real database behind every cluster.

Real: moto answers, checks signatures (SigV4, of the one key that services prints, and of the role `dayfly`'s sessions) and permissions, and knows clusters, instances, tags and
their rules; here a cluster is a PostgreSQL server of its own as soon as it has an instance, a copy-on-write restore starts with its source's
data and master password, and `Endpoint` and `Port` in moto's answers lead there.

Not real: minutes of waiting (`create_seconds`), storage, networks, TLS, IAM database authentication, the limit of 15 clones. Two mistakes of
moto's are mended here: a restore under a name that is taken replaces that cluster there, and a deleted cluster's automated snapshot stays and
blocks its name for the rest of the minute. No OpenAPI document and no Prism: shapes are moto's, which follows botocore's model.
"""

import argparse
import atexit
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qsl

import boto3
import postgres
from ports import free_port
from standin import Api, Handler, Refused, Server, stamp

MASTER, SECRET = "postgres_master", "baseline-master-password"


class Aurora(Api):
    settings = {"create_seconds": 0.5}

    def __init__(self, moto_port, database):
        super().__init__()
        self.moto_port, self.clusters = moto_port, {}
        self.bin, self.home = postgres.home(database, "aurora")

    def moto(self, service, key="setup", secret="setup"):
        url = f"http://127.0.0.1:{self.moto_port}"
        return boto3.client(service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret)

    def begin(self):
        """The key, and the cluster that others are cloned from. moto checks nothing until these calls are over (INITIAL_NO_AUTH_ACTION_COUNT)."""
        iam, rds = self.moto("iam"), self.moto("rds")
        iam.create_user(UserName="dayfly")
        self.key = iam.create_access_key(UserName="dayfly")["AccessKey"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["rds:*", "sts:AssumeRole"], "Resource": "*"}]}
        iam.put_user_policy(UserName="dayfly", PolicyName="rds", PolicyDocument=json.dumps(policy))
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
        iam.create_role(RoleName="dayfly", AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName="dayfly", PolicyName="rds", PolicyDocument=json.dumps(policy))
        tags = [{"Key": "dayfly.dev/baseline", "Value": "baseline"}]
        rds.create_db_cluster(DBClusterIdentifier="baseline", Engine="aurora-postgresql", MasterUsername=MASTER, MasterUserPassword=SECRET, Tags=tags)
        rds.create_db_instance(DBInstanceIdentifier="baseline-1", DBInstanceClass="db.serverless", Engine="aurora-postgresql", DBClusterIdentifier="baseline")
        self.begun()

    def begun(self):
        instance = postgres.Instance(self.bin, self.home)
        instance.filled(f"CREATE ROLE {MASTER} LOGIN SUPERUSER PASSWORD '{SECRET}'")
        self.clusters["baseline"] = {"instance": instance, "ready_at": 0, "running": False}

    def close(self):
        for cluster in self.clusters.values():
            cluster["instance"].end()

    def assume_role(self, form):
        """moto wants a signature here too, which the real call has none of: the session is moto's, the answer's frame is made here."""
        sts = self.moto("sts", self.key["AccessKeyId"], self.key["SecretAccessKey"])
        if not form.get("WebIdentityToken") or not form.get("RoleArn", "").endswith(":role/dayfly"):
            code = "<Code>InvalidIdentityToken</Code><Message>no such role, or no token</Message>"
            return 400, f"<ErrorResponse><Error><Type>Sender</Type>{code}</Error></ErrorResponse>"
        made = sts.assume_role(RoleArn=form["RoleArn"], RoleSessionName=form["RoleSessionName"])["Credentials"]
        fields = "".join(f"<{name}>{made[name]}</{name}>" for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        result = f"<AssumeRoleWithWebIdentityResult><Credentials>{fields}</Credentials></AssumeRoleWithWebIdentityResult>"
        return 200, f'<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{result}</AssumeRoleWithWebIdentityResponse>'

    def rds(self):
        return self.moto("rds", self.key["AccessKeyId"], self.key["SecretAccessKey"])

    def reset(self):
        rds = self.rds()
        for instance in rds.describe_db_instances()["DBInstances"]:
            if instance["DBClusterIdentifier"] != "baseline":
                rds.delete_db_instance(DBInstanceIdentifier=instance["DBInstanceIdentifier"], SkipFinalSnapshot=True)
        for cluster in rds.describe_db_clusters()["DBClusters"]:
            if cluster["DBClusterIdentifier"] != "baseline":
                name = cluster["DBClusterIdentifier"]
                rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
                self.after({"Action": "DeleteDBCluster", "DBClusterIdentifier": name})
        self.close()
        self.clusters = {}
        self.begun()

    def state(self):
        return {"clusters": {name: {"port": c["instance"].port, "running": c["running"]} for name, c in self.clusters.items()}}

    def control(self, action, argument):
        """
        source: SQL      run in the baseline cluster, which isn't running otherwise
        up: BOOL         whether the baseline cluster runs: only while it doesn't can it be cloned here
        foreign: NAME    somebody else's clone of it, without an instance
        """
        if action == "source":
            self.clusters["baseline"]["instance"].filled(argument)
        elif action == "up":
            instance = self.clusters["baseline"]["instance"]
            instance.start() if argument else instance.stop()
        elif action == "foreign":
            wanted = {"DBClusterIdentifier": argument, "SourceDBClusterIdentifier": "baseline"}
            self.rds().restore_db_cluster_to_point_in_time(**wanted, RestoreType="copy-on-write", UseLatestRestorableTime=True)
            self.after({"Action": "RestoreDBClusterToPointInTime", **wanted})
        else:
            super().control(action, argument)

    def after(self, form):
        """What moto accepted, done."""
        action, name = form.get("Action"), form.get("DBClusterIdentifier")
        if action == "RestoreDBClusterToPointInTime":
            source = self.clusters[form["SourceDBClusterIdentifier"]]
            instance = postgres.Instance(self.bin, self.home, source["instance"])
            self.clusters[name] = {"instance": instance, "ready_at": time.time() + self.set["create_seconds"], "running": False}
        elif action == "CreateDBInstance" and name in self.clusters and name != "baseline":
            self.clusters[name]["instance"].start()
            self.clusters[name].update(running=True, ready_at=time.time() + self.set["create_seconds"])
        elif action == "ModifyDBCluster" and "MasterUserPassword" in form and self.clusters[name]["running"]:
            self.clusters[name]["instance"].run(f"ALTER ROLE {MASTER} PASSWORD '{form['MasterUserPassword'].replace(chr(39), chr(39) * 2)}'")
        elif action == "DeleteDBCluster" and name in self.clusters:
            self.clusters.pop(name)["instance"].end()
            rds = self.rds()
            for snapshot in rds.describe_db_cluster_snapshots(DBClusterIdentifier=name)["DBClusterSnapshots"]:
                rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=snapshot["DBClusterSnapshotIdentifier"])

    def rewritten(self, answer):
        """moto's answer with the real addresses, and not available before it is."""
        for name, cluster in self.clusters.items():
            tag = f"<DBClusterIdentifier>{re.escape(name)}</DBClusterIdentifier>"
            for block in re.findall(rf"<DBCluster>(?:(?!</DBCluster>).)*?{tag}.*?</DBCluster>|<DBInstance>(?:(?!</DBInstance>).)*?{tag}.*?</DBInstance>", answer, re.S):
                new = re.sub(r"<Endpoint>[^<]*</Endpoint>", "<Endpoint>127.0.0.1</Endpoint>", block)
                new = re.sub(r"<Address>[^<]*</Address>", "<Address>127.0.0.1</Address>", new)
                new = re.sub(r"<Port>\d+</Port>", f"<Port>{cluster['instance'].port}</Port>", new)
                if time.time() < cluster["ready_at"]:
                    new = re.sub(r"<(Status|DBInstanceStatus)>available<", r"<\1>creating<", new)
                answer = answer.replace(block, new)
        return answer


def edge(api):
    class Edge(Handler):
        def serve(self, body):
            if self.path == "/_control":
                try:
                    return self.reply(200, api.controls(json.loads(body)) if self.command == "POST" else api.dump())
                except Refused as refused:
                    return self.reply(refused.status, {"message": refused.message})
            form = dict(parse_qsl(body.decode()))
            action = form.get("Action", "")
            fault = api.fault("front", "POST", action) or api.fault("provider", "POST", action) or {}
            record = {"at": stamp(), "request": action, "status": None}
            with api.lock:
                api.requests.append(record)
            time.sleep(fault.get("delay", 0))
            if action == "RestoreDBClusterToPointInTime" and form.get("DBClusterIdentifier") in api.clusters and not fault:
                fault = {"status": 400, "code": "DBClusterAlreadyExistsFault", "message": "DB Cluster already exists"}
            if "status" in fault:
                code, message = fault.get("code", "Throttling"), fault.get("message", "Rate exceeded")
                status, answer = fault["status"], f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            else:
                with api.lock:
                    status, answer = api.assume_role(form) if action == "AssumeRoleWithWebIdentity" else self.through_moto(body)
                    if status == 200:
                        api.after(form)
                    answer = api.rewritten(answer)
            record["status"] = "lost" if fault.get("lose_answer") else status
            if fault.get("lose_answer"):
                self.close_connection = True
                return self.connection.shutdown(socket.SHUT_RDWR)
            return self.reply(status, answer.encode(), {"Content-Type": "text/xml"})

        def through_moto(self, body):
            connection = http.client.HTTPConnection("127.0.0.1", api.moto_port, timeout=60)
            try:
                # `Host` stays as it is: it was signed.
                connection.request(self.command, self.path, body or None, {k: v for k, v in self.headers.items() if k.lower() != "connection"})
                response = connection.getresponse()
                return response.status, response.read().decode()
            finally:
                connection.close()

    return Edge


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True, help="PostgreSQL 18's URL: clusters live beside it")
    parser.add_argument("--key-file", required=True, help="where the access key is written")
    arguments = parser.parse_args()
    moto_port = free_port()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "7"}
    moto = subprocess.Popen([os.path.join(os.path.dirname(sys.executable), "moto_server"), "-H", "127.0.0.1", "-p", str(moto_port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(moto.terminate)
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", moto_port)).close()
            break
        except OSError:
            time.sleep(0.1)
    api = Aurora(moto_port, arguments.database)
    atexit.register(api.close)
    api.begin()
    with open(arguments.key_file, "w", encoding="utf-8") as file:
        print(api.key["AccessKeyId"], api.key["SecretAccessKey"], file=file)
    server = Server(("127.0.0.1", arguments.port), edge(api))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.exit(moto.wait())


if __name__ == "__main__":
    main()
