import { createRemoteJWKSet, jwtVerify } from 'jose';

const publicUrl = process.env.VESTIBULE_PUBLIC_URL; // such as https://app.example.com
const issuer = `${publicUrl}/_vestibule`;
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));

export async function verify(token) {
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience: publicUrl,
    algorithms: ['ES256'],
    typ: 'JWT',
    requiredClaims: ['sub', 'sid', 'exp'],
  });
  return payload; // payload.sub is the user's id
}
