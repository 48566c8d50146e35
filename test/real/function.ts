import { subscribe } from 'node:diagnostics_channel';
import { lambdaContext } from '../../local/context.ts';
import type { Call } from './killing.ts';

// One invocation of a function, in a separate process as in Lambda; see killing.ts.

const { job, event, requestId, kill, laterMs, remainingMs = 900_000 } = JSON.parse(process.argv[2]!) as Call;

if (laterMs) {
  const now = () => performance.timeOrigin + performance.now() + laterMs;
  globalThis.Date = new Proxy(Date, {
    construct: (Real, args) => (args.length === 0 ? new Real(now()) : Reflect.construct(Real, args)),
    get: (Real, name) => (name === 'now' ? now : Reflect.get(Real, name)),
  });
}

if (kill) {
  let left = kill.request;
  subscribe(kill.carriedOut ? 'http.client.response.finish' : 'http.client.request.created', () => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  });
}

const { handler } = await import(`../../handlers/${job}.ts`);
const answer = await handler(event, lambdaContext(job, remainingMs, requestId)).then(
  (result: unknown) => ({ result }),
  ({ message }: Error) => ({ error: message }),
);
process.send!(answer, () => process.exit());
