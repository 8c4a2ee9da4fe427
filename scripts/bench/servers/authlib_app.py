"""
Authlib's authorization server as its documentation builds one, on Flask, SQLAlchemy and SQLite: one client, and one
person who is signed in by asking for it. Authlib leaves the models, the pages and the documents to its user.
"""

import json
import os
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_bearer_token_validator,
    create_query_client_func,
    create_query_token_func,
    create_save_token_func,
)
from authlib.jose import JsonWebKey, jwt
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, jsonify, request, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from werkzeug.security import gen_salt

BASE = f"http://127.0.0.1:{os.environ['PORT']}"
API = os.environ["API"]
JWT_SCOPE = "read"
LIFETIME = 3600

with open(os.environ["KEYS"]) as file:
    KEY = JsonWebKey.import_key(json.load(file)["keys"][0])

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ["CLIENT_SECRET"],
    SQLALCHEMY_DATABASE_URI=f"sqlite:///{os.environ['DATABASE']}",
    OAUTH2_REFRESH_TOKEN_GENERATOR=True,
    OAUTH2_ACCESS_TOKEN_GENERATOR="authlib_app.access_token",
)
db = SQLAlchemy(app)


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), unique=True)

    def get_user_id(self):
        return self.id


class Client(db.Model, OAuth2ClientMixin):
    id = db.Column(db.Integer, primary_key=True)


class Code(db.Model, OAuth2AuthorizationCodeMixin):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer)


class Token(db.Model, OAuth2TokenMixin):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer)


def access_token(client, grant_type, user, scope):
    if scope != JWT_SCOPE:
        return gen_salt(42)
    now = int(time.time())
    claims = {"iss": BASE, "sub": client.client_id, "client_id": client.client_id, "aud": API, "scope": scope}
    claims |= {"iat": now, "exp": now + LIFETIME, "jti": gen_salt(22)}
    return jwt.encode({"alg": "RS256", "typ": "at+jwt"}, claims, KEY).decode()


class CodeGrant(grants.AuthorizationCodeGrant):
    def save_authorization_code(self, code, request):
        asked = request.payload.data
        db.session.add(
            Code(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=asked["redirect_uri"],
                scope=asked["scope"],
                user_id=request.user.id,
                nonce=asked["nonce"],
                code_challenge=asked["code_challenge"],
                code_challenge_method=asked["code_challenge_method"],
            )
        )
        db.session.commit()

    def query_authorization_code(self, code, client):
        found = Code.query.filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code):
        db.session.delete(authorization_code)
        db.session.commit()

    def authenticate_user(self, authorization_code):
        return db.session.get(User, authorization_code.user_id)


class IdTokens(OpenIDCode):
    def exists_nonce(self, nonce, request):
        return Code.query.filter_by(client_id=request.client.client_id, nonce=nonce).first() is not None

    def get_jwt_config(self, *_):
        return {"key": KEY, "alg": "RS256", "iss": BASE, "exp": LIFETIME}

    def generate_user_info(self, user, scope):
        return UserInfo(sub=str(user.id), name=user.name)


class RefreshGrant(grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        found = Token.query.filter_by(refresh_token=refresh_token).first()
        return found if found and not found.refresh_token_revoked_at else None

    def authenticate_user(self, refresh_token):
        return db.session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        refresh_token.access_token_revoked_at = refresh_token.refresh_token_revoked_at = int(time.time())
        db.session.commit()


class Introspection(IntrospectionEndpoint):
    def query_token(self, token_string, token_type_hint):
        return create_query_token_func(db.session, Token)(token_string, token_type_hint)

    def check_permission(self, token, client, request):
        return True

    def introspect_token(self, token):
        return {
            "active": not token.is_revoked() and not token.is_expired(),
            "client_id": token.client_id,
            "scope": token.scope,
            "sub": str(token.user_id),
            "iss": BASE,
            "iat": token.issued_at,
            "exp": token.issued_at + token.expires_in,
            "token_type": token.token_type,
        }


def fill():
    db.create_all()
    db.session.add(User(name="bench"))
    client = Client(
        client_id="bench", client_secret=os.environ["CLIENT_SECRET"], client_id_issued_at=int(time.time())
    )
    client.set_client_metadata(
        {
            "redirect_uris": [os.environ["REDIRECT_URI"]],
            "scope": f"openid profile api {JWT_SCOPE}",
            "response_types": ["code"],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_method": "client_secret_basic",
        }
    )
    db.session.add(client)
    db.session.commit()


with app.app_context():

    @event.listens_for(db.engine, "connect")
    def connected(connection, _):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA busy_timeout = 5000")

    fill()
    # The workers are forked from here, and SQLite's connections must not be.
    db.engine.dispose()

server = AuthorizationServer(
    app,
    query_client=create_query_client_func(db.session, Client),
    save_token=create_save_token_func(db.session, Token),
)
server.register_grant(CodeGrant, [IdTokens(require_nonce=True), CodeChallenge(required=True)])
server.register_grant(grants.ClientCredentialsGrant)
server.register_grant(RefreshGrant)
server.register_endpoint(Introspection)
protected = ResourceProtector()
protected.register_token_validator(create_bearer_token_validator(db.session, Token)())

METADATA = {
    "issuer": BASE,
    "authorization_endpoint": f"{BASE}/authorize",
    "token_endpoint": f"{BASE}/token",
    "userinfo_endpoint": f"{BASE}/userinfo",
    "jwks_uri": f"{BASE}/jwks",
    "introspection_endpoint": f"{BASE}/introspect",
    "response_types_supported": ["code"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
    "code_challenge_methods_supported": ["S256"],
}


@app.get("/.well-known/openid-configuration")
def discovery():
    return jsonify(METADATA)


@app.get("/jwks")
def jwks():
    return jsonify({"keys": [KEY.as_dict(is_private=False)]})


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/introspect")
def introspect():
    return server.create_endpoint_response("introspection")


@app.post("/login")
def login():
    session["user"] = User.query.filter_by(name="bench").first().id
    return jsonify(ok=True)


@app.get("/authorize")
def authorize():
    user = db.session.get(User, session["user"]) if "user" in session else None
    grant = server.get_consent_grant(end_user=user)
    return server.create_authorization_response(grant_user=user, grant=grant)


@app.get("/userinfo")
@protected("openid")
def userinfo():
    user = db.session.get(User, current_token.user_id)
    return jsonify(UserInfo(sub=str(user.id), name=user.name))
