// Requests that two servers could read as different requests. Each case hides a request for
// `/secret/...`, which nobody may make without a session, in one for `/open/...`, which anyone may.

/** HTTP/1: `bytes(host, hidden)` for each case, where `hidden` is a whole request. */
export const HTTP1 = [
  ...framings(),
  ...chunks(),
  ...lines(),
  ...targets(),
  ...upgrades(),
  ...versions(),
];

/** HTTP/2: what to send by hand for each case; `hidden(path)` is the text of a whole request. */
export const HTTP2 = http2();

const post = (host, path, fields, body) =>
  `POST /open/${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n\r\n${body}`;
const hex = (text) => text.length.toString(16);

/** What says how long the body is, in two ways. */
function framings() {
  const cases = [];
  const add = (name, fields, body) => cases.push({
    name,
    bytes: (host, hidden) => post(host, 'framing', fields(hidden), body(hidden)),
  });
  // One reader stops at the empty chunk, the other reads so many bytes.
  const clTe = (hidden) => `0\r\n\r\n${hidden}`;
  // One reader takes the chunk, the other the length before it.
  const teCl = (hidden) => `${hex(hidden)}\r\n${hidden}\r\n0\r\n\r\n`;
  const whole = (hidden) => `Content-Length: ${clTe(hidden).length}`;
  const start = (hidden) => `Content-Length: ${hex(hidden).length + 2}`;
  for (const coding of [
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: cow',
    'Transfer-Encoding : chunked',
    'Transfer-Encoding\t: chunked',
    'Transfer-Encoding:\tchunked',
    'Transfer-Encoding:\x0bchunked',
    'Transfer-Encoding: chunked\x0b',
    'Transfer-Encoding: \x00chunked',
    'Transfer-Encoding: chunked\x00',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: identity, chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: chunked;x=y',
    'Transfer-Encoding: ,chunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
    'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding:\r\n chunked',
    'X: y\r\n Transfer-Encoding: chunked',
    'X: y\nTransfer-Encoding: chunked',
    'X: y\rTransfer-Encoding: chunked',
    'X: y\r\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding\n: chunked',
    'Transfer_Encoding: chunked',
    'Transfer Encoding: chunked',
    '\x20Transfer-Encoding: chunked',
    'transfer\xadencoding: chunked',
    'Content-Encoding: chunked',
    'TE: chunked',
  ]) {
    const shown = JSON.stringify(coding);
    add(`length beside ${shown}`, (hidden) => `${whole(hidden)}\r\n${coding}`, clTe);
    add(`${shown} beside length`, (hidden) => `${coding}\r\n${start(hidden)}`, teCl);
    add(`${shown} alone`, () => coding, teCl);
  }
  for (const [name, fields] of [
    ['zero first', (n) => `Content-Length: 0\r\nContent-Length: ${n}`],
    ['zero last', (n) => `Content-Length: ${n}\r\nContent-Length: 0`],
    ['twice', (n) => `Content-Length: ${n}\r\nContent-Length: ${n}`],
    ['a list', (n) => `Content-Length: 0, ${n}`],
    ['a list of equals', (n) => `Content-Length: ${n}, ${n}`],
    ['a plus', (n) => `Content-Length: +${n}`],
    ['a minus', () => 'Content-Length: -1'],
    ['hexadecimal', (n) => `Content-Length: 0x${n.toString(16)}`],
    ['an exponent', () => 'Content-Length: 1e2'],
    ['a fraction', (n) => `Content-Length: ${n}.0`],
    ['an underscore', (n) => `Content-Length: ${String(n).split('').join('_')}`],
    ['over 64 bits', () => 'Content-Length: 18446744073709551616'],
    ['empty', () => 'Content-Length:'],
    ['two words', (n) => `Content-Length: 0 ${n}`],
    ['space before the colon', (n) => `Content-Length : ${n}`],
    ['NUL in the name', (n) => `Content-Length\x00: ${n}`],
    ['folded', (n) => `Content-Length:\r\n ${n}`],
    ['an underscored name', (n) => `Content_Length: ${n}`],
    ['nominated by Connection', (n) => `Content-Length: ${n}\r\nConnection: content-length`],
    ['beside an underscored coding', (n) => `Content-Length: ${n}\r\nTransfer_Encoding: chunked`],
  ]) {
    add(`a length: ${name}`, (hidden) => fields(hidden.length), (hidden) => hidden);
  }
  add('a coding nominated by Connection',
    () => 'Transfer-Encoding: chunked\r\nConnection: transfer-encoding', teCl);
  for (const expectation of ['100-continue', '100-continue, x', 'y 100-continue', '\r\n 100-continue']) {
    add(`Expect: ${JSON.stringify(expectation)}`,
      (hidden) => `Expect: ${expectation}\r\nContent-Length: ${hidden.length}`, (hidden) => hidden);
  }
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
    cases.push({
      name: `a body of ${method}`,
      bytes: (host, hidden) => `${method} /open/body HTTP/1.1\r\nHost: ${host}\r\n` +
        `Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
    });
  }
  return cases;
}

/** How chunks are written. */
function chunks() {
  const of = (name, body) => ({
    name: `chunks: ${name}`,
    bytes: (host, hidden) =>
      post(host, 'chunks', 'Transfer-Encoding: chunked', body(hidden)),
  });
  return [
    of('an extension', (hidden) => `5;a=b\r\nhello\r\n0\r\n\r\n${hidden}`),
    of('a bare LF in an extension', (hidden) => `2;\nxx\r\n${hex(hidden)}\r\n${hidden}\r\n0\r\n\r\n`),
    of('a bare LF after the size', (hidden) => `5\nhello\r\n${hex(hidden)}\n${hidden}\r\n0\r\n\r\n`),
    of('a bare CR after the size', (hidden) => `5\rhello\r\n${hex(hidden)}\r\n${hidden}\r\n0\r\n\r\n`),
    of('a bare LF after the data', (hidden) => `5\r\nhello\n${hex(hidden)}\r\n${hidden}\n0\n\n`),
    of('data longer than its size', (hidden) => `5\r\nhello${hidden}0\r\n\r\n`),
    of('a size over 64 bits', (hidden) => `10000000000000005\r\nhello\r\n0\r\n\r\n${hidden}`),
    of('a size that overflows to zero', (hidden) => `10000000000000000\r\n\r\n${hidden}`),
    of('a negative size', (hidden) => `-5\r\nhello\r\n0\r\n\r\n${hidden}`),
    of('a plus before the size', (hidden) => `+${hex(hidden)}\r\n${hidden}\r\n0\r\n\r\n`),
    of('0x before the size', (hidden) => `0x${hex(hidden)}\r\n${hidden}\r\n0\r\n\r\n`),
    of('space before the size', (hidden) => ` ${hex(hidden)}\r\n${hidden}\r\n0\r\n\r\n`),
    of('space after the size', (hidden) => `${hex(hidden)} \r\n${hidden}\r\n0\r\n\r\n`),
    of('an underscore in the size', (hidden) => `1_0\r\n${hidden}\r\n0\r\n\r\n`),
    of('no size', (hidden) => `\r\n${hidden}\r\n0\r\n\r\n`),
    of('a size that is no number', (hidden) => `xyz\r\n${hidden}\r\n0\r\n\r\n`),
    of('NUL in the size', (hidden) => `5\x00\r\nhello\r\n0\r\n\r\n${hidden}`),
    of('a zero of many digits', (hidden) => `0000000000000000000000000\r\n\r\n${hidden}`),
    of('a quoted extension with CRLF', (hidden) => `5;a="\r\nhello\r\n0\r\n\r\n${hidden}"\r\n`),
    of('framing in trailers', (hidden) => `5\r\nhello\r\n0\r\nContent-Length: ${hidden.length}\r\n` +
      `Transfer-Encoding: chunked\r\nHost: other.test\r\n\r\n`),
    of('a trailer that is folded', () => '5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n'),
    of('a bare LF between trailers', (hidden) => `5\r\nhello\r\n0\r\nX: y\n\n${hidden}`),
    of('an end that never comes', (hidden) => `${hex(hidden)}\r\n${hidden}`),
  ];
}

/** How lines end, and what stands in them. */
function lines() {
  const of = (name, text) => ({
    name: `lines: ${name}`,
    bytes: (host, hidden) => text(host, hidden),
  });
  const length = (hidden) => `Content-Length: ${hidden.length}`;
  return [
    of('all end with a bare LF', (host, hidden) =>
      `POST /open/lf HTTP/1.1\nHost: ${host}\n${length(hidden)}\n\n${hidden}`),
    of('all end with a bare CR', (host, hidden) =>
      `POST /open/cr HTTP/1.1\rHost: ${host}\r${length(hidden)}\r\r${hidden}`),
    of('a bare CR in a value', (host, hidden) =>
      post(host, 'cr', `X: a\rContent-Length: 0\r\n${length(hidden)}`, hidden)),
    of('a bare LF in a value', (host, hidden) =>
      post(host, 'lf', `X: a\nContent-Length: 0\r\n${length(hidden)}`, hidden)),
    of('a bare LF before the end of the fields', (host, hidden) =>
      post(host, 'lf', `${length(hidden)}\r\nX: a\n\nGET /secret/lf HTTP/1.1\r\nHost: ${host}`, hidden)),
    of('a folded value', (host, hidden) =>
      post(host, 'fold', `X: a\r\n b\r\n${length(hidden)}`, hidden)),
    of('a folded first field', (host, hidden) =>
      `POST /open/fold HTTP/1.1\r\n X: a\r\nHost: ${host}\r\n${length(hidden)}\r\n\r\n${hidden}`),
    of('a line without a colon', (host, hidden) =>
      post(host, 'colon', `nonsense\r\n${length(hidden)}`, hidden)),
    of('a name of nothing', (host, hidden) => post(host, 'name', `: a\r\n${length(hidden)}`, hidden)),
    of('a name with a space', (host, hidden) =>
      post(host, 'name', `X Y: a\r\n${length(hidden)}`, hidden)),
    of('a space before the colon', (host, hidden) =>
      post(host, 'colon', `X : a\r\n${length(hidden)}`, hidden)),
    of('NUL in a value', (host, hidden) =>
      post(host, 'nul', `X: a\x00b\r\n${length(hidden)}`, hidden)),
    of('NUL in a name', (host, hidden) =>
      post(host, 'nul', `X\x00Y: a\r\n${length(hidden)}`, hidden)),
    of('a C1 line end in a value', (host, hidden) =>
      post(host, 'nel', `X: a\x85Content-Length: 0\r\n${length(hidden)}`, hidden)),
    of('empty lines before the request', (host, hidden) =>
      `\r\n\r\n${post(host, 'before', length(hidden), hidden)}`),
    of('bytes before the request', (host, hidden) =>
      `\x00${post(host, 'before', length(hidden), hidden)}`),
  ];
}

/** What the request is for. */
function targets() {
  const of = (name, line) => ({
    name: `target: ${name}`,
    bytes: (host) => `${line(host)}\r\nHost: ${host}\r\n\r\n`,
  });
  return [
    of('dot segments', () => 'GET /open/../secret/dots HTTP/1.1'),
    of('escaped dot segments', () => 'GET /open/%2e%2e/secret/dots HTTP/1.1'),
    of('an escaped separator', () => 'GET /open/..%2fsecret/separator HTTP/1.1'),
    of('a backslash', () => 'GET /open/..\\secret/backslash HTTP/1.1'),
    of('an escaped backslash', () => 'GET /open/..%5csecret/backslash HTTP/1.1'),
    of('a doubly escaped separator', () => 'GET /open/..%252fsecret/double HTTP/1.1'),
    of('a parameter in a dot segment', () => 'GET /open/..;/secret/parameter HTTP/1.1'),
    of('doubled separators', () => 'GET //secret/doubled HTTP/1.1'),
    of('other case', () => 'GET /SECRET/case HTTP/1.1'),
    of('NUL', () => 'GET /open/%00/../secret/nul HTTP/1.1'),
    of('an escaped line end', () => 'GET /open/%0d%0aGET%20/secret/line HTTP/1.1'),
    of('a raw space', () => 'GET /open /secret/space HTTP/1.1'),
    of('a raw tab', () => 'GET /open\t/secret/tab HTTP/1.1'),
    of('two requests in a line', () => 'GET /open HTTP/1.1 GET /secret/line HTTP/1.1'),
    of('a fragment', () => 'GET /open/#/../../secret/fragment HTTP/1.1'),
    of('absolute-form', (host) => `GET http://${host}/secret/absolute HTTP/1.1`),
    of('absolute-form with dot segments', (host) =>
      `GET http://${host}/open/../secret/absolute HTTP/1.1`),
    of('absolute-form of another host', () => 'GET http://other.test/secret/absolute HTTP/1.1'),
    of('absolute-form with userinfo', (host) =>
      `GET http://other.test@${host}/secret/absolute HTTP/1.1`),
    of('absolute-form of another scheme', (host) => `GET file://${host}/secret/absolute HTTP/1.1`),
    of('no path', () => 'GET ?/secret/query HTTP/1.1'),
    of('a path without a slash', () => 'GET secret/relative HTTP/1.1'),
    of('authority-form', (host) => `CONNECT ${host}:80 HTTP/1.1`),
    of('asterisk-form', () => 'OPTIONS * HTTP/1.1'),
    of('a method of two words', () => 'GET /secret/method /open HTTP/1.1'),
    of('a method in lower case', () => 'get /secret/method HTTP/1.1'),
    of('TRACE', () => 'TRACE /secret/trace HTTP/1.1'),
  ];
}

/** A change of protocols that does not take place. */
function upgrades() {
  const of = (name, fields) => ({
    name: `upgrade: ${name}`,
    bytes: (host, hidden) =>
      `GET /open/upgrade HTTP/1.1\r\nHost: ${host}\r\n${fields(hidden)}\r\n\r\n${hidden}`,
  });
  const websocket = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  return [
    of('with bytes after it', () => websocket),
    of('with a length', (hidden) => `${websocket}\r\nContent-Length: ${hidden.length}`),
    of('with chunks', () => `${websocket}\r\nTransfer-Encoding: chunked`),
    of('of a wrong version', () => websocket.replace('13', '1337')),
    of('to h2c', () => 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n' +
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'),
    of('to anything', () => 'Connection: Upgrade\r\nUpgrade: anything'),
  ];
}

/** Other versions of HTTP. */
function versions() {
  const of = (name, text) => ({
    name: `version: ${name}`,
    bytes: (host, hidden) => text(host, hidden),
  });
  return [
    of('chunks in HTTP/1.0', (host, hidden) =>
      `POST /open/old HTTP/1.0\r\nHost: ${host}\r\nConnection: keep-alive\r\n` +
      `Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`),
    of('chunks and a length in HTTP/1.0', (host, hidden) =>
      `POST /open/old HTTP/1.0\r\nHost: ${host}\r\nConnection: keep-alive\r\n` +
      `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`),
    of('a body without a length in HTTP/1.0', (host, hidden) =>
      `POST /open/old HTTP/1.0\r\nHost: ${host}\r\nConnection: keep-alive\r\n\r\n${hidden}`),
    of('HTTP/0.9', () => 'GET /secret/ancient\r\n\r\n'),
    of('HTTP/1.2', (host, hidden) =>
      `POST /open/new HTTP/1.2\r\nHost: ${host}\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`),
    of('HTTP/2.0 in a line', (host, hidden) =>
      `POST /open/new HTTP/2.0\r\nHost: ${host}\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`),
    of('lower case', (host, hidden) =>
      `POST /open/new http/1.1\r\nHost: ${host}\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`),
    of('no Host', (_, hidden) =>
      `POST /open/host HTTP/1.1\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`),
    of('two Hosts', (host, hidden) =>
      `POST /open/host HTTP/1.1\r\nHost: ${host}\r\nHost: other.test\r\n` +
      `Content-Length: ${hidden.length}\r\n\r\n${hidden}`),
  ];
}

function http2() {
  const usual = (host) => [
    [':method', 'POST'], [':scheme', 'http'], [':authority', host], [':path', '/open/h2'],
  ];
  const changed = (name, value) => (host) =>
    usual(host).map(([field, was]) => [field, field === name ? value(host) : was]);
  const more = (...fields) => (host) => [...usual(host), ...fields];
  const cases = [];
  const add = (name, fields, rest = () => ({})) => cases.push({ name: `h2: ${name}`, fields, rest });
  const inBody = (hidden) => ({ body: hidden });
  const request = (host) => `GET /secret/h2 HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

  add('a length below the body', more(['content-length', '0']), inBody);
  add('a length over the body', more(['content-length', '10000']), inBody);
  add('two lengths', more(['content-length', '0'], ['content-length', '5']), inBody);
  add('a length that is no number', more(['content-length', '+5']), inBody);
  add('a coding', more(['transfer-encoding', 'chunked']), (hidden) => ({ body: `0\r\n\r\n${hidden}` }));
  add('a coding with an underscore', more(['transfer_encoding', 'chunked']),
    (hidden) => ({ body: `0\r\n\r\n${hidden}` }));
  add('connection', more(['connection', 'content-length']), inBody);
  add('upgrade', more(['connection', 'upgrade'], ['upgrade', 'websocket']), inBody);
  add('te', more(['te', 'chunked']), inBody);
  add('proxy-connection', more(['proxy-connection', 'keep-alive']), inBody);
  add('a name in capitals', more(['Transfer-Encoding', 'chunked']), inBody);
  add('a name with a colon', more(['x: y\r\ntransfer-encoding', 'chunked']), inBody);
  add('a name with a space', more(['x y', 'z']), inBody);
  add('an empty name', more(['', 'z']), inBody);
  for (const [name, end] of [['CRLF', '\r\n'], ['LF', '\n'], ['CR', '\r'], ['NUL', '\0']]) {
    add(`${name} in a value`, more(['x', `y${end}Transfer-Encoding: chunked`]), inBody);
    add(`${name} in a name`, more([`x${end}transfer-encoding`, 'chunked']), inBody);
    add(`${name} in :path`, changed(':path', (host) =>
      `/open/h2 HTTP/1.1${end}Host: ${host}${end}${end}GET /secret/h2`));
    add(`${name} in :method`, changed(':method', (host) =>
      `GET /secret/h2 HTTP/1.1${end}Host: ${host}${end}${end}POST`));
    add(`${name} in :authority`, changed(':authority', (host) =>
      `${host}${end}${end}${request(host)}`));
    add(`${name} in a cookie`, more(['cookie', 'a=b'], ['cookie', `c=d${end}Transfer-Encoding: chunked`]),
      inBody);
  }
  add('a space in :path', changed(':path', () => '/open /secret/h2'));
  add('a space in :method', changed(':method', () => 'GET /secret/h2'));
  add('dot segments in :path', changed(':path', () => '/open/../secret/h2'));
  add('an escaped separator in :path', changed(':path', () => '/open/..%2fsecret/h2'));
  add('a :path without a slash', changed(':path', () => 'secret/h2'));
  add('an absolute :path', changed(':path', (host) => `http://${host}/secret/h2`));
  add('an empty :path', changed(':path', () => ''));
  add('no :path', (host) => usual(host).filter(([name]) => name !== ':path'));
  add('no :method', (host) => usual(host).filter(([name]) => name !== ':method'));
  add('no :scheme', (host) => usual(host).filter(([name]) => name !== ':scheme'));
  add('two :path', (host) => [...usual(host), [':path', '/secret/h2']]);
  add('two :method', (host) => [...usual(host), [':method', 'GET']]);
  add('two :authority', (host) => [...usual(host), [':authority', 'other.test']]);
  add('an unknown pseudo-field', (host) => [...usual(host), [':secret', '/secret/h2']]);
  add('a pseudo-field after a field', (host) => [
    ...usual(host).filter(([name]) => name !== ':path'), ['x', 'y'], [':path', '/secret/h2'],
  ]);
  add('a path in :scheme', changed(':scheme', (host) => `http://${host}/secret/h2?`));
  add('a path in :authority', changed(':authority', (host) => `${host}/secret/h2?`));
  add('userinfo in :authority', changed(':authority', (host) => `other.test@${host}`));
  add('another host', more(['host', 'other.test']), inBody);
  add('CONNECT', (host) => [[':method', 'CONNECT'], [':authority', host]]);
  add('TRACE', changed(':method', () => 'TRACE'));
  add('framing in trailers', usual, (hidden) => ({
    body: hidden, trailers: [['content-length', '5'], ['transfer-encoding', 'chunked']],
  }));
  add('a pseudo-field in trailers', usual, (hidden) => ({
    body: hidden, trailers: [[':path', '/secret/h2']],
  }));
  add('line ends in trailers', usual, (hidden) => ({
    body: hidden, trailers: [['x', `y\r\n\r\n${hidden}`]],
  }));
  return cases;
}
