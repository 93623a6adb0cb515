import os

import jwt  # PyJWT[crypto]

PUBLIC_URL = os.environ["VESTIBULE_PUBLIC_URL"]  # such as https://app.example.com
ISSUER = PUBLIC_URL + "/_vestibule"
KEYS = jwt.PyJWKClient(ISSUER + "/.well-known/jwks.json")


def verify(token):
    decoded = jwt.decode_complete(
        token,
        KEYS.get_signing_key_from_jwt(token),
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=PUBLIC_URL,
        options={"require": ["sub", "sid", "exp"]},
    )
    if decoded["header"].get("typ") != "JWT":
        raise jwt.InvalidTokenError("not a session token")
    return decoded["payload"]  # ["sub"] is the user's id
