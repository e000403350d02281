"""The server of benches/process.rs as one writes it with FastAPI.

The routes and answers are those of the FastAPI tutorial ("Simple OAuth2 with Password and Bearer").
The tutorial goes on with JWT, which are checked without a look-up and cannot be revoked; here a
token is random and looked up, as in the other server, which is the quicker of the two.
"""

import os
import secrets
import time

import bcrypt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm

LIFETIME = 3600
COST = int(os.environ.get("BCRYPT_COST", "12"))

users = {
    "meera": {
        "username": "meera",
        "scope": "items:read me",
        "hash": bcrypt.hashpw(b"secret123", bcrypt.gensalt(COST)),
    }
}
tokens: dict[str, tuple[str, float]] = {}

app = FastAPI()
bearer = OAuth2PasswordBearer(tokenUrl="token")


async def current_user(token: str = Depends(bearer)) -> dict:
    username, ends = tokens.get(token, ("", 0.0))
    if ends <= time.time():
        raise HTTPException(
            status_code=status.HTTP_401_UNAUTHORIZED,
            detail="Invalid authentication credentials",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return users[username]


# Not `async`: FastAPI runs it on a thread, so that hashing keeps nobody else waiting.
@app.post("/token")
def log_in(form: OAuth2PasswordRequestForm = Depends()) -> dict:
    user = users.get(form.username)
    if user is None or not bcrypt.checkpw(form.password.encode(), user["hash"]):
        raise HTTPException(status_code=400, detail="Incorrect username or password")
    token = secrets.token_urlsafe(32)
    tokens[token] = (form.username, time.time() + LIFETIME)
    return {"access_token": token, "token_type": "bearer", "expires_in": LIFETIME}


@app.get("/me")
async def me(user: dict = Depends(current_user)) -> dict:
    return {"username": user["username"], "scope": user["scope"]}


@app.get("/open")
async def open_to_all() -> dict:
    return {"username": "meera", "scope": "items:read me"}
