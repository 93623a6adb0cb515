// What a page of a browser has and Node has not: a document, storage, and a `fetch` that names
// the page's origin, keeps cookies, and reads only what CORS lets it read.
import { GlobalRegistrator } from '@happy-dom/global-registrator';
import 'fake-indexeddb/auto';

export const PAGE = 'http://page.localhost:3000';

/** What Node does as a browser does, and must stay as it is. */
const OWN = ['crypto', 'fetch', 'Headers', 'Request', 'Response', 'AbortController', 'AbortSignal',
  'URL', 'URLSearchParams', 'TextEncoder', 'TextDecoder', 'performance'];
const own = Object.fromEntries(OWN.map((name) => [name, globalThis[name]]));

/** Makes this process a page. `cookies` are those of the API's host. */
export function openPage() {
  GlobalRegistrator.register({ url: `${PAGE}/` });
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  const cookies = new Map();
  const calls = [];
  globalThis.fetch = async (url, init = {}) => {
    // The tests' own questions are no page's.
    if (!String(url).includes('/api/v0/sdk/')) return own.fetch(url, init);
    const headers = new Headers(init.headers);
    headers.set('origin', PAGE);
    const included = init.credentials === 'include';
    if (included && cookies.size > 0) {
      headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    }
    const response = await own.fetch(url, { ...init, headers });
    calls.push({ url: String(url), method: init.method, status: response.status, headers });
    const reader = response.headers.get('access-control-allow-origin');
    if (reader !== PAGE && (included || reader !== '*')) {
      throw new TypeError(`${url}: CORS lets no page read this`);
    }
    for (const line of included ? response.headers.getSetCookie() : []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    return response;
  };
  return { cookies, calls };
}
