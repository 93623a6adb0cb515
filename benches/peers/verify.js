// The work of nginx: one issuer's RS256 tokens, by the module njs. A request has a copy of the script's
// state to itself, so that neither the key nor a verdict is remembered.

import fs from 'fs';

const spki = Buffer.from(
    fs.readFileSync('@KEY@', 'utf8').replace(/-----.*-----|\s/g, ''),
    'base64',
);
const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

async function check(request) {
    const parts = (request.headersIn.Authorization || '').replace(/^Bearer /, '').split('.');
    if (parts.length != 3 || JSON.parse(decode(parts[0])).alg != 'RS256') {
        return request.return(401);
    }
    const key = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify']);
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    const signature = Buffer.from(parts[2], 'base64url');
    const good = await crypto.subtle.verify(algorithm, key, signature, signed);
    const claims = JSON.parse(decode(parts[1]));
    const current = claims.iss == '@ISS@' && claims.exp > Date.now() / 1000;
    request.return(good && current ? 204 : 401);
}

function decode(part) {
    return Buffer.from(part, 'base64url').toString();
}

export default { check };
