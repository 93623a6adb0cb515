// The platform's own clients, unchanged but for the address of the API.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createRemoteJWKSet, generateKeyPair, jwtVerify } from 'jose';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';
import { openPage, PAGE } from './page.mjs';

const ENVIRONMENT = '6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d';
const COOKIE = 'customer_token';
const MODES = {
  bearer: {},
  cookie: { sdk: { cookie: true } },
  'bring-your-own cookie': { cookie_name: COOKIE },
};

const page = openPage();
// They look for a document when they are loaded.
const sdk = await import('@dynamic-labs-sdk/client');
const { Configuration, SDKApi } = await import('@dynamic-labs/sdk-api-core');

let issuer;
const gateways = {};

before(async () => {
  issuer = await startIssuer();
  for (const [mode, { cookie_name, ...settings }] of Object.entries(MODES)) {
    const { iss, jwks_url } = issuer;
    gateways[mode] = await startGateway({
      environment_id: ENVIRONMENT,
      allowed_origins: [PAGE],
      step_up: { scopes: ['wallet:export'], single_use: true },
      issuers: [{ name: 'customer', iss, jwks_url, cookie_name, required_for_ready: true }],
      ...settings,
    });
  }
});

after(async () => {
  for (const gateway of Object.values(gateways)) await gateway.stop();
  await issuer?.stop();
});

for (const mode of Object.keys(MODES)) {
  test(`a person signs in and out: ${mode}`, async () => {
    localStorage.clear();
    page.cookies.clear();
    const client = await start(gateways[mode]);
    assert.equal(client.user, null, 'nobody is signed in');

    const sub = `ada of ${mode}`;
    const externalJwt = await issuer.token({ sub, email: 'ada@example.com', emailVerified: true });
    const inCookie = mode === 'bring-your-own cookie';
    if (inCookie) page.cookies.set(COOKIE, externalJwt);
    const signedIn = await sdk.signInWithExternalJwt(inCookie ? {} : { externalJwt }, client);
    assert.equal(signedIn.user.newUser, true);
    assert.equal(client.user.id, signedIn.user.id);
    assert.equal(client.user.email, 'ada@example.com');
    const formats = client.user.verifiedCredentials.map(({ format }) => format);
    assert.deepEqual(formats, ['externalUser', 'email']);
    const token = mode === 'cookie' ? page.cookies.get('DYNAMIC_JWT_TOKEN') : client.token;
    const { payload } = await verified(gateways[mode], token);
    assert.equal(payload.sub, client.user.id);
    assert.match(payload.session_public_key, /^0[23][0-9a-f]{64}$/);
    if (mode === 'cookie') assert.equal(client.token, null, 'no script sees the token');

    await sdk.refreshUser(client);
    assert.equal(client.user.id, signedIn.user.id);
    const refreshed = await sdk.refreshAuth(client);
    assert.equal(refreshed.user.newUser, false);
    assert.equal(refreshed.user.sessionId, signedIn.user.sessionId);

    await sdk.logout(client);
    assert.equal(client.user, null);
    assert.ok(!page.cookies.has('DYNAMIC_JWT_TOKEN'));
    const authorization = `Bearer ${token}`;
    const session = await fetch(`${base(gateways[mode])}/sdk/${ENVIRONMENT}/session`, {
      headers: { authorization },
    });
    assert.equal(session.status, 401, 'the session is over');
  });

  test(`a bad token is the client's own kind of error: ${mode}`, async () => {
    localStorage.clear();
    page.cookies.clear();
    const client = await start(gateways[mode]);
    const { privateKey } = await generateKeyPair('ES256');
    for (const externalJwt of [
      await issuer.token({ sub: 'ada', exp: 1 }),
      await issuer.token({ sub: 'ada' }, privateKey),
      'no.jwt.either',
    ]) {
      await assert.rejects(
        sdk.signInWithExternalJwt({ externalJwt }, client),
        (error) => error instanceof sdk.InvalidExternalAuthError && error.cause.status === 422,
      );
    }
    assert.equal(client.user, null);
  });
}

for (const mode of Object.keys(MODES)) {
  test(`an assertion steps up, once: ${mode}`, async () => {
    localStorage.clear();
    page.cookies.clear();
    const client = await start(gateways[mode]);
    const sub = `ada who steps up by ${mode}`;
    const login = await issuer.token({ sub });
    const inCookie = mode === 'bring-your-own cookie';
    if (inCookie) page.cookies.set(COOKIE, login);
    await sdk.signInWithExternalJwt(inCookie ? {} : { externalJwt: login }, client);
    const scope = 'wallet:export';
    assert.equal((await sdk.checkStepUpAuth({ scope }, client)).isRequired, true);

    const claims = { iss: undefined, sub, scope, jti: `one of ${mode}` };
    const externalJwt = await issuer.token(claims);
    await sdk.requestExternalAuthElevatedToken({ externalJwt }, client);
    assert.equal((await sdk.checkStepUpAuth({ scope }, client)).isRequired, false);
    const elevated = sdk.getElevatedAccessToken({ scope }, client);
    assert.equal(elevated.split('.').length, 3);

    const other = { ...claims, sub: 'grace', jti: `two of ${mode}` };
    for (const refused of [externalJwt, await issuer.token(other)]) {
      await assert.rejects(
        sdk.requestExternalAuthElevatedToken({ externalJwt: refused }, client),
        (error) => error instanceof sdk.InvalidExternalAuthError,
      );
    }
    await sdk.logout(client);
  });
}

for (const mode of ['bearer', 'cookie']) {
  test(`a person changes the profile and deletes the account: ${mode}`, async () => {
    localStorage.clear();
    page.cookies.clear();
    const client = await start(gateways[mode]);
    const sub = `ada who leaves by ${mode}`;
    const externalJwt = await issuer.token({ sub });
    await sdk.signInWithExternalJwt({ externalJwt }, client);
    const { id } = client.user;
    const userFields = { firstName: 'Ada', metadata: { theme: 'dark' } };
    await sdk.updateUser({ userFields }, client);
    assert.equal(client.user.firstName, 'Ada');
    await sdk.refreshUser(client);
    assert.deepEqual([client.user.id, client.user.metadata], [id, { theme: 'dark' }]);
    await assert.rejects(sdk.updateUser({ userFields: { email: 'eve@example.com' } }, client));
    await sdk.deleteUser(client);
    assert.equal(client.user, null);
    await assert.rejects(sdk.signInWithExternalJwt({ externalJwt }, client));
  });
}

test('the generated API client signs in, too', async () => {
  const basePath = base(gateways.bearer);
  const call = (accessToken) => new SDKApi(new Configuration({ basePath, accessToken }));
  const environmentId = ENVIRONMENT;
  const externalAuthSigninRequest = { jwt: await issuer.token({ sub: 'grace' }) };
  const signedIn = await call().externalAuthSignin({ environmentId, externalAuthSigninRequest });
  assert.equal(signedIn.user.verifiedCredentials[0].publicIdentifier, 'grace');
  const known = call(signedIn.minifiedJwt);
  assert.equal((await known.getAuthenticatedUser({ environmentId })).id, signedIn.user.id);
  const refreshed = await known.refreshAuth({ environmentId });
  assert.equal(refreshed.user.id, signedIn.user.id);
  await known.revokeSession({ environmentId });
  await assert.rejects(known.getAuthenticatedUser({ environmentId }), ({ response, status }) =>
    (response ?? { status }).status === 401);
});

async function start(gateway) {
  const client = sdk.createDynamicClient({
    autoInitialize: false,
    environmentId: ENVIRONMENT,
    coreConfig: { apiBaseUrl: base(gateway) },
    instrumentation: { enabled: false },
  });
  await sdk.initializeClient(client);
  return client;
}

function base(gateway) {
  return `${gateway.issuer}/api/v0`;
}

async function verified(gateway, token) {
  const keys = createRemoteJWKSet(new URL(`${base(gateway)}/sdk/${ENVIRONMENT}/.well-known/jwks`));
  return jwtVerify(token, keys, { issuer: gateway.issuer, audience: PAGE, typ: 'JWT' });
}
