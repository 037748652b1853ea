"""Answers as the API of a Nerve Management System does, from the shapes of the vendor's Python client and OpenAPI document.

Arguments: port, system (good or bad), manner, and certificate and key when TLS is to be spoken. Manners: those of double.py for
the login, or for the list of nodes when they begin with `late-`; locked, mfa, headless: how the login goes; narrow: the user may
not read users.
"""
import json
import sys
import time
import urllib.parse

import double

PORT, SYSTEM, MANNER = int(sys.argv[1]), sys.argv[2], sys.argv[3]
GOOD = SYSTEM == "good"
LOGIN = {"identity": "auditor@plant.example", "secret": "Größe-und-14-Zeichen"}
TOKEN = "4ccess-t0ken"
SESSION = "66b212002621ad94acbd4679-" + "7f" * 32
PUBLIC = ("/nerve/ldap/active", "/nerve/notifications/activeNoAuth")
LOGINS = []


def ident(number):
    return f"{number:024x}"


PERMISSIONS = [
    {"_id": ident(index), "name": name}
    for index, name in enumerate((
        "GLOBAL:GENERAL", "NODE:VIEW", "NODE:LIST", "NODE:CREATE", "REMOTE_CONN:LIST", "REMOTE_CONN:CONNECT", "WORKLOAD:LIST",
        "WORKLOAD:VIEW", "WORKLOAD:CREATE", "LABEL:VIEW",
    ))
]


def role(number, name, kind, *names):
    granted = [one["_id"] for one in PERMISSIONS if not names or one["name"] in names]
    return {"_id": ident(number), "name": name, "type": kind, "defaultRole": name == "Admin", "permissions": granted, "users": []}


ROLES = [
    role(100, "Admin", "local"),
    role(101, "User", "local", "GLOBAL:GENERAL", "NODE:VIEW", "WORKLOAD:VIEW"),
    role(102, "Engineer", "local", "NODE:VIEW", "WORKLOAD:CREATE", "REMOTE_CONN:CONNECT"),
    role(103, "Engineer - ldap", "ldap", "WORKLOAD:CREATE"),
]


def user(number, name, role, mfa, kind="local"):
    found = next(one for one in ROLES if one["name"] == role)
    told = {
        "_id": ident(number), "firstName": "Some", "lastName": "One", "username": name, "type": kind, "created": "2024-08-06T12:07:28.699Z",
        "roles": [{key: found[key] for key in ("_id", "name", "type")}], "defaultUser": False, "preferences": {},
    }
    if kind == "local":
        told["auth"] = {"_id": ident(number + 1000), "identity": name, "activated": "2024-08-06T12:08:07.982Z", "mfaEnabled": mfa}
    return told


if GOOD:
    USERS = [user(200, "ann@plant.example", "Admin", True), user(201, "auditor@plant.example", "User", True)]
else:
    USERS = [user(200 + n, name, "Admin", False) for n, name in enumerate(("admin@nerve.cloud", "b@x.example", "c@x.example", "d@x.example"))]
    USERS += [user(210, "eve@plant.example", "Engineer", True), user(211, "dnerve", "Engineer - ldap", None, "ldap")]


def tunnel(name, acknowledged, port):
    return {
        "_id": ident(port), "type": "TUNNEL", "name": name, "acknowledgment": "Yes" if acknowledged else "No", "hostname": "172.20.2.1",
        "port": str(port), "localPort": port, "__v": 0,
    }


def screen(name, acknowledged, security, ignores, password):
    return {
        "_id": ident(3389), "type": "SCREEN", "connection": "RDP", "name": name, "acknowledgment": "Yes" if acknowledged else "No",
        "hostname": "172.20.2.20", "port": 3389, "autoretry": 1, "numberOfConnections": 1, "readOnly": False, "cursor": "",
        "swapRedBlue": False, "securityMode": security, "ignoreServerCertificate": ignores, "username": "operator", "password": password,
    }


NODES = [{
    "_id": ident(300), "name": "node-1", "serialNumber": "MFN111111111", "connectionStatus": "online",
    "currentFWVersion": "3.1.0" if GOOD else "2.10.1", "model": "MFN 200",
}]
if not GOOD:
    NODES.append(dict(NODES[0], _id=ident(301), name="node-2", serialNumber="MFN222222222", connectionStatus="offline", currentFWVersion=""))
CONNECTIONS = {
    ident(300): [tunnel("LocalUi", GOOD, 3333)],
    ident(301): [screen("hmi", False, "any", True, "s3cret-screen")],
}
DNA = """
nodeDna:
  BruteForce:
    maxFailedLoginAttemptsBeforeLockout: 10
    loginAttemptWindowMinutes: 10
    lockoutDurationMinutes: 5
  Sessions:
    sessionTimeout: 15
    maxSessionsPerUser: 2
    maxSSHConnections: 0
"""
if not GOOD:
    DNA = DNA.replace("Lockout: 10", "Lockout: 500") + "  Proxy:\n    password: s3cret-proxy\n"


def docker(networks=("bridge",), memory=256, restart="always", secret="", ports=()):
    return {
        "container_name": "app", "networks": list(networks), "restart_policy": restart, "docker_volumes": [
            {"volumeName": "data", "containerPath": "/var/lib/app", "configurationStorage": False},
        ],
        "port_mappings_protocol": [{"protocol": "TCP", "host_port": port, "container_port": 80} for port in ports],
        "environment_variables": [{"env_variable": "DB_PASSWORD", "container_value": secret}, {"env_variable": "LEVEL", "container_value": "info"}],
        "limit_memory": {"unit": "MB", "value": memory} if memory else {}, "limit_CPUs": "50" if memory else "",
        "auth_credentials": {"username": "", "password": "s3cret-registry"},
    }


def machine(devices):
    return {
        "no_of_vCPUs": 2, "memory": {"unit": "GB", "value": 2}, "libvirt_networks": [{"type": "Bridged", "interface": "isolated1"}],
        "data_disks": [], "snapshot": {"enabled": False}, "PCI_passthrough": devices,
    }


WORKLOADS = []
VERSIONS = {}


def workload(name, kind, properties, connections=(), internal=False, **more):
    number = 400 + 2 * len(WORKLOADS)
    newer = kind == "docker-compose" or internal
    WORKLOADS.append({
        "_id": ident(number), "name": name, "type": kind, "disabled": False, "deleted": False, "internalDockerRegistry": internal, "__v": 0,
    } | more)
    VERSIONS[ident(number)] = [{
        "_id": ident(number + 1), "name": "1.0", "releaseName": "1.0", "released": True, "deleted": False, "isDeployable": True, "files": [],
        "dockerFilePath": "", "remoteConnections": list(connections),
        "workloadSpecificProperties" if newer else "workloadProperties": properties,
    }]


for spare in range(55):
    workload(f"spare-{spare}", "codesys", {}, deleted=spare > 2)
if GOOD:
    workload("app", "docker", docker(ports=[8443]), [screen("ui", True, "nla", False, "")])
    workload("inner", "docker", docker(), internal=True)
    workload("scada", "vm", machine([]))
else:
    workload("app", "docker", docker(["bridge", "host"], None, "no", "s3cret-variable", [8080]), [screen("ui", False, "rdp", True, "s3cret-ui")])
    workload("inner", "docker", docker(memory=None), internal=True)
    workload("old", "docker", docker(["host"]), disabled=True)
    workload("scada", "vm", machine([{"device": "0000:01:00.0"}]))
workload("board", "docker-compose", {"dockerConfigurationStorage": []}, [dict(tunnel("grafana", True, 3000), serviceName="grafana")])

OBJECTS = {
    "/nerve/update/cloud/current-version": {"currentVersion": "3.2.0" if GOOD else "2.10.0"},
    "/nerve/rbac/permissions": {"data": PERMISSIONS, "count": len(PERMISSIONS)},
    "/nerve/ldap/active": {"active": True, "configuration": "ldap", "name": "ldap"} if not GOOD else {"active": False},
    "/nerve/ldap/default": {"fileName": "ldap", "name": "ldap", "url": "172.19.0.1", "port": 389, "tls": False, "active": True},
    "/nerve/nodes/list": NODES,
}
for node in NODES:
    OBJECTS["/nerve/node/" + node["_id"]] = dict(node, labels=[], remoteConnections=CONNECTIONS[node["_id"]])
for serial in ("MFN111111111", "MFN222222222"):
    OBJECTS[f"/nerve/node/monitoringAndLoggingSettings/{serial}"] = {
        "dockerMonitoring": True, "dockerLogging": GOOD, "systemMonitoring": True,
    }
    OBJECTS[f"/nerve/dna/{serial}/status"] = {
        "status": "APPLIED" if GOOD else "MODIFIED", "message": "Configuration succeeded.", "fileName": "line-7.zip",
        "signature": "valid" if GOOD else "skipped", "user": "Ann Berg", "initiatedFrom": "NERVE-MS",
    }
    OBJECTS[f"/nerve/v2/node/{serial}/users"] = {"users": [{
        "id": 1, "firstName": "Ann", "lastName": "Berg", "email": "ann@plant.example", "username": "ann@plant.example", "roles": "admin",
        "lastLoggedInAt": int(time.time() * 1000) - 3_600_000 if GOOD else None,
    }]}
for one in WORKLOADS:
    path = "/workloads/" + one["_id"]
    versions = VERSIONS[one["_id"]]
    if one["type"] == "docker-compose" or one["internalDockerRegistry"]:
        OBJECTS[f"/nerve/v3{path}/versions"] = {"data": [{key: version[key] for key in ("_id", "name")} for version in versions], "count": 1}
        for version in versions:
            OBJECTS[f"/nerve/v3{path}/versions/" + version["_id"]] = version
    else:
        OBJECTS["/nerve/v2" + path] = dict(one, versions=versions)
if GOOD:
    OBJECTS["/crm/v1/access-tokens"] = {"accessTokens": [
        {"_id": ident(900), "name": "audit", "status": "active", "expirationDate": "2099-01-01T00:00:00.000Z", "userId": ident(201)},
        {"_id": ident(901), "name": "old", "status": "revoked", "userId": ident(201)},
    ]}
    OBJECTS["/nerve/notifications/activeNoAuth"] = {
        "_id": ident(950), "headerText": "Plant 7", "textMessage": "Only for staff.", "active": True, "showBeforeLogin": True,
        "backgroundImage": "",
    }


class Api(double.Api):
    manner = MANNER

    def refuse(self, status, code, message):
        self.answer(status, {"errorCode": code, "httpCode": str(status), "message": message})

    def do_POST(self):
        sent = self.sent()
        if self.path != "/auth/login":
            return self.refuse(405, "00001", "an audit only reads")
        if self.misbehaves():
            return
        LOGINS.append(self.client_address)
        if MANNER == "locked" or len(LOGINS) > 1 and MANNER == "once":
            return self.refuse(429, "nerve_auth_001", "Too many failed requests made!")
        if json.loads(sent) != LOGIN:
            return self.refuse(403, "00013", "Login failed.")
        if MANNER == "mfa":
            return self.answer(200, {"mfa": {"validationId": "mfa-" + "7c" * 32}})
        body = {"user": {"_id": ident(201), "username": LOGIN["identity"], "roles": ["User"], "type": "local", "sessionId": SESSION}}
        self.answer(200, body, [] if MANNER == "headless" else [("sessionId", SESSION)])

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path, query = urllib.parse.unquote(url.path), dict(urllib.parse.parse_qsl(url.query))
        known = self.headers.get("sessionid") == SESSION or self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if not known and path not in PUBLIC:
            return self.refuse(403, "00003", "You are not authorized")
        if path == "/auth/logout":
            self.send_response(204)
            self.end_headers()
        elif path == "/nerve/nodes/list" and MANNER.startswith("late-") and self.misbehaves(MANNER.removeprefix("late-")):
            return
        elif path == ("/crm/profiles" if GOOD else "/crm/profile/list"):
            users = [one for one in USERS if one["type"] == query["filterBy[type]"]]
            if MANNER == "narrow":
                return self.refuse(403, "00003", "You are not authorized")
            self.answer(200, {"profiles" if GOOD else "data": users, "count": len(users)})
        elif path == "/nerve/rbac/roles":
            self.answer(200, [one for one in ROLES if one["type"] == query["filterBy[type]"]])
        elif path == "/nerve/v2/workloads":
            first = int(query["limit"]) * (int(query["page"]) - 1)
            self.answer(200, {"count": len(WORKLOADS), "data": WORKLOADS[first:first + int(query["limit"])]})
        elif path.startswith("/nerve/service-os-dna/"):
            self.answer_text(200, DNA, [("Content-Type", "application/x-yaml")])
        elif path == "/nerve/notifications/activeNoAuth" and path not in OBJECTS:
            self.send_response(204)
            self.end_headers()
        elif path in OBJECTS:
            self.answer(200, OBJECTS[path])
        else:
            self.refuse(404, "00004", "Not found")


double.serve(Api, PORT, *sys.argv[4:])
