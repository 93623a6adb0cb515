// A certified OpenID provider, and a person who signs in there.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

/** The resource for which the provider issues JWT access tokens (RFC 8707, RFC 9068). */
export const RESOURCE = 'https://api.example.com';
const REDIRECT_URI = 'http://127.0.0.1:1/callback'; // never opened
const LIFE = 600; // seconds

/** Starts a provider with one client for each ID token algorithm, named after it. */
export async function startProvider() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const iss = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(iss, {
    jwks: { keys: [await privateJwk('RS256'), await privateJwk('ES256')] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    clients: ['RS256', 'ES256'].map((alg) => ({
      client_id: alg,
      id_token_signed_response_alg: alg,
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      redirect_uris: [REDIRECT_URI],
    })),
    pkce: { required: () => true },
    ttl: { Interaction: LIFE, Session: LIFE, Grant: LIFE, AccessToken: LIFE, IdToken: LIFE },
    claims: { email: ['email', 'email_verified'] },
    conformIdTokenClaims: false, // email in the ID token, not only at the userinfo endpoint
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }),
    }),
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource, client) => ({
          scope: 'read',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: client.clientId } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  return {
    iss,
    signIn: (client, login) => signIn(iss, client, login),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636), as a browser walks it. */
async function signIn(iss, client_id, login) {
  const code_verifier = randomBytes(32).toString('base64url');
  const jar = new Jar();
  const authorization = new URL('/auth', iss);
  authorization.search = new URLSearchParams({
    client_id,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid email read',
    resource: RESOURCE,
    code_challenge: createHash('sha256').update(code_verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });

  let page = await follow(jar, authorization);
  for (const form of [{ prompt: 'login', login, password: 'any' }, { prompt: 'consent' }]) {
    if (page.callback) break;
    const action = /<form[^>]* action="([^"]+)"/.exec(page.html)?.[1];
    if (!action) throw new Error(`no form to answer ${form.prompt} with:\n${page.html}`);
    page = await follow(jar, new URL(action, iss), new URLSearchParams(form));
  }
  const code = page.callback?.searchParams.get('code');
  if (!code) throw new Error(`no code: ${page.callback ?? page.html}`);

  const answer = await fetch(new URL('/token', iss), {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id,
      code,
      code_verifier,
      redirect_uri: REDIRECT_URI,
    }),
  });
  const tokens = await answer.json();
  if (!answer.ok) throw new Error(`no tokens: ${JSON.stringify(tokens)}`);
  return { id_token: tokens.id_token, access_token: tokens.access_token };
}

/** Requests and follows redirects to the next page, or to the client's redirect URI. */
async function follow(jar, url, body) {
  for (let hops = 0; hops < 10; hops += 1) {
    const response = await fetch(url, {
      method: body ? 'POST' : 'GET',
      body,
      headers: { cookie: jar.for(url) },
      redirect: 'manual',
    });
    jar.keep(response);
    const location = response.headers.get('location');
    if (!location) return { html: await response.text() };
    if (location.startsWith(REDIRECT_URI)) return { callback: new URL(location) };
    url = new URL(location, url);
    body = undefined;
  }
  throw new Error('too many redirects');
}

/** Cookies of one host, by name and path (RFC 6265 section 5.4). */
class Jar {
  #cookies = new Map();

  keep(response) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split('; ');
      const name = pair.slice(0, pair.indexOf('='));
      const path = attributes.find((a) => /^path=/i.test(a))?.slice(5) ?? '/';
      this.#cookies.set(`${name} ${path}`, { pair, path });
    }
  }

  for(url) {
    const sent = [...this.#cookies.values()].filter(({ pair, path }) =>
      url.pathname.startsWith(path) && !pair.endsWith('='));
    return sent.map(({ pair }) => pair).join('; ');
  }
}

async function privateJwk(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `${alg}-${randomBytes(4).toString('hex')}` };
}
