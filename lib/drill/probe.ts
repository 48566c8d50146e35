import { connect } from 'node:net';
import type { Drill } from '../config/policy.ts';
import type { CheckAnswer } from '../reporting/reasons.ts';

const TIMEOUT_MS = 5_000;

type Check = NonNullable<Drill['check']>;

/** The failure of a check: no answer, or an HTTP status of 400 or more. */
class BadAnswer extends Error {
  readonly answer: CheckAnswer;

  constructor(answer: CheckAnswer) {
    super('no good answer');
    this.answer = answer;
  }
}

/**
 * Checks whether a server answers at one of its addresses: to a TCP connection to `check.port`, or
 * to a plain HTTP GET of `check.path` with a status below 400. The check sends nothing else and
 * follows no redirect.
 *
 * @returns the first good answer, or else the bad answers of all addresses.
 */
export async function probe(
  addresses: readonly string[],
  { port, path }: Check,
): Promise<{ good: CheckAnswer } | { bad: CheckAnswer[] }> {
  const attempts = addresses.map((address) =>
    path === undefined ? reach(address, port!) : get(address, port ?? 80, path),
  );
  try {
    return { good: await Promise.any(attempts) };
  } catch (error) {
    return { bad: (error as AggregateError).errors.map((one: BadAnswer) => one.answer) };
  }
}

function reach(address: string, port: number): Promise<CheckAnswer> {
  const target = `port ${port} of ${address}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: TIMEOUT_MS });
    const fail = (error: string) => {
      socket.destroy();
      reject(new BadAnswer({ target, error }));
    };
    socket.once('connect', () => {
      socket.destroy();
      resolve({ target });
    });
    socket.once('timeout', () => fail('timed out'));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'an error'));
  });
}

async function get(address: string, port: number, path: string): Promise<CheckAnswer> {
  const target = `http://${address.includes(':') ? `[${address}]` : address}:${port}${path}`;
  const answer = await fetch(target, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
    ({ cause, name }: Error & { cause?: { code?: string } }) => {
      throw new BadAnswer({ target, error: cause?.code ?? name });
    },
  );
  await answer.body?.cancel();
  const { status } = answer;
  if (status >= 400) throw new BadAnswer({ target, status });
  return { target, status };
}
