// Verifies RS256 with one key, as nginx's scripts can: by WebCrypto, in a subrequest.

const ISS = 'ISSUER';
const KEY = crypto.subtle.importKey(
    'spki', Buffer.from('SPKI', 'base64'),
    { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['verify']);

async function check(r) {
    try {
        const field = r.headersIn.Authorization || '';
        const parts = field.slice(7).split('.');
        if (!field.startsWith('Bearer ') || parts.length !== 3) {
            return r.return(401);
        }
        const header = JSON.parse(Buffer.from(parts[0], 'base64url').toString());
        const claims = JSON.parse(Buffer.from(parts[1], 'base64url').toString());
        if (header.alg !== 'RS256' || claims.iss !== ISS || claims.exp * 1000 < Date.now()) {
            return r.return(401);
        }
        const good = await crypto.subtle.verify(
            'RSASSA-PKCS1-v1_5', await KEY,
            Buffer.from(parts[2], 'base64url'), Buffer.from(parts[0] + '.' + parts[1]));
        r.return(good ? 204 : 401);
    } catch (e) {
        r.error(e.toString());
        r.return(500);
    }
}

export default { check };
