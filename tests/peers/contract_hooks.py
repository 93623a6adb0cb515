"""What schemathesis loads to ask as somebody who is known: a session of its own and an external
token that was never seen in each request. `test_contract.py` sets the environment."""

import base64
import os
import time
import uuid

import jwt
import requests
import schemathesis

ISS, URL, ENVIRONMENT = (os.environ[f"CONTRACT_{name}"] for name in ("ISS", "URL", "ENVIRONMENT"))
KEY = base64.b64decode(os.environ["CONTRACT_KEY"])
CLIENT = os.environ["CONTRACT_CLIENT"]


@schemathesis.hook
def before_call(context, case, kwargs):
    if "environment" in (case.path_parameters or {}):
        case.path_parameters["environment"] = ENVIRONMENT
    body = case.body if isinstance(case.body, dict) else {}
    user = str(uuid.uuid4())
    for name in body.keys() & {"jwt", "subject_token"}:
        body[name] = external_token(user, jti=user, scope="wallet:export")
    if case.path.endswith(("/oauth/introspect", "/oauth/revoke")):
        case.headers["Authorization"] = f"Basic {base64.b64encode(CLIENT.encode()).decode()}"
        if "token" in body:
            body["token"] = session_token(user)
    elif not case.path.endswith(("/oauth/token", "/externalAuth/signin")):
        case.headers["Authorization"] = f"Bearer {session_token(user)}"


@schemathesis.hook
def after_call(context, case, response):
    with open(os.environ["CONTRACT_SEEN"], "a") as seen:
        seen.write(f"{case.method.upper()} {case.operation.path} {response.status_code}\n")


def external_token(user, **more):
    now = int(time.time())
    claims = {"iss": ISS, "sub": user, "iat": now, "exp": now + 300, **more}
    return jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": "one"})


def session_token(user):
    answer = requests.post(
        f"{URL}/_vestibule/api/v0/sdk/{ENVIRONMENT}/externalAuth/signin",
        json={"jwt": external_token(user)},
        timeout=10,
    )
    return answer.json()["minifiedJwt"]
