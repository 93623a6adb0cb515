// Starts and stops the processes that the tests talk to.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const ATTEMPTS = 300;
const PAUSE_MS = 100;
const STOP_MS = 40_000;

/** The binary under test. */
export function vestibule() {
  const path = process.env.VESTIBULE_BIN;
  if (!path) throw new Error('VESTIBULE_BIN names the vestibule binary');
  return path;
}

/** A port that nobody listened on a moment ago, and that no other test is given while this process runs. */
export async function freePort() {
  for (;;) {
    // Below the ports that systems hand out by themselves: neither a connection nor a listener on
    // port 0 can take it meanwhile.
    const port = randomInt(10_000, 30_000);
    const reserved = await listening(`\0vestibule-test-port-${port}`);
    if (!reserved) continue;
    const server = await listening(port, '127.0.0.1');
    if (!server) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** A server there, which does not keep this process alive, or nothing where somebody else listens. */
async function listening(...where) {
  const server = createServer().unref().listen(...where);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

/**
 * A child process whose output is kept. `finished` is how it ended, and comes when all of its output
 * has been read; its standard error is for the message of a failure.
 */
export class Child {
  #exited;

  constructor(command, args, { env } = {}) {
    this.name = command;
    this.errors = '';
    this.process = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.process.stderr.setEncoding('utf8');
    this.process.stderr.on('data', (chunk) => (this.errors += chunk));
    this.output = '';
    this.process.stdout.setEncoding('utf8');
    this.process.stdout.on('data', (chunk) => (this.output += chunk));
    // What its own children keep open must not hold up a stop.
    this.#exited = this.#end('exit');
    // A process that has exited may have printed what is still to be read.
    this.finished = this.#end('close');
  }

  /** How the process ended, once it has come to this event. */
  #end(event) {
    const end = new Promise((resolve, reject) => {
      this.process.once('error', reject);
      this.process.once(event, (code, signal) => resolve({ code, signal }));
    });
    // Awaited where it matters; a failure elsewhere must not end the runner.
    end.catch(() => {});
    return end;
  }

  get ended() {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Waits until standard output holds `text`. */
  async prints(text) {
    while (!this.output.includes(text)) {
      const more = once(this.process.stdout, 'data').then(() => true);
      const alive = await Promise.race([more, this.finished.then(() => false)]);
      if (!alive && !this.output.includes(text)) throw this.failure(`ended before "${text}"`);
    }
  }

  /** Waits until a GET of `url` is answered with 200, in a bounded number of attempts. */
  async answers(url) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (this.ended) throw this.failure('ended while starting');
      const status = await fetch(url).then((response) => response.status, () => 0);
      if (status === 200) return;
      await pause(PAUSE_MS);
    }
    throw this.failure(`${url} did not answer`);
  }

  /** Waits until something accepts connections at `port`, in a bounded number of attempts. */
  async listens(port) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (this.ended) throw this.failure('ended while starting');
      const socket = connect(port, '127.0.0.1');
      const accepted = await once(socket, 'connect').then(() => true, () => false);
      socket.destroy();
      if (accepted) return;
      await pause(PAUSE_MS);
    }
    throw this.failure(`nothing listens at ${port}`);
  }

  /** Sends `signal` and waits for the end; kills what does not end. */
  async stop(signal = 'SIGTERM') {
    if (this.ended) return this.#exited;
    this.process.kill(signal);
    const kill = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    try {
      return await this.#exited;
    } finally {
      clearTimeout(kill);
    }
  }

  failure(what) {
    return new Error(`${this.name}: ${what}\n${this.errors}`);
  }
}
