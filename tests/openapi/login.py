"""What schemathesis has to know to get further than a refusal."""

import os

import requests
import schemathesis

BASE = os.environ["OPENAPI_BASE"]
# ID:SECRET of a client, where the server knows clients.
CLIENT = os.environ.get("OPENAPI_CLIENT")
AUTH = requests.auth.HTTPBasicAuth(*CLIENT.split(":", 1)) if CLIENT else None
USER = {"username": "meera", "password": "secret123"}


def log_in(**more):
    form = {"grant_type": "password", **USER, **more}
    answer = requests.post(f"{BASE}/token", data=form, auth=AUTH, timeout=10)
    answer.raise_for_status()
    return answer.json()


def needs(operation):
    """What can be shown to get in: each scheme, and its scopes."""
    told = operation.definition.raw.get("security", [])
    return {name: scopes for one in told for name, scopes in one.items()}


@schemathesis.auth(refresh_interval=None)
class Login:
    """Each request gets a token of its own, as some of them end the login."""

    def get(self, case, context):
        if "oauth2" in needs(context.operation):
            return f"Bearer {log_in()['access_token']}"
        if "oauth2_client" in needs(context.operation):
            return requests.Request("GET", BASE, auth=AUTH).prepare().headers["Authorization"]
        return None

    def set(self, case, data, context):
        if data:
            case.headers = {**(case.headers or {}), "Authorization": data}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Every second form that is as described gets what nobody can make up, and holds the
    credentials of the client where the others come with them in the header: both are too much."""
    form = case.body
    if not isinstance(form, dict) or not case.meta.generation.mode.is_positive:
        return
    second = len(repr(form)) % 2 == 0
    for client in ("client_id", "client_secret"):
        form.pop(client, None)
    if not second:
        return
    if AUTH:
        case.headers.pop("Authorization")
        form.update(client_id=AUTH.username, client_secret=AUTH.password)
    if "token" in form:
        form["token"] = log_in()["access_token"]
    if form.get("grant_type") == "password":
        form.update(USER)
        form.pop("scope", None)
    if form.get("grant_type") == "refresh_token":
        form["refresh_token"] = log_in()["refresh_token"]
        form.pop("scope", None)


@schemathesis.check
def refuses_as_described(context, response, case):
    """`ignored_auth` knows nothing of OAuth2, so this asks without a token and with bad ones."""
    operation = case.operation
    if "oauth2" not in needs(operation) or response.status_code >= 400:
        return
    optional = {} in operation.definition.raw["security"]
    narrow = f"Bearer {log_in(scope='me')['access_token']}"
    for credentials, status in [
        (None, response.status_code if optional else 401),
        ("Bearer unknown", 401),
        ("Bearer two tokens", 400),
        (narrow, 403 if needs(operation)["oauth2"] else response.status_code),
    ]:
        headers = {"Authorization": credentials} if credentials else {}
        refusal = requests.request(case.method, BASE + case.path, headers=headers, timeout=10)
        assert refusal.status_code == status, f"{credentials}: {refusal.status_code}"
        assert str(status) in operation.definition.raw["responses"], f"{status} is not described"
        operation.validate_response(refusal)
