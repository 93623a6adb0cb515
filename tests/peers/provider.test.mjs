// Tokens of a real OpenID provider go through the gateway to a real upstream, nginx, and the
// session tokens that it logs are verified as an application would.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';

import { startGateway } from './gateway.mjs';
import { startNginx } from './nginx.mjs';
import { vestibule } from './process.mjs';
import { RESOURCE, startProvider } from './provider.mjs';

const COOKIE = 'op_token';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const KINDS = ['id_token', 'access_token'];
const CASES = ['RS256', 'ES256'].flatMap((client) =>
  KINDS.flatMap((kind) => ['bearer', 'cookie'].map((place) => ({ client, kind, place }))));

let provider, stranger, nginx, gateway, log;
const tokens = {}; // by client: what the provider issued
const answers = new Map(); // by request target

before(async () => {
  [provider, stranger, nginx] = await Promise.all([
    startProvider(), startProvider(), startNginx(),
  ]);
  gateway = await startGateway({
    issuers: [{
      name: 'provider',
      iss: provider.iss,
      discovery: true,
      aud: ['RS256', 'ES256', RESOURCE],
      cookie_name: COOKIE,
      required_for_ready: true,
    }],
    upstreams: { nginx: { servers: [nginx.server] } },
    routes: [{ path: '/', auth: 'required', upstream: 'nginx' }],
  });

  for (const client of ['RS256', 'ES256']) tokens[client] = await provider.signIn(client, 'ada');
  const grace = await provider.signIn('ES256', 'grace');
  const foreign = await stranger.signIn('ES256', 'ada');
  for (const { client, kind, place } of CASES) {
    await send(`/${client}/${kind}/${place}`, place, tokens[client][kind]);
  }
  await send('/grace', 'bearer', grace.id_token);
  await send('/refused/nothing', 'none');
  await send('/refused/foreign', 'bearer', foreign.id_token);
  await send('/refused/changed', 'bearer', changed(tokens.ES256.id_token));
  log = await nginx.finish();
});

after(async () => {
  const end = await gateway?.stop();
  await Promise.all([provider?.stop(), stranger?.stop()]);
  if (end) assert.deepEqual(end, { code: 0, signal: null }, 'SIGTERM ends the gateway well');
});

describe('a token of the provider reaches nginx as a session token', () => {
  for (const { client, kind, place } of CASES) {
    test(`${client} ${kind} by ${place}`, async () => {
      const target = `/${client}/${kind}/${place}`;
      assert.equal(answers.get(target).status, 200);
      const session = sessionToken(target);
      assert.notEqual(session, tokens[client][kind]);

      const { payload } = await verified(session);
      assert.match(payload.sub, UUID);
      assert.equal(payload.email, 'ada@example.com');
      assert.match(payload.scope, /(^| )user:basic( |$)/);
      for (const claim of ['sid', 'environment_id', 'last_verified_credential_id']) {
        assert.equal(typeof payload[claim], 'string', claim);
      }
      assert.equal(payload.kid, decodeProtectedHeader(session).kid);
      assert.ok(payload.exp <= decodeJwt(tokens[client][kind]).exp, 'it ends with its external token');
    });
  }

  test('no external token and no cookie of the issuer is in the log', () => {
    for (const client of Object.values(tokens)) {
      for (const token of Object.values(client)) assert.ok(!log.text.includes(token));
    }
    assert.ok(!log.text.includes(COOKIE));
  });

  test('other cookies stay as they were', () => {
    assert.equal(log.lines.get('/ES256/id_token/cookie').cookie, 'a=1; b="two words"');
  });

  test('one person is one user, another is another', () => {
    const users = new Set(CASES.map(({ client, kind, place }) =>
      decodeJwt(sessionToken(`/${client}/${kind}/${place}`)).sub));
    assert.equal(users.size, 1);
    assert.ok(!users.has(decodeJwt(sessionToken('/grace')).sub));
  });

  test('one external token is one session, wherever it is carried', () => {
    const session = (place) => decodeJwt(sessionToken(`/RS256/id_token/${place}`)).sid;
    assert.equal(session('bearer'), session('cookie'));
  });

  test('neither token is in the gateway\'s log', () => {
    for (const { client, kind, place } of CASES) {
      const session = sessionToken(`/${client}/${kind}/${place}`);
      assert.ok(!gateway.log().includes(tokens[client][kind]));
      assert.ok(!gateway.log().includes(session));
    }
  });
});

describe('a refused request does not reach nginx', () => {
  for (const [what, code, error] of [
    ['nothing', 'token_missing', undefined],
    ['foreign', 'token_invalid', 'invalid_token'],
    ['changed', 'token_invalid', 'invalid_token'],
  ]) {
    test(what, () => {
      const { status, headers, body } = answers.get(`/refused/${what}`);
      assert.equal(status, 401);
      assert.match(headers.get('content-type'), /^application\/problem\+json/);
      assert.equal(JSON.parse(body).code, code);
      const challenge = headers.get('www-authenticate');
      assert.match(challenge, /^Bearer/);
      // RFC 6750 section 3.1: no error where nothing was presented.
      assert.equal(/error="([^"]*)"/.exec(challenge)?.[1], error);
      assert.ok(!log.lines.has(`/refused/${what}`));
    });
  }
});

describe('the session token is verified by', () => {
  const good = () => sessionToken('/ES256/id_token/bearer');
  const bad = () => ({
    'the external token': tokens.ES256.id_token,
    'a changed session token': changed(good()),
    'the session token of another gateway': foreignSession,
  });
  let foreignSession;

  // The same provider and upstream, another gateway: its issuer and keys differ.
  before(async () => {
    const upstream = await startNginx();
    const other = await startGateway({
      issuers: [{ name: 'provider', iss: provider.iss, discovery: true, required_for_ready: true }],
      upstreams: { nginx: { servers: [upstream.server] } },
      routes: [{ upstream: 'nginx' }],
    });
    const token = tokens.ES256.id_token;
    await fetch(`${other.url}/other`, { headers: { authorization: `Bearer ${token}` } });
    await other.stop();
    foreignSession = (await upstream.finish()).lines.get('/other').authorization.slice(7);
  });

  test('the snippet for Node', async () => {
    process.env.VESTIBULE_PUBLIC_URL = gateway.url;
    const { verify } = await import('./verify.mjs');
    assert.match((await verify(good())).sub, UUID);
    for (const [what, token] of Object.entries(bad())) {
      await assert.rejects(verify(token), { name: /^(JW|JOSE)/ }, what);
    }
  });

  test('the snippet for Python', async () => {
    const program = [
      'import sys, verify',
      'print(verify.verify(sys.stdin.read())["sub"])',
    ].join('\n');
    const python = join(process.env.VESTIBULE_VENV ?? '', 'bin', 'python3');
    const env = { VESTIBULE_PUBLIC_URL: gateway.url, PYTHONDONTWRITEBYTECODE: '1' };
    const run = (token) => runWith(token, python, ['-c', program], env);
    const { code, output, errors } = await run(good());
    assert.equal(code, 0, errors);
    assert.match(output.trim(), UUID);
    for (const [what, token] of Object.entries(bad())) {
      const refused = await run(token);
      assert.equal(refused.code, 1, what);
      assert.match(refused.errors, /^jwt\.exceptions\.\w+:/m, what);
    }
  });

  test('the snippet for Rust', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vestibule-verify-'));
    try {
      const keys = join(folder, 'jwks.json');
      const answer = await fetch(`${gateway.issuer}/.well-known/jwks.json`);
      await writeFile(keys, await answer.text());
      const program = join(dirname(vestibule()), 'examples', 'verify');
      const run = (token) => runWith(token, program, [keys, gateway.url]);
      const { code, output, errors } = await run(good());
      assert.equal(code, 0, errors);
      assert.match(output.split(' ')[0], UUID);
      for (const [what, token] of Object.entries(bad())) {
        assert.equal((await run(token)).code, 1, what);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('what the gateway publishes', () => {
  test('metadata names the issuer and its keys', async () => {
    const answer = await fetch(`${gateway.issuer}/.well-known/openid-configuration`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type'), /^application\/json/);
    const metadata = await answer.json();
    assert.equal(metadata.issuer, gateway.issuer);
    assert.equal(metadata.jwks_uri, `${gateway.issuer}/.well-known/jwks.json`);
  });

  test('the keys are public, for signatures, and named', async () => {
    const { keys } = await (await fetch(`${gateway.issuer}/.well-known/jwks.json`)).json();
    const session = decodeProtectedHeader(sessionToken('/ES256/id_token/bearer'));
    assert.ok(keys.some(({ kid }) => kid === session.kid));
    for (const key of keys) {
      assert.equal(key.use, 'sig');
      assert.equal(typeof key.alg, 'string');
      for (const secret of ['d', 'p', 'q', 'k']) assert.ok(!(secret in key), secret);
    }
  });
});

async function send(target, place, token) {
  const headers = { cookie: 'a=1; b="two words"' };
  if (place === 'bearer') headers.authorization = `Bearer ${token}`;
  if (place === 'cookie') headers.cookie = `a=1; ${COOKIE}=${token}; b="two words"`;
  const response = await fetch(gateway.url + target, { headers });
  const { status } = response;
  answers.set(target, { status, headers: response.headers, body: await response.text() });
}

/** The token that nginx logged for a request. */
function sessionToken(target) {
  const { authorization } = log.lines.get(target);
  assert.match(authorization, /^Bearer [\w-]+\.[\w-]+\.[\w-]+$/);
  return authorization.slice('Bearer '.length);
}

/** Verifies with the keys that the gateway's own metadata names. */
async function verified(session) {
  const metadata = await fetch(`${gateway.issuer}/.well-known/openid-configuration`);
  const { issuer, jwks_uri } = await metadata.json();
  const keys = createRemoteJWKSet(new URL(jwks_uri));
  return jwtVerify(session, keys, { issuer, audience: gateway.url, typ: 'JWT' });
}

/** The same token with one byte of its signature changed. */
function changed(token) {
  const [header, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[0] ^= 1;
  return [header, payload, bytes.toString('base64url')].join('.');
}

async function runWith(input, command, args, env) {
  const cwd = import.meta.dirname;
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, output, errors };
}
