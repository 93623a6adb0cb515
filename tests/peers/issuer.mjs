// An issuer of our own: a key, its key set over HTTP, and any token.
import { once } from 'node:events';
import { createServer } from 'node:http';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export async function startIssuer(alg = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg, kid: 'one' }] });
  const server = createServer((request, response) => {
    if (request.url === '/.well-known/openid-configuration') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ issuer: iss, jwks_uri: `${iss}/jwks.json` }));
      return;
    }
    response.setHeader('content-type', 'application/jwk-set+json');
    response.end(jwks);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const iss = `http://127.0.0.1:${server.address().port}`;
  return {
    iss,
    jwks_url: `${iss}/jwks.json`,
    /** A token for `claims.sub`, good for ten minutes where `claims` do not say otherwise. */
    token(claims, key = privateKey) {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss, iat: now, exp: now + 600, ...claims })
        .setProtectedHeader({ alg, kid: 'one', typ: 'JWT' })
        .sign(key);
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
