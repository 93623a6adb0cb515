// An OAuth client library does by discovery alone what the platform's SDKs do by their protocol.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import * as oauth from 'oauth4webapi';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';

const SECRET = 'correct horse battery staple';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const http = { [oauth.allowInsecureRequests]: true };

let folder, issuer, gateway;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-oauth-'));
  await writeFile(join(folder, 'secret'), SECRET);
  issuer = await startIssuer();
  const { iss, jwks_url } = issuer;
  gateway = await startGateway({
    issuers: [{ name: 'customer', iss, jwks_url, required_for_ready: true }],
    session: { scopes: ['reports:read', 'reports:write'] },
    clients: [{ id: 'billing', secret: `file:${join(folder, 'secret')}` }],
  });
});

after(async () => {
  await gateway?.stop();
  await issuer?.stop();
  await rm(folder, { recursive: true, force: true });
});

for (const algorithm of ['oauth2', 'oidc']) {
  test(`exchange, introspection, userinfo and revocation, discovered by ${algorithm}`, async () => {
    const identifier = new URL(gateway.issuer);
    const found = await oauth.discoveryRequest(identifier, { algorithm, ...http });
    const server = await oauth.processDiscoveryResponse(identifier, found);
    const client = { client_id: 'billing' };
    const auth = oauth.ClientSecretBasic(SECRET);

    const form = new URLSearchParams({
      subject_token: await issuer.token({ sub: `ada by ${algorithm}`, email: `${algorithm}@b.c`, emailVerified: true }),
      subject_token_type: `${TYPE}id_token`,
      scope: 'user:basic reports:read',
    });
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const answer = await oauth.genericTokenEndpointRequest(server, client, auth, grant, form, http);
    const granted = await oauth.processGenericTokenEndpointResponse(server, client, answer);
    assert.equal(granted.issued_token_type, `${TYPE}access_token`);
    assert.equal(granted.scope, 'user:basic reports:read');
    const token = granted.access_token;

    // Our own token only narrows: the same session, the same end.
    const exchange = async (fields) => oauth.processGenericTokenEndpointResponse(server, client,
      await oauth.genericTokenEndpointRequest(server, client, auth, grant, fields, http));
    const own = new URLSearchParams({
      subject_token: token, subject_token_type: `${TYPE}access_token`, scope: 'user:basic',
    });
    const narrowed = await exchange(own);
    assert.equal(narrowed.scope, 'user:basic');
    const claims = ({ access_token }) =>
      JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url'));
    for (const claim of ['sid', 'sub', 'exp']) {
      assert.equal(claims(narrowed)[claim], claims(granted)[claim], claim);
    }
    own.set('scope', 'user:basic reports:write');
    await assert.rejects(exchange(own), { error: 'invalid_scope', status: 400 });

    const told = async () => oauth.processIntrospectionResponse(server, client,
      await oauth.introspectionRequest(server, client, auth, token, http));
    const { active, sub } = await told();
    assert.equal(active, true);
    const user = await oauth.userInfoRequest(server, client, token, http);
    const info = await oauth.processUserInfoResponse(server, client, sub, user);
    assert.equal(info.email, `${algorithm}@b.c`);

    const revoked = await oauth.revocationRequest(server, client, auth, token, http);
    await oauth.processRevocationResponse(revoked);
    assert.equal((await told()).active, false);

    form.set('subject_token', 'no.jwt.either');
    const refused = await oauth.genericTokenEndpointRequest(server, client, auth, grant, form, http);
    await assert.rejects(oauth.processGenericTokenEndpointResponse(server, client, refused),
      { error: 'invalid_request', status: 400 });
  });
}
