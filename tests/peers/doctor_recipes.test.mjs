// The doctor finds nothing in the recipes for other proxies that a recipe could close.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';
import { Child, freePort, vestibule } from './process.mjs';
import { recipes } from './recipes.mjs';

/** What each proxy lets through whatever its configuration says, as docs/forward-auth.md has it. */
const LIMITS = {
  nginx: ['framing.chunk', 'framing.request-line', 'hop.forwarded'],
  Caddy: ['framing.chunk', 'framing.content-length'],
  Traefik: [],
  Envoy: ['framing.request-line'],
  HAProxy: ['framing.chunk', 'framing.request-line', 'hop.forwarded'],
  'Envoy by gRPC': ['framing.request-line'],
};

let issuer, gateway, folder, questions;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-doctor-'));
  issuer = await startIssuer();
  const { iss, jwks_url } = issuer;
  questions = `127.0.0.1:${await freePort()}`;
  gateway = await startGateway({
    trusted_proxies: ['127.0.0.1/32'],
    issuers: [{ name: 'acme', iss, jwks_url, aud: 'app', required_for_ready: true }],
    // The doctor listens where a recipe has the application.
    upstreams: { app: { servers: ['127.0.0.1:9'] } },
    routes: [
      { host: '127.0.0.1', path: '/', auth: 'optional', upstream: 'app' },
      { host: '127.0.0.1', path: '/admin', upstream: 'app' },
    ],
  }, {}, [{ name: 'ext_authz', address: questions, grpc: true }], { forward_auth: true });
  const keys = await fetch(jwks_url).then((answer) => answer.text());
  await writeFile(join(folder, 'keys'), keys);
  await writeFile(join(folder, 'token'), await issuer.token({ sub: 'ada', aud: 'app' }));
  await writeFile(join(folder, 'other'), await issuer.token({ sub: 'ada', aud: 'other' }));
});

after(async () => {
  await gateway?.stop();
  await issuer?.stop();
  await rm(folder, { recursive: true, force: true });
});

// The doctor asks slowly, so several ask at once.
describe('recipes', { concurrency: 3 }, () => {
  for (const [name, limits] of Object.entries(LIMITS)) {
    test(`the recipe for ${name} has no fault that it could close`, async (t) => {
      const [port, echo] = [await freePort(), `127.0.0.1:${await freePort()}`];
      const child = await start(name, port, echo);
      t.after(() => child.stop());
      await child.answers(`http://127.0.0.1:${port}/_vestibule/.well-known/jwks.json`);
      const file = (each) => join(folder, each);
      const doctor = new Child(vestibule(), [
        'doctor', '--url', `http://127.0.0.1:${port}/echo`, '--echo', echo, '--protected', '/admin',
        '--token', file('token'), '--jwks', file('keys'), '--must-refuse', file('other'), '--format', 'json',
      ]);
      await doctor.finished;
      const report = JSON.parse(doctor.output || '{}');
      assert.ok(report.probes > 150, doctor.errors);
      const found = report.findings.filter(({ id }) => !limits.includes(id));
      assert.deepEqual(found.map(({ id, evidence }) => [id, evidence]), []);
      assert.deepEqual(report.skipped, []);
    });
  }
});

/** A proxy by its recipe for an application at this address. */
async function start(name, port, app) {
  const file = join(folder, `config-${port}.yaml`);
  const config = await readFile(gateway.file, 'utf8');
  await writeFile(file, config.replace('127.0.0.1:9', app));
  return recipes({ gateway: { ...gateway, file }, questions, app, folder })[name](port);
}
