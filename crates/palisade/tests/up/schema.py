"""Asks every route of the API what its description allows and what it does not, as four callers.

    schema.py URL SET_UP_CODE CA

Goes through the set-up, makes an auditor and an API token, and has schemathesis compare what is answered with what
`/api/v1/openapi.json` says. The seed is fixed: a failure comes again.
"""

import base64
import hmac
import json
import os
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

URL, CODE, CA = sys.argv[1:4]
EXAMPLES = os.environ.get("PALISADE_TEST_EXAMPLES", "4")
PASSWORD = "seventeen violet turbines hum"
TRUST = ssl.create_default_context(cafile=CA)

# What is left out for a caller, and why. Nothing else is.
ENDS_THE_CALLER = {
    "delete-session": "logs the caller out",
    "delete-sessions-id": "may end the caller's session",
    "delete-users-id-second-factors": "may end the caller's sessions",
}

# What an answer to a request that fits its description may be besides 2xx: names are taken, versions old, attempts counted.
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 410, 412, 422, 429]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429]
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 404, 412, 422, 428]
"""


def ask(method, path, body=None, cookie=""):
    """One answer: its body and the session's cookie."""
    request = urllib.request.Request(URL + path, method=method)
    request.add_header("content-type", "application/json")
    if cookie:
        request.add_header("cookie", cookie)
        # Who sends a cookie says from which site: a browser does.
        request.add_header("origin", URL)
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=60, context=TRUST) as answer:
            text = answer.read()
            given = (answer.headers.get("set-cookie") or cookie).split(";")[0]
            return json.loads(text) if text else None, given
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")


def totp(secret):
    """The code of an authenticator app now."""
    key = base64.b32decode(secret.replace(" ", "") + "=" * (-len(secret.replace(" ", "")) % 8))
    tag = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    at = tag[-1] & 15
    return f"{(struct.unpack('>I', tag[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def administrator():
    """A session that has just shown its second factor."""
    form = {"code": CODE, "username": "eva", "full_name": "Eva Muster", "password": PASSWORD}
    _, cookie = ask("POST", "/api/v1/setup", form)
    app, cookie = ask("POST", "/api/v1/session/totp", cookie=cookie)
    _, cookie = ask("PUT", "/api/v1/session/totp", {"code": totp(app["secret"])}, cookie)
    return cookie


def auditor(cookie):
    """A session of somebody who sees everything and changes nothing."""
    form = {"username": "ida", "full_name": "Ida Muster", "roles": [{"role": "auditor"}]}
    made, _ = ask("POST", "/api/v1/users", form, cookie)
    chosen = {"kind": "invitation", "code": made["code"], "password": "nineteen amber pistons rest"}
    return ask("POST", "/api/v1/links", chosen)[1]


def api_token(cookie):
    """A token that may do all that its owner may."""
    catalogue, _ = ask("GET", "/api/v1/permissions", cookie=cookie)
    ends_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    form = {"name": "schema", "permissions": [one["name"] for one in catalogue], "ends_at": ends_at}
    return ask("POST", "/api/v1/tokens", form, cookie)[0]["token"]


def compare(who, headers, phases, left_out=()):
    """Runs schemathesis as this caller; whether nothing was found."""
    with tempfile.TemporaryDirectory() as place:
        settings = os.path.join(place, "schemathesis.toml")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(SETTINGS)
        program = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--config-file", settings]
        program += ["run", f"{URL}/api/v1/openapi.json", "--tls-verify", CA, "--checks", "all"]
        program += ["--phases", phases, "--max-examples", EXAMPLES, "--seed", "4711"]
        program += ["--generation-database", "none", "--request-timeout", "30", "--request-retries", "2", "--suppress-health-check", "all"]
        # Other credentials beside the caller's own say nothing: whose answer it is could not be told.
        program += ["--generation-with-security-parameters", "false"]
        program += ["--warnings", "off", "--no-color", "--continue-on-failure"]
        # One worker: CPython 3.11 now and then fails to parse in two threads at once.
        program += ["--workers", "1"]
        for name in headers:
            program += ["--header", name]
        for operation in left_out:
            program += ["--exclude-operation-id", operation]
        began = time.monotonic()
        done = subprocess.run(program, cwd=place, capture_output=True, text=True, check=False)
    print(f"--- as {who}: exit {done.returncode} after {time.monotonic() - began:.0f} s", done.stdout, done.stderr, sep="\n")
    return done.returncode == 0


session = administrator()
reader = auditor(session)
token = api_token(session)
ORIGIN = f"Origin: {URL}"
callers = {
    "nobody": ([], "coverage,fuzzing", ()),
    "auditor": ([f"Cookie: {reader}", ORIGIN], "coverage,fuzzing", ["delete-session", "delete-sessions-id"]),
    "token": ([f"Authorization: Bearer {token}"], "coverage,fuzzing", ()),
    # After the others, as it changes who there is.
    "administrator": ([f"Cookie: {session}", ORIGIN], "coverage,fuzzing,stateful", ENDS_THE_CALLER),
}
wanted = os.environ.get("PALISADE_TEST_CALLERS", ",".join(callers)).split(",")
with ThreadPoolExecutor(2) as pool:
    good = list(pool.map(lambda who: compare(who, *callers[who]), (who for who in wanted if who != "administrator")))
good += [compare(who, *callers[who]) for who in wanted if who == "administrator"]
sys.exit(0 if all(good) else 1)
