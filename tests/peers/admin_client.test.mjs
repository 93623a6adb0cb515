// The platform's admin client, unchanged but for the address of the API.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Configuration as SdkConfiguration, SDKApi } from '@dynamic-labs/sdk-api-core';
import {
  Configuration, EnvironmentsApi, ExternalJwtApi, SessionsApi, UsersApi,
} from '@dynamic-labs/sdk-api';
import jsonwebtoken from 'jsonwebtoken';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';

const environmentId = '6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d';
let issuer, gateway, folder, client;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-admin-'));
  const accessToken = 'dyn_operators-only';
  await writeFile(join(folder, 'token'), accessToken);
  issuer = await startIssuer();
  const { iss, jwks_url } = issuer;
  gateway = await startGateway({
    environment_id: environmentId,
    session: { algorithm: 'RS256' },
    issuers: [{ name: 'customer', iss, jwks_url, required_for_ready: true }],
  }, { token: `file:${join(folder, 'token')}` });
  client = new Configuration({ basePath: `${gateway.admin}/api/v0`, accessToken });
});

after(async () => {
  await gateway?.stop();
  await issuer?.stop();
  if (folder) await rm(folder, { recursive: true });
});

test('a session is revoked and shown', async () => {
  const { user, minifiedJwt } = await signIn('ada');
  assert.equal(await status(minifiedJwt), 204);
  const session = await new SessionsApi(client).revokeSessionById({ sessionId: user.sessionId });
  assert.equal(session.id, user.sessionId);
  assert.ok(session.createdAt <= session.revokedAt, JSON.stringify(session));
  assert.equal(session.ipAddress, '127.0.0.1');
  assert.ok(session.userAgent);
  assert.equal(await status(minifiedJwt), 401);
});

test('all sessions of a user are revoked', async () => {
  const { user, minifiedJwt } = await signIn('grace');
  const other = await signIn('ada');
  await new UsersApi(client).revokeUserSessions({ environmentId, userId: user.id });
  assert.equal(await status(minifiedJwt), 401);
  assert.equal(await status(other.minifiedJwt), 204);
});

test('the environment is shown, and set to what the gateway has', async () => {
  const api = new EnvironmentsApi(client);
  const environment = await api.getEnvironmentById({ environmentId });
  assert.equal(environment.id, environmentId);
  const { externalAuth } = environment.settings.security;
  assert.equal(externalAuth.iss, issuer.iss);
  // What was read may be sent back.
  const projectSettings = environment.settings;
  const same = await api.updateProjectSettings({ environmentId, projectSettings });
  assert.deepEqual(same.security.externalAuth, externalAuth);
  const unsupported = structuredClone(projectSettings);
  unsupported.security.jwtDuration = { amount: 2, unit: 'days' };
  unsupported.security.auth.storage = ['cookie'];
  const refused = await api.updateProjectSettings({ environmentId, projectSettings: unsupported })
    .then(() => assert.fail('it was swallowed'), (response) => response);
  assert.equal(refused.status, 422);
  const { problems } = await refused.json();
  const fields = problems.map(({ field }) => field).sort();
  assert.deepEqual(fields, ['security.auth.storage', 'security.jwtDuration']);
});

test('an external token is checked', async () => {
  const check = async (encodedJwt) => new ExternalJwtApi(client)
    .checkExternalJwt({ environmentId, externalJwtCheckRequest: { encodedJwt } });
  assert.equal((await check(await issuer.token({ sub: 'ada' }))).valid, true);
  const { valid, errors } = await check(await issuer.token({ sub: 'ada', exp: 1 }));
  assert.equal(valid, false);
  assert.ok(errors.length > 0);
});

test('the public key verifies session tokens', async () => {
  const { key } = await new EnvironmentsApi(client).getKeysForEnvironment({ environmentId });
  const pem = Buffer.from(key.publicKey, 'base64').toString('ascii');
  assert.equal(createPublicKey(pem).asymmetricKeyType, 'rsa');
  const { user, minifiedJwt } = await signIn('ada');
  assert.equal(jsonwebtoken.verify(minifiedJwt, pem, { algorithms: ['RS256'] }).sub, user.id);
});

async function signIn(sub) {
  const api = new SDKApi(new SdkConfiguration({ basePath: `${gateway.issuer}/api/v0` }));
  const jti = `${sub} ${performance.now()}`;
  const externalAuthSigninRequest = { jwt: await issuer.token({ sub, jti }) };
  return api.externalAuthSignin({ environmentId, externalAuthSigninRequest });
}

async function status(token) {
  const url = `${gateway.issuer}/api/v0/sdk/${environmentId}/session`;
  return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;
}
