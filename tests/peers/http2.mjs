// HTTP/2 frames by hand: what no client library would send.
import { connect } from 'node:net';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const [DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY] = [0, 1, 3, 4, 7];
const [END_STREAM, END_HEADERS, ACK] = [1, 4, 1];

/**
 * Sends one request with these fields, in this order and in these bytes, on a connection of its
 * own. Resolves to what ended it: `answer` (a whole one), `reset`, `goaway`, `closed` or `silence`.
 */
export function requestByHand(port, fields, { body, trailers, patience = 5000 } = {}) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const quiet = setTimeout(() => end('silence'), patience);
    const end = (what) => {
      clearTimeout(quiet);
      socket.destroy();
      resolve(what);
    };
    socket.on('error', () => end('closed'));
    socket.on('close', () => end('closed'));
    let buffer = Buffer.alloc(0);
    socket.on('data', (data) => {
      buffer = Buffer.concat([buffer, data]);
      for (;;) {
        const length = buffer.length < 9 ? Infinity : buffer.readUIntBE(0, 3) + 9;
        if (buffer.length < length) return;
        const [type, flags, stream] = [buffer[3], buffer[4], buffer.readUInt32BE(5)];
        buffer = buffer.subarray(length);
        if (type === SETTINGS && !(flags & ACK)) socket.write(frame(SETTINGS, ACK, 0));
        if (type === GOAWAY) return end('goaway');
        if (stream !== 1) continue;
        if (type === RST_STREAM) return end('reset');
        if ((type === DATA || type === HEADERS) && flags & END_STREAM) return end('answer');
      }
    });
    const ends = body === undefined && trailers === undefined;
    socket.write(Buffer.concat([
      Buffer.from(PREFACE),
      frame(SETTINGS, 0, 0),
      frame(HEADERS, END_HEADERS | (ends ? END_STREAM : 0), 1, block(fields)),
      body === undefined ? Buffer.alloc(0)
        : frame(DATA, trailers === undefined ? END_STREAM : 0, 1, Buffer.from(body, 'latin1')),
      trailers === undefined ? Buffer.alloc(0)
        : frame(HEADERS, END_HEADERS | END_STREAM, 1, block(trailers)),
    ]));
  });
}

function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields that are not indexed (RFC 7541 section 6.2.2), without Huffman coding. */
function block(fields) {
  return Buffer.concat(fields.flatMap(([name, value]) =>
    [Buffer.from([0]), text(name), text(value)]));
}

function text(value) {
  const bytes = Buffer.from(value, 'latin1');
  const length = [];
  if (bytes.length < 127) {
    length.push(bytes.length);
  } else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
