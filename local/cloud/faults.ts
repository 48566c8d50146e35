import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context, MiddlewareHandler } from 'hono';

export type CloudService = 'identity' | 'compute' | 'image' | 'volume' | 'object-store' | 'secrets';
export type Env = { Bindings: HttpBindings };

/** What to answer instead of the real response. */
export type FaultAnswer =
  | { status: number; headers?: Record<string, string>; body: unknown }
  /** The connection is cut before the request is carried out. */
  | 'drop'
  /** The request is carried out, then the connection is cut without an answer. */
  | 'lose'
  /** The answer never comes. */
  | 'hang'
  /** The answer's body is cut in half. */
  | 'truncate'
  /**
   * The connection is cut after that many bytes of the body; an answer without a body is not sent.
   */
  | { cutAfter: number }
  /** The real answer, modified. */
  | { edit: (answer: Response, c: Context<Env>) => Response | Promise<Response> }
  /** A function that runs first; then the request is answered as usual. */
  | ((c: Context<Env>) => unknown);

export interface Fault {
  service: CloudService;
  region?: string;
  method?: string;
  path?: RegExp;
  /** Any other condition. */
  when?: (c: Context<Env>) => boolean;
  /** The number of matching requests to let through first. */
  skip?: number;
  /** The number of requests to answer with this fault; 1 by default. */
  times?: number;
  answer: FaultAnswer;
}

/** Answers that real services have given, to be used as faults. */
export const answers = {
  /**
   * The forms of status 413 at Rackspace: three from its proxy, one from Nova, and one that is an
   * exceeded quota, not a rate limit.
   */
  reposeRetryAt: (at: Date) => overLimit({ retryAt: at.toISOString() }),
  reposeOddRetryAt: (at: Date) => overLimit({ retryAt: at.toISOString().replace(/\.\d+Z/, 'UTC') }),
  reposeRetryAfterDate: (at: Date) => overLimit({ retryAfter: at.toISOString() }),
  novaRetryAfterSeconds: (seconds: number) => overLimit({ retryAfter: String(seconds) }),
  retryAfterHeader: (status: 413 | 429, seconds: number) => ({
    status,
    headers: { 'retry-after': String(seconds) },
    body: { overLimit: { code: status, message: 'This request was rate-limited.' } },
  }),
  quota: {
    status: 413,
    body: { badRequest: { message: 'Image metadata limit exceeded', code: 413, retryAfter: 0 } },
  },
  unauthorized: {
    status: 401,
    body: { unauthorized: { code: 401, message: 'No valid token provided. Please re-authenticate.' } },
  },
  forbidden: {
    status: 403,
    body: { forbidden: { code: 403, message: "Policy doesn't allow this to be performed." } },
  },
  conflict: { status: 409, body: { conflictingRequest: { code: 409, message: 'The image is in use.' } } },
  serverError: {
    status: 500,
    body: {
      computeFault: {
        code: 500,
        message: 'The server has either erred or is incapable of performing the requested operation.',
      },
    },
  },
  /** Nova 26's answer to the later of two simultaneous createImage requests. */
  taskStateRace: {
    status: 500,
    body: {
      computeFault: {
        code: 500,
        message: "Unexpected API Error.\n<class 'nova.exception.UnexpectedTaskStateError'>",
      },
    },
  },
  glanceQuota: {
    status: 500,
    body: {
      computeFault: { code: 500, message: "Unexpected API Error.\n<class 'glanceclient.exc.HTTPOverLimit'>" },
    },
  },
  unavailable: {
    status: 503,
    body: { serviceUnavailable: { code: 503, message: 'The server is currently unavailable.' } },
  },
  html: {
    status: 502,
    headers: { 'content-type': 'text/html' },
    body: '<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>',
  },
} as const;

function overLimit(hint: object) {
  return {
    status: 413,
    body: { overLimit: { code: 413, message: 'OverLimit Retry...', details: 'Error Details...', ...hint } },
  };
}

/**
 * The real answer to one listing, without the items that have these ids (for Cloud Files, names).
 */
export function leavingOut(...ids: readonly string[]): FaultAnswer {
  const isThere = ({ id, name }: { id?: string; name?: string }) => !ids.includes(id ?? name ?? '');
  return {
    async edit(answer) {
      const body: unknown = await answer.json();
      const edited = Array.isArray(body)
        ? body.filter(isThere)
        : Object.fromEntries(
            Object.entries(body as object).map(([key, value]) => [
              key,
              Array.isArray(value) && !key.endsWith('_links') ? value.filter(isThere) : value,
            ]),
          );
      return Response.json(edited, { status: answer.status });
    },
  };
}

/** The real answer to one listing of images, with additional images at its end. */
export function adding(images: readonly object[]): FaultAnswer {
  return {
    async edit(answer) {
      const body = (await answer.json()) as { images: object[] };
      return Response.json({ ...body, images: [...body.images, ...images] }, { status: answer.status });
    },
  };
}

/** Answers with the first matching fault, or else lets the request through. */
export function injectFaults(
  faults: Fault[],
  service: CloudService,
  region?: string,
): MiddlewareHandler<Env> {
  return async (c, next) => {
    const fault = faults.find(
      (f) =>
        f.service === service &&
        (f.region === undefined || f.region === region) &&
        (f.method === undefined || f.method === c.req.method) &&
        (f.path === undefined || f.path.test(c.req.path)) &&
        (f.when === undefined || f.when(c)) &&
        (f.times ?? 1) > 0,
    );
    if (!fault) return next();
    if (fault.skip) {
      fault.skip -= 1;
      return next();
    }
    fault.times = (fault.times ?? 1) - 1;
    const { answer } = fault;
    if (typeof answer === 'function') {
      await answer(c);
      return next();
    }
    if (answer === 'hang') return RESPONSE_ALREADY_SENT;
    if (answer === 'drop' || answer === 'lose') {
      if (answer === 'lose') await next();
      c.env.incoming.socket.destroy();
      return RESPONSE_ALREADY_SENT;
    }
    if (answer === 'truncate') {
      await next();
      const body = await c.res.text();
      c.res = new Response(body.slice(0, body.length / 2), c.res);
      return;
    }
    if ('edit' in answer) {
      await next();
      const edited = await answer.edit(c.res, c);
      // Hono would otherwise merge the headers of the previous response into the new one.
      c.res = undefined;
      c.res = edited;
      return;
    }
    if ('cutAfter' in answer) {
      await next();
      await sendAndCut(c.res, answer.cutAfter, c.env);
      c.res = undefined;
      c.res = RESPONSE_ALREADY_SENT;
      return;
    }
    const { status, headers, body } = answer;
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), {
      status,
      headers: { 'content-type': 'application/json', ...headers },
    });
  };
}

async function sendAndCut({ status, headers, body }: Response, bytes: number, env: HttpBindings) {
  const { incoming, outgoing } = env;
  let left = bytes;
  if (body) outgoing.writeHead(status, Object.fromEntries(headers));
  for await (const chunk of body ?? []) {
    // Wait until the chunk has been sent; `destroy` would discard it.
    await new Promise((sent) => outgoing.write(chunk.subarray(0, left), sent));
    left -= chunk.length;
    if (left <= 0) break;
  }
  incoming.socket.destroy();
}
