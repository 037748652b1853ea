"""Answers as the Configuration API of a Kepware server does, from the shapes that the vendor's client library documents.

Arguments: port, version (6 or 7), project (good or bad), manner, and certificate and key when TLS is to be spoken.
Manners: those of double.py, for /project; narrow: the user may not read /admin.
"""
import base64
import json
import sys
import urllib.parse

import double

PORT, VERSION, PROJECT, MANNER = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
GOOD = PROJECT == "good"
LOGIN = "Basic " + base64.b64encode("Administrator:Größe-und-14-Zeichen".encode("latin-1")).decode()
ADMIN = "libadminsettings."

INTERFACES = {
    "opcdaserver": {f"PROJECT_OPC_DA_{n}_ENABLED": not GOOD for n in (1, 2, 3)} | {"PROJECT_OPC_ENABLE_DIAGS": not GOOD},
    "wwtoolkitinterface": {"ENABLED": not GOOD},
    "ddeserver": {"ENABLE": not GOOD},
    "uaserverinterface": {
        "PROJECT_OPC_UA_ENABLE": True, "PROJECT_OPC_UA_ANONYMOUS_LOGIN": not GOOD, "PROJECT_OPC_UA_DIAGNOSTICS": False,
        "PROJECT_OPC_UA_MAX_CONNECTIONS": 128 if GOOD else 4000, "PROJECT_OPC_UA_MIN_SESSION_TIMEOUT_SEC": 15,
        "PROJECT_OPC_UA_MAX_SESSION_TIMEOUT_SEC": 60,
    },
    "aeserverinterface": {"ENABLE_AE_SERVER": not GOOD},
    "hdaserver": {"ENABLE": not GOOD, "ENABLE_DIAGNOSTICS": False},
    "thingworxinterface": {
        "ENABLED": not GOOD, "APPKEY": "" if GOOD else "s3cret-app-key", "TRUST_ALL_CERTIFICATES": not GOOD,
        "ALLOW_SELF_SIGNED_CERTIFICATE": not GOOD, "DISABLE_ENCRYPTION": not GOOD,
    },
}


def project():
    values = {"PROJECT_ID": 4711, "common.ALLTYPES_DESCRIPTION": "", "servermain.PROJECT_TITLE": "Line"}
    if VERSION == "6":
        for name, interface in INTERFACES.items():
            values |= {f"{name}.{key}": value for key, value in interface.items()}
    else:
        values["client_interfaces"] = [
            {"common.ALLTYPES_NAME": name} | {f"{name}.{key}": value for key, value in interface.items()}
            for name, interface in INTERFACES.items()
        ]
    return values


def user(name, group, enabled=True, description="made for a test"):
    return {
        "common.ALLTYPES_NAME": name, "common.ALLTYPES_DESCRIPTION": description,
        ADMIN + "USERMANAGER_USER_GROUPNAME": group, ADMIN + "USERMANAGER_USER_ENABLED": enabled,
        ADMIN + "USERMANAGER_USER_TYPE": 0,
    }


PERMISSIONS = [
    "IO_TAG_READ", "IO_TAG_WRITE", "SYSTEM_TAG_READ", "SYSTEM_TAG_WRITE", "INTERNAL_TAG_READ", "INTERNAL_TAG_WRITE",
    "IO_TAG_DYNAMIC_ADDRESSING", "BROWSE_BROWSENAMESPACE", "SERVER_MANAGE_LICENSES", "SERVER_RESET_OPC_DIAGS_LOG",
    "SERVER_RESET_COMM_DIAGS_LOG", "SERVER_MODIFY_SERVER_SETTINGS", "SERVER_DISCONNECT_CLIENTS", "SERVER_RESET_EVENT_LOG",
    "SERVER_OPCUA_DOTNET_CONFIGURATION", "SERVER_CONFIG_API_LOG_ACCESS", "SERVER_REPLACE_RUNTIME_PROJECT",
    "SERVER_VIEW_EVENT_LOG_SECURITY",
]


def group(name, granted):
    values = {"common.ALLTYPES_NAME": name, ADMIN + "USERMANAGER_GROUP_ENABLED": True}
    return values | {f"{ADMIN}USERMANAGER_{key}": granted for key in PERMISSIONS}


def rights(granted):
    # The project itself can only be edited.
    objects = {"Servermain Channel": ("ADD", "EDIT", "DELETE"), "Servermain Project": ("EDIT",)}
    return [
        {"common.ALLTYPES_NAME": name} | {f"{ADMIN}USERMANAGER_PROJECTMOD_{key}": granted for key in keys}
        for name, keys in objects.items()
    ]


ADMINISTRATION = {
    f"{ADMIN}{log}_{key}": value
    for log in ("EVENT_LOG", "OPC_DIAGS", "COMM_DIAGS", "CONFIG_API")
    for key, value in {"PERSISTENCE": 2, "MAX_RECORDS": 25000, "MIN_DAYS_TO_PRESERVE": 180 if GOOD else 7}.items()
}
OBJECTS = {
    "/about": {
        "product_name": "KEPServerEX", "product_id": "012", "product_version": f"V{VERSION}.17.240.0",
        "product_version_major": int(VERSION), "product_version_minor": 17 if GOOD else 4, "product_version_build": 240,
        "product_version_patch": 0,
    },
    "/admin": ADMINISTRATION,
    "/project/_ua_gateway": {"ua_gateway.UAG_PLUGIN_IPC_PORT": 0},
    "/project/_ua_gateway/ua_server_interfaces/Server Interface": {
        "common.ALLTYPES_NAME": "Server Interface",
        "ua_gateway.UA_SERVER_INTERFACE_USER_IDENTITY_POLICY_ANONYMOUS": not GOOD,
    },
}
LISTS = {
    "/project/channels": [{
        "common.ALLTYPES_NAME": "Line 1/2 #a", "servermain.MULTIPLE_TYPES_DEVICE_DRIVER": "Simulator",
        "servermain.CHANNEL_DIAGNOSTICS_CAPTURE": not GOOD,
        "opcuaclient.CHANNEL_AUTHENTICATION_USERNAME": "palisade-test" if GOOD else "",
    }],
    "/doc/drivers": [
        {"display_name": name, "doc_channels": f"/config/v1/doc/drivers/{name}/channels"}
        for name in ["Simulator"] + ([] if GOOD else ["Modbus TCP/IP Ethernet"])
    ],
    "/project/_iot_gateway/mqtt_clients": [{
        "common.ALLTYPES_NAME": "cloud", "iot_gateway.AGENTTYPES_TYPE": "MQTT Client", "iot_gateway.AGENTTYPES_ENABLED": True,
        "iot_gateway.MQTT_CLIENT_URL": "ssl://broker:8883" if GOOD else "tcp://who:s3cret-in-url@broker:1883",
        "iot_gateway.MQTT_TLS_VERSION": 3 if GOOD else 1, "iot_gateway.MQTT_CLIENT_USERNAME": "plant" if GOOD else "",
        "iot_gateway.MQTT_CLIENT_PASSWORD": "s3cret-mqtt", "iot_gateway.MQTT_CLIENT_CERTIFICATE": False,
        "iot_gateway.MQTT_CLIENT_ENABLE_WRITE_TOPIC": not GOOD,
    }],
    "/project/_iot_gateway/rest_clients": [{
        "common.ALLTYPES_NAME": "history", "iot_gateway.AGENTTYPES_TYPE": "REST Client", "iot_gateway.AGENTTYPES_ENABLED": True,
        "iot_gateway.REST_CLIENT_URL": ("https" if GOOD else "http") + "://history/data?key=s3cret",
        "iot_gateway.REST_CLIENT_USERNAME": "", "iot_gateway.REST_CLIENT_PASSWORD": "",
        "iot_gateway.REST_CLIENT_HTTP_HEADER": "X-API-Key: s3cret-header" if GOOD else "",
    }],
    "/project/_iot_gateway/rest_servers": [{
        "common.ALLTYPES_NAME": "browser", "iot_gateway.AGENTTYPES_TYPE": "REST Server", "iot_gateway.AGENTTYPES_ENABLED": True,
        "iot_gateway.REST_SERVER_NETWORK_ADAPTER": "eth1" if GOOD else "Default", "iot_gateway.REST_SERVER_PORT_NUMBER": 39320,
        "iot_gateway.REST_SERVER_USE_HTTPS": GOOD, "iot_gateway.REST_SERVER_ENABLE_WRITE_ENDPOINT": not GOOD,
        "iot_gateway.REST_SERVER_ALLOW_ANONYMOUS_LOGIN": not GOOD,
        "iot_gateway.REST_SERVER_CORS_ALLOWED_ORIGINS": "https://hmi.example" if GOOD else "https://hmi.example, *",
    }],
    "/project/_ua_gateway/ua_server_interfaces/Server Interface/ua_server_endpoints": [],
    "/project/_ua_gateway/ua_server_interfaces/Server Interface/certificates": [
        {"common.ALLTYPES_NAME": "client-1", "ua_gateway.UA_CERTIFICATE_TRUST_STATUS": 1},
    ],
    "/project/backups": [{} for _ in range(3 if GOOD else 40)],
    "/admin/server_users": [
        user("Administrator", "Administrators"), user("Data Client", "Anonymous Clients"), user("Default User", "Server Users"),
    ] + ([user("a.berg", "Administrators")] if GOOD else [user("shared", "Server Users", description="")]),
    "/admin/server_usergroups": [
        group("Administrators", True), group("Anonymous Clients", not GOOD), group("Server Users", not GOOD),
    ],
}
for one in ("Administrators", "Anonymous Clients", "Server Users"):
    LISTS[f"/admin/server_usergroups/{one}/project_permissions"] = rights(one == "Administrators" or not GOOD)


class Api(double.Api):
    manner = MANNER

    def path_asked(self):
        """The path below /config/v1; none when the request is answered already."""
        sent = self.sent()
        self.body = json.loads(sent) if sent else None
        path = urllib.parse.unquote(self.path.split("?")[0])
        if self.headers.get("Authorization") != LOGIN:
            self.answer(401, {"code": 401, "message": "Unauthorized"})
        elif not path.startswith("/config/v1"):
            self.answer(404, {"code": 404, "message": "not found"})
        elif MANNER == "narrow" and path.startswith("/config/v1/admin"):
            self.answer(403, {"code": 403, "message": "Forbidden"})
        else:
            return path.removeprefix("/config/v1")

    def parts(self):
        """The list and the name in it; names are escaped whole, so that a slash in one is none of the path."""
        above, _, name = self.path.split("?")[0].removeprefix("/config/v1").rpartition("/")
        return urllib.parse.unquote(above), urllib.parse.unquote(name)

    def do_GET(self):
        path = self.path_asked()
        if path is None or path == "/project" and self.misbehaves():
            return
        if path == "/project":
            self.answer(200, project())
        elif path in OBJECTS or path in LISTS:
            self.answer(200, OBJECTS.get(path, LISTS.get(path)))
        else:
            above, name = self.parts()
            found = [one for one in LISTS.get(above, []) if one.get("common.ALLTYPES_NAME") == name]
            self.answer(200 if found else 404, found[0] if found else {"code": 404, "message": "not found"})

    def do_PUT(self):
        path = self.path_asked()
        if path is None:
            return
        if path == "/project":
            if self.body.get("PROJECT_ID") != 4711 and not self.body.get("FORCE_UPDATE"):
                return self.answer(400, {"code": 400, "message": "PROJECT_ID is not the present one"})
            for key, value in self.body.items():
                name, _, rest = key.partition(".")
                if name in INTERFACES:
                    INTERFACES[name][rest] = value
            return self.answer(200, {})
        above, name = self.parts()
        for one in LISTS.get(above, []):
            if one.get("common.ALLTYPES_NAME") == name:
                one.update(self.body)
                return self.answer(200, {})
        self.answer(404, {"code": 404, "message": "not found"})

    def do_POST(self):
        path = self.path_asked()
        if path is None:
            return
        if path not in LISTS:
            return self.answer(404, {"code": 404, "message": "not found"})
        LISTS[path].append(self.body)
        self.answer(201, {})


double.serve(Api, PORT, *sys.argv[5:])
