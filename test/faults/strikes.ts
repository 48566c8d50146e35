import type { Context } from 'hono';
import { answers, type Env, type FaultAnswer } from '../../local/cloud/faults.ts';
import { type ApiCall, hasChanged, LATER_PAGE, templateOf } from './calls.ts';
import type { Trouble } from './cell.ts';
import type { World } from './world.ts';

/** A fault in one call of a job. */
export interface Strike {
  name: string;
  /**
   * How often the fault occurs: "once", or for every such call of the first try, or of every try.
   */
  lasts: 'once' | 'a whole try' | 'for ever';
  /** A condition for the call; every call by default. */
  concerns?(call: ApiCall): boolean;
  answer(world: World, elsewhere: string): FaultAnswer;
  /** Whether the job can only wait for the fault to end, until its deadline. */
  slow?: boolean;
}

const EVER = Number.POSITIVE_INFINITY;
/** Enough time for everything that ends, however busy the machine is. */
const SHORT_MS = 60_000;

/** Applies a fault to a call of a job. */
export function troubleOf(strike: Strike, call: ApiCall, elsewhere: string): Trouble {
  const { name, lasts, slow, answer } = strike;
  const { service, method, path, page, after } = call;
  return {
    name: `${name}, ${lasts}`,
    forEver: lasts === 'for ever',
    ...(slow ? { remainingMs: SHORT_MS } : {}),
    begin(world) {
      const { cloud } = world;
      let hits = 0;
      const when = (c: Context<Env>) => {
        const hit =
          templateOf(c.req.path) === path &&
          (page !== 2 || LATER_PAGE.test(c.req.url)) &&
          (!after || hasChanged(cloud.received));
        if (hit) hits++;
        return hit;
      };
      const times = lasts === 'once' ? 1 : EVER;
      cloud.faults.push({ service, method, times, when, answer: answer(world, elsewhere) });
      return { hits: () => hits, end: () => cloud.faults.splice(0) };
    },
  };
}

/** A time one second after the cloud's, in its own format. */
function inASecond({ cloud }: World, shape: (at: Date) => { status: number; body: unknown }): FaultAnswer {
  const at = new Date(cloud.now().getTime() + 1_000);
  return { ...shape(at), headers: { date: cloud.now().toUTCString() } };
}

const message = (status: number, text: string) => ({
  status,
  body: { error: { code: status, message: text } },
});

/** Changes the JSON of the real answer. */
function edited(edit: (body: unknown, c: Context<Env>) => unknown): FaultAnswer {
  return {
    async edit(answer, c) {
      const text = await answer.text();
      return new Response(text === '' ? null : JSON.stringify(edit(JSON.parse(text), c)), answer);
    },
  };
}

// The fields that name an item or its state; of each answer the outermost is removed.
const FIELDS = ['id', 'status', 'access', 'project', 'net_id', 'network_id', 'absolute'];

/** Removes a field from the first item of an answer, whatever the form of the answer. */
function withoutField(body: unknown): unknown {
  const things = [body];
  for (const thing of things) {
    if (typeof thing !== 'object' || thing === null) continue;
    const field = FIELDS.find((name) => name in thing);
    if (field) {
      delete (thing as Record<string, unknown>)[field];
      return body;
    }
    things.push(...Object.values(thing));
  }
  return body;
}

/** Whether the call is answered with JSON. */
const hasFields = ({ path }: ApiCall) => !path.endsWith('/file');
const hasPages = ({ page }: ApiCall) => page !== undefined;

/** Sets the link to the next page of a listing, whether or not the listing has one. */
function withNext(next: (c: Context<Env>) => string): FaultAnswer {
  return edited((body, c) => {
    const link = next(c);
    const key = Object.keys(body as object).find((name) =>
      /^(servers|snapshots|volumes|backups|flavors)$/.test(name),
    );
    return key
      ? { ...(body as object), [`${key}_links`]: [{ rel: 'next', href: link }] }
      : { ...(body as object), next: link };
  });
}

/** All faults for each call of each job. */
export const strikes: Strike[] = [
  { name: 'the connection is cut', lasts: 'once', answer: () => 'drop' },
  { name: 'the connection is cut', lasts: 'a whole try', answer: () => 'drop' },
  { name: 'the answer is lost', lasts: 'once', answer: () => 'lose' },
  { name: 'the answer is lost', lasts: 'a whole try', answer: () => 'lose' },
  { name: 'reset in the middle of the body', lasts: 'once', answer: () => ({ cutAfter: 10 }) },
  { name: 'no answer until the time is used up', lasts: 'once', slow: true, answer: () => 'hang' },
  { name: '401', lasts: 'once', answer: () => answers.unauthorized },
  { name: '401', lasts: 'for ever', answer: () => answers.unauthorized },
  { name: '403', lasts: 'for ever', answer: () => answers.forbidden },
  { name: '404', lasts: 'a whole try', answer: () => message(404, 'It could not be found.') },
  { name: '409', lasts: 'a whole try', answer: () => answers.conflict },
  {
    name: '413, retryAt',
    lasts: 'once',
    answer: (world) => inASecond(world, answers.reposeRetryAt),
  },
  {
    name: '413, retryAt of another form',
    lasts: 'once',
    answer: (world) => inASecond(world, answers.reposeOddRetryAt),
  },
  {
    name: '413, retryAfter as a date',
    lasts: 'once',
    answer: (world) => inASecond(world, answers.reposeRetryAfterDate),
  },
  { name: '413, retryAfter in seconds', lasts: 'once', answer: () => answers.novaRetryAfterSeconds(1) },
  { name: '413, a quota', lasts: 'for ever', answer: () => answers.quota },
  { name: '429', lasts: 'once', answer: () => answers.retryAfterHeader(429, 1) },
  { name: '500', lasts: 'once', answer: () => answers.serverError },
  { name: '500', lasts: 'a whole try', answer: () => answers.serverError },
  { name: '502 in HTML', lasts: 'once', answer: () => answers.html },
  {
    name: '503 with Retry-After',
    lasts: 'once',
    answer: () => ({ ...answers.unavailable, headers: { 'retry-after': '1' } }),
  },
  {
    name: '400 that repeats the request, secrets and all',
    lasts: 'a whole try',
    answer: () => ({
      async edit(_, c) {
        const asked = `${c.req.header('x-auth-token')} ${await c.req.text()}`;
        return Response.json({ badRequest: { code: 400, message: `Bad: ${asked}` } }, { status: 400 });
      },
    }),
  },
  { name: '200 with broken JSON', lasts: 'once', answer: () => 'truncate' },
  { name: '200 with HTML', lasts: 'once', answer: () => ({ ...answers.html, status: 200 }) },
  {
    name: '200 with a missing field',
    lasts: 'once',
    concerns: hasFields,
    answer: () => edited(withoutField),
  },
  {
    name: '200 with a missing field',
    lasts: 'a whole try',
    concerns: hasFields,
    answer: () => edited(withoutField),
  },
  { name: '200 with nothing in it', lasts: 'once', answer: () => ({ status: 200, body: {} }) },
  {
    name: 'a page that repeats',
    lasts: 'once',
    concerns: hasPages,
    // Another address, which is not known to be the same host.
    answer: () => withNext((c) => `${c.req.url}&sort_dir=desc`),
  },
  {
    name: 'a next link to itself',
    lasts: 'a whole try',
    concerns: hasPages,
    answer: () => withNext((c) => c.req.url),
  },
  {
    name: 'a next link to another host',
    lasts: 'a whole try',
    concerns: hasPages,
    answer: (_, elsewhere) => ({
      async edit(answer) {
        const text = await answer.text();
        const moved = text
          .replaceAll(/http:\/\/servers\.api\.invalid/g, elsewhere)
          .replaceAll(/"next":"\//g, `"next":"${elsewhere}/`)
          .replaceAll(/"href":"http:\/\/127\.0\.0\.1:\d+/g, `"href":"${elsewhere}`);
        return new Response(text === '' ? null : moved, answer);
      },
    }),
  },
];
