import type { Context, MiddlewareHandler } from 'hono';
import type { Env } from './faults.ts';
import { fault } from './nova-fault.ts';

/** The newest microversions of the real clouds that the embedded cloud is compared with. */
export const HIGHEST = { compute: '2.93', volume: '3.70' } as const;
const LOWEST = { compute: '2.1', volume: '3.0' } as const;

type Versioned = keyof typeof HIGHEST;

/** The minor number of the microversion that a request asks for. */
export function minorOf(c: Context<Env>, service: Versioned): number {
  const asked = askedFor(c, service);
  return Number((asked === 'latest' ? HIGHEST[service] : (asked ?? LOWEST[service])).split('.')[1]);
}

/**
 * Answers 400 to a malformed microversion and 406 to one that is not supported, and adds the
 * microversion to each other answer.
 */
export function microversions(service: Versioned): MiddlewareHandler<Env> {
  return async (c, next) => {
    const asked = askedFor(c, service) ?? LOWEST[service];
    const [, major, minor] = /^(\d+)\.(\d+)$/.exec(asked) ?? [];
    if (asked !== 'latest' && !minor) {
      const message = `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`;
      return c.json(fault('badRequest', 400, message), 400);
    }
    const number = (version: string) =>
      version.split('.').reduce((sum, part) => sum * 1000 + Number(part), 0);
    const isOffered =
      asked === 'latest' ||
      (number(`${major}.${minor}`) >= number(LOWEST[service]) && number(asked) <= number(HIGHEST[service]));
    if (!isOffered) {
      const message = `Version ${asked} is not supported by the API. Minimum is ${LOWEST[service]} and maximum is ${HIGHEST[service]}.`;
      return c.json(fault('computeFault', 406, message), 406);
    }
    await next();
    const answered = asked === 'latest' ? HIGHEST[service] : asked;
    c.header('openstack-api-version', `${service} ${answered}`);
    c.header('vary', 'OpenStack-API-Version', { append: true });
    if (service === 'compute') {
      c.header('x-openstack-nova-api-version', answered);
      c.header('vary', 'X-OpenStack-Nova-API-Version', { append: true });
    }
    return undefined;
  };
}

/** The current header names the service; Nova's older header does not. */
function askedFor(c: Context<Env>, service: Versioned): string | undefined {
  const named = (c.req.header('openstack-api-version') ?? '')
    .split(',')
    .map((one) => one.trim().split(/\s+/))
    .find(([name]) => name === service)?.[1];
  return named ?? (service === 'compute' ? c.req.header('x-openstack-nova-api-version') : undefined);
}
