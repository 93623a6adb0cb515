// The platform's admin client, unchanged but for the address of the API.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Configuration as SdkConfiguration, SDKApi } from '@dynamic-labs/sdk-api-core';
import {
  AllowlistsApi, Configuration, EnvironmentsApi, ExternalJwtApi, OriginsApi, SessionsApi, UsersApi,
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

test('users are created, listed, changed and deleted', async () => {
  const api = new UsersApi(client);
  const fields = { email: 'lovelace@example.com', firstName: 'Ada', metadata: { plan: 'gold' } };
  const { user } = await api.createUser({ environmentId, internalBulkUpdateUserFields: fields });
  assert.equal(user.firstName, 'Ada');
  const claims = { email: fields.email, emailVerified: true };
  const signedIn = await signIn('lovelace', claims);
  assert.equal(signedIn.user.id, user.id, 'who verifies the address first');

  const filter = { filterColumn: 'email', filterValue: fields.email };
  const { users } = await api.getEnvironmentUsers({ environmentId, filter, includeSessions: true });
  assert.deepEqual(users.map(({ id }) => id), [user.id]);
  assert.equal(users[0].sessions[0].id, signedIn.user.sessionId);
  const userId = user.id;
  const session = await new SessionsApi(client)
    .getSessionById({ userId, sessionId: signedIn.user.sessionId });
  assert.equal(session.id, signedIn.user.sessionId);
  const internalUpdatableUserFields = { lastName: 'Lovelace' };
  const changed = await api.updateUser({ environmentId, userId, internalUpdatableUserFields });
  assert.equal(changed.user.lastName, 'Lovelace');
  const bulk = await api.bulkCreateUser({
    environmentId, upsert: true, internalUserFields: [{ ...fields, team: 'Engine' }, { email: 'new@example.com' }],
  });
  assert.equal(bulk.updated[0].team, 'Engine');
  assert.equal(bulk.created.length, 1);
  await api.deleteUser({ environmentId, userId });
  await assert.rejects(api.getUser({ environmentId, userId }), { status: 404 });
});

test('origins are allowed and taken back', async () => {
  // These calls of the client carry no token of their own.
  const headers = { Authorization: 'Bearer dyn_operators-only' };
  const api = new OriginsApi(new Configuration({ basePath: `${gateway.admin}/api/v0`, headers }));
  const allowed = async (origin) => {
    const url = `${gateway.issuer}/api/v0/sdk/${environmentId}/settings`;
    const response = await fetch(url, { headers: { origin } });
    return response.headers.get('access-control-allow-origin') === origin;
  };
  const page = 'https://new.example.com';
  assert.equal(await allowed(page), false);
  const { origin } = await api.addOrigin({ environmentId, inlineObject: { origin: page } });
  assert.equal(await allowed(page), true);
  const { origins } = await api.getOrigins({ environmentId });
  assert.deepEqual(origins.map(({ id }) => id), [origin.id]);
  await api.deleteOriginById({ originId: origin.id });
  assert.equal(await allowed(page), false);
});

test('access lists keep out, let in and add scopes', async () => {
  const api = new AllowlistsApi(client);
  const create = (postAllowlistsRequest) => api
    .createAllowlistByEnvironmentId({ environmentId, postAllowlistsRequest });
  const blocked = await create({ name: 'barred', outcome: 'block' });
  const allowlistId = blocked.id;
  const postAllowlistEntriesRequest = { externalUserId: 'mallory' };
  const entry = await api.postEntryByAllowlistId({ allowlistId, postAllowlistEntriesRequest });
  await api.enableAllowlistById({ allowlistId });
  const refused = await signIn('mallory').then(() => assert.fail('let in'), (error) => error);
  assert.equal(refused.status ?? refused.response?.status, 403);
  // A new name changes nothing else.
  const postAllowlistsRequest = { name: 'barred people' };
  const renamed = await api.updateAllowlistById({ allowlistId, postAllowlistsRequest });
  assert.deepEqual([renamed.name, renamed.outcome], ['barred people', 'block']);
  assert.ok(renamed.enabledAt);
  // Nobody whose sessions another test has revoked: a token of that very second is refused, too.
  await signIn('hopper');
  const { entries } = await api.getEntriesByAllowlistId({ allowlistId });
  assert.deepEqual(entries.map(({ id }) => id), [entry.id]);
  await api.deleteAllowlistEntryById({ allowlistEntryId: entry.id });
  await signIn('mallory');

  const beta = await create({ name: 'beta', outcome: 'scope', scope: 'beta:use' });
  await api.postEntryByAllowlistId({ allowlistId: beta.id, postAllowlistEntriesRequest });
  await api.enableAllowlistById({ allowlistId: beta.id });
  assert.equal((await signIn('mallory')).user.scope, 'user:basic beta:use');
  const lists = await api.getAllowlistsByEnvironmentId({ environmentId });
  assert.deepEqual(lists.map(({ name }) => name), ['barred people', 'beta']);
  for (const { id } of lists) await api.deleteAllowlistById({ allowlistId: id });
});

async function signIn(sub, claims = {}) {
  const api = new SDKApi(new SdkConfiguration({ basePath: `${gateway.issuer}/api/v0` }));
  const jti = `${sub} ${performance.now()}`;
  const externalAuthSigninRequest = { jwt: await issuer.token({ sub, jti, ...claims }) };
  return api.externalAuthSignin({ environmentId, externalAuthSigninRequest });
}

async function status(token) {
  const url = `${gateway.issuer}/api/v0/sdk/${environmentId}/session`;
  return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;
}
