import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that has ended; `output` is everything that it wrote, including errors. */
export interface Ended {
  code: number;
  output: string;
}

interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** Runs a program until it ends, in any way; a missing program ends with 127, as in a shell. */
export function run(program: string, args: string[], options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { ...options, maxBuffer: 64e6 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      resolve({ code, output: `${stdout}${stderr}${code === 127 ? `${error?.message}\n` : ''}` });
    });
  });
}

/** Runs a program that has to succeed, as {@link run}. */
export async function succeed(program: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { code, output } = await run(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${output}`);
  return output;
}

/** A running process. */
export interface Running {
  child: ChildProcess;
  /** Everything that it has written so far; complete after {@link Running.stop}. */
  output(): string;
  stop(): Promise<void>;
}

const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill();
});

/** Starts a program, which ends together with this process. */
export function start(program: string, args: string[], options: RunOptions = {}): Running {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  alive.add(child);
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      alive.delete(child);
      resolve();
    });
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  child.once('error', (error) => {
    output += `${error.message}\n`;
  });
  return {
    child,
    output: () => output,
    async stop() {
      child.kill();
      await closed;
    },
  };
}

const READY_WITHIN_MS = 60_000;
const BETWEEN_LOOKS_MS = 50;

/**
 * Starts a program that serves HTTP, and waits until it answers at `url`, whatever it answers.
 *
 * @throws when it ends, or does not answer within a minute; with what it wrote.
 */
export async function startServer(
  program: string,
  args: string[],
  url: string,
  options: RunOptions = {},
): Promise<Running> {
  const running = start(program, args, options);
  let ended = false;
  running.child.once('close', () => {
    ended = true;
  });
  const endsMs = performance.now() + READY_WITHIN_MS;
  while (!ended && performance.now() < endsMs) {
    const answered = await fetch(url, { signal: AbortSignal.timeout(READY_WITHIN_MS) }).then(
      () => true,
      () => false,
    );
    if (answered) return running;
    await sleep(BETWEEN_LOOKS_MS);
  }
  await running.stop();
  throw new Error(`${program} does not serve ${url}:\n${running.output()}`);
}

/** An unused port of the loopback. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
