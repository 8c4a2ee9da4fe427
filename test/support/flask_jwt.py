"""What dserver's own library says of tokens: flask-jwt-extended, configured as dserver configures it."""
import json
import sys

from flask import Flask, jsonify
from flask_jwt_extended import JWTManager, get_jwt_identity, jwt_required

asked = json.load(sys.stdin)

app = Flask(__name__)
app.config["JWT_ALGORITHM"] = "RS256"
app.config["JWT_PUBLIC_KEY"] = asked["public_key"]
app.config["JWT_TOKEN_LOCATION"] = "headers"
app.config["JWT_HEADER_NAME"] = "Authorization"
app.config["JWT_HEADER_TYPE"] = "Bearer"
app.config.update(asked.get("config", {}))
JWTManager(app)


@app.route("/me")
@jwt_required()
def me():
    return jsonify(get_jwt_identity())


client = app.test_client()
answers = []
for token in asked["tokens"]:
    answer = client.get("/me", headers={"Authorization": "Bearer " + token})
    answers.append([answer.status_code, answer.get_json()])
print(json.dumps(answers))
