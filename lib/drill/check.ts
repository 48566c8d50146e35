import { connect } from 'node:net';
import type { Drill } from '../config/policy.ts';

const LONGEST_MS = 5_000;

type Check = NonNullable<Drill['check']>;

/**
 * Whether a server answers at one of its addresses: a TCP connection to `check.port`, or a plain HTTP GET of
 * `check.path`, whose status has to be below 400. Nothing else is sent, and no redirect is followed.
 *
 * @returns what answered, or else what each address said.
 */
export async function ask(
  addresses: readonly string[],
  { port, path }: Check,
): Promise<{ answered: string } | { silent: string }> {
  const attempts = addresses.map((address) =>
    path === undefined ? reach(address, port!) : get(address, port ?? 80, path),
  );
  try {
    return { answered: await Promise.any(attempts) };
  } catch (error) {
    const said = (error as AggregateError).errors.map((one: Error) => one.message);
    return { silent: said.join('; ') || 'it has no address yet' };
  }
}

function reach(address: string, port: number): Promise<string> {
  const what = `port ${port} of ${address}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: LONGEST_MS });
    const fail = (why: string) => {
      socket.destroy();
      reject(new Error(`${what} does not answer (${why})`));
    };
    socket.once('connect', () => {
      socket.destroy();
      resolve(what);
    });
    socket.once('timeout', () => fail('timed out'));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'an error'));
  });
}

async function get(address: string, port: number, path: string): Promise<string> {
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}${path}`;
  const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(LONGEST_MS) }).catch(
    ({ cause, name }: Error & { cause?: { code?: string } }) => {
      throw new Error(`${url} does not answer (${cause?.code ?? name})`);
    },
  );
  await answer.body?.cancel();
  if (answer.status >= 400) throw new Error(`${url} answers ${answer.status}`);
  return `${url} answered ${answer.status}`;
}
