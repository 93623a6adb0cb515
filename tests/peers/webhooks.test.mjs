// Receivers of Standard Webhooks and of the platform verify what the gateway sends, unchanged.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile, writeFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OLD_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

let folder, issuer, gateway, server;
const received = [];
let arrived = () => {};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-webhooks-'));
  await writeFile(join(folder, 'new'), SECRET);
  await writeFile(join(folder, 'old'), OLD_SECRET);
  server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(204).end();
    arrived();
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  issuer = await startIssuer();
  gateway = await startGateway({
    issuers: [{ name: 'customer', iss: issuer.iss, jwks_url: issuer.jwks_url, required_for_ready: true }],
    webhooks: [{
      name: 'app',
      url: `http://127.0.0.1:${server.address().port}/`,
      secrets: [`file:${join(folder, 'new')}`, `file:${join(folder, 'old')}`],
      allow_private_networks: true,
    }],
  });
});

after(async () => {
  await gateway?.stop();
  await issuer?.stop();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function signInAndReceive() {
  const answer = await fetch(`${gateway.issuer}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      subject_token: await issuer.token({ sub: 'ada' }),
    }),
  });
  assert.equal(answer.status, 200, await answer.text());
  while (received.length === 0) await new Promise((next) => { arrived = next; });
  return received[0];
}

test('standardwebhooks, svix and the platform verify a sign-in', async () => {
  const { headers, body } = await signInAndReceive();
  for (const secret of [SECRET, OLD_SECRET]) {
    for (const Verifier of [Webhook, SvixWebhook]) {
      const event = new Verifier(secret).verify(body, headers);
      assert.equal(event.eventName, 'user.created');
      assert.equal(event.data.externalUserId, 'ada');
      assert.throws(() => new Verifier(secret).verify(body.replace('ada', 'eve'), headers));
    }
  }
  const other = 'whsec_' + Buffer.alloc(24, 7).toString('base64');
  assert.throws(() => new Webhook(other).verify(body, headers));
  const expected = createHmac('sha256', SECRET).update(body).digest('hex');
  assert.equal(headers['x-dynamic-signature-256'], `sha256=${expected}`);
});

test('the example of the documentation', async () => {
  const { headers, body } = received[0];
  process.env.WEBHOOK_SECRET = SECRET;
  const { verify } = await import('./verify_webhook.mjs');
  assert.equal(verify(body, headers).eventName, 'user.created');
  assert.throws(() => verify(body + ' ', headers));
  const page = await readFile(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');
  for (const [language, file] of [['js', 'verify_webhook.mjs'], ['python', 'verify_webhook.py'],
    ['rust', 'rust/verify_webhook.rs']]) {
    const code = await readFile(new URL(file, import.meta.url), 'utf8');
    assert.ok(page.includes('```' + language + '\n' + code + '```'), file);
  }
});
