// The platform's documents say how a server checks a session token; these recipes, unchanged, take
// the gateway's. They know RS256 only, and one key.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, before, test } from 'node:test';

import { DynamicStrategy } from '@dynamic-labs/passport-dynamic';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import jwt from 'jsonwebtoken';
import { JwksClient } from 'jwks-rsa';
import passport from 'passport';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';

const ENVIRONMENT = '6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d';

let issuer, gateway, jwksUri, token, user;

before(async () => {
  issuer = await startIssuer();
  const { iss, jwks_url } = issuer;
  gateway = await startGateway({
    environment_id: ENVIRONMENT,
    session: { algorithm: 'RS256', signing_keys: { publish: 'current_only' } },
    issuers: [{ name: 'customer', iss, jwks_url, required_for_ready: true }],
  });
  const base = `${gateway.issuer}/api/v0/sdk/${ENVIRONMENT}`;
  jwksUri = `${base}/.well-known/jwks`;
  const signIn = await fetch(`${base}/externalAuth/signin`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jwt: await issuer.token({ sub: 'ada' }) }),
  });
  ({ minifiedJwt: token, user } = await signIn.json());
});

after(async () => {
  await gateway?.stop();
  await issuer?.stop();
});

test('jwks-rsa and jsonwebtoken', async () => {
  const client = new JwksClient({
    jwksUri, rateLimit: true, cache: true, cacheMaxEntries: 5, cacheMaxAge: 600_000,
  });
  const publicKey = (await client.getSigningKey()).getPublicKey();
  const decoded = jwt.verify(token, publicKey, { ignoreExpiration: false });
  assert.equal(decoded.sub, user.id);
  assert.equal(decoded.environment_id, ENVIRONMENT);
  assert.ok(decoded.scope.split(' ').includes('user:basic'));
  assert.ok(!decoded.scope.includes('requiresAdditionalAuth'));
  assert.throws(() => jwt.verify(changed(token), publicKey), /invalid signature/);
});

test('jose', async () => {
  const keys = createRemoteJWKSet(new URL(jwksUri));
  const { payload } = await jwtVerify(token, keys, { algorithms: ['RS256'] });
  assert.equal(payload.sub, user.id);
  await assert.rejects(jwtVerify(changed(token), keys), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
});

test('passport-dynamic', async () => {
  const { keys: [jwk] } = await (await fetch(jwksUri)).json();
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs1', format: 'pem' });
  const strategy = new DynamicStrategy({ publicKey }, (payload, done) => done(null, payload));
  const authenticate = (authorization) => new Promise((resolve, reject) => {
    const own = Object.create(strategy);
    Object.assign(own, {
      success: resolve, error: reject, fail: (why) => reject(why ?? new Error('refused')),
    });
    own.authenticate({ headers: { authorization } }, {});
  });
  passport.use(strategy);
  assert.equal((await authenticate(`Bearer ${token}`)).sub, user.id);
  await assert.rejects(authenticate(`Bearer ${changed(token)}`));
});

test('PyJWT', async () => {
  const python = join(process.env.VESTIBULE_VENV ?? '', 'bin', 'python3');
  const program = `
import sys, jwt
keys = jwt.PyJWKClient(sys.argv[1])
key = keys.get_signing_key_from_jwt(sys.argv[2])
print(jwt.decode(sys.argv[2], key, algorithms=["RS256"], options={"verify_aud": False})["sub"])
`;
  const verify = (text) => promisify(execFile)(python, ['-c', program, jwksUri, text]);
  assert.equal((await verify(token)).stdout.trim(), user.id);
  await assert.rejects(verify(changed(token)), /InvalidSignatureError/);
});

/** The token with another signature. */
function changed(text) {
  const [header, payload, signature] = text.split('.');
  return [header, payload, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.');
}
