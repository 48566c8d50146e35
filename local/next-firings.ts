import type { Service } from '../deploy/policies.ts';
import { parseSchedule } from '../lib/config/schedule.ts';
import { minuteText } from '../lib/reporting/sentences/format.ts';

/** The port on which serverless-offline answers the requests of AWS's Lambda API. */
const LAMBDA_PORT = 3002;

type Functions = Record<string, { events?: unknown[] } | null>;

/** A schedule of a function, as Serverless has it. */
interface Scheduled {
  job: string;
  rate: string;
  input: object;
}

/**
 * The next firing of each schedule of `npm run dev`, and the command that fires it now, a paragraph
 * each. serverless-offline fires cron expressions in the time zone of the machine, whatever the
 * policy says, and rates at whole multiples of the local time.
 *
 * @param service Serverless's, with the events that are generated from the policies.
 */
export function nextFirings(
  { service, functions }: Pick<Service, 'service'> & { functions: Functions },
  now: Date,
  { lambdaPort = LAMBDA_PORT }: { lambdaPort?: number | undefined } = {},
): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const paragraphs = schedulesOf(functions).map(({ job, rate, input }) => {
    const next = parseSchedule(cronOf(rate), zone).next(now);
    const policy = (input as { policy?: string }).policy;
    const when = next
      ? `${localText(next, zone)} ${zone} (${minuteText(next.toISOString())} UTC)`
      : 'never again';
    const url = `http://localhost:${lambdaPort}/2015-03-31/functions/${service}-local-${job}/invocations`;
    return `  ${job}${policy === undefined ? '' : ` of ${policy}`}: ${when}\n    now: curl -s -d '${JSON.stringify(input)}' ${url}`;
  });
  return ['Next firings, in the time zone of this machine:', ...paragraphs].join('\n');
}

function schedulesOf(functions: Functions): Scheduled[] {
  return Object.entries(functions).flatMap(([job, fn]) =>
    (fn?.events ?? []).flatMap((event) => {
      const { schedule } = Object(event) as { schedule?: { rate: string | string[]; input?: object } };
      return schedule
        ? [schedule.rate].flat().map((rate) => ({ job, rate, input: schedule.input ?? {} }))
        : [];
    }),
  );
}

/**
 * A rate as the cron expression that serverless-offline makes of it.
 *
 * Source: its events/schedule/Schedule.js.
 */
function cronOf(rate: string): string {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(rate) ?? [];
  if (unit === undefined) return rate;
  const every = { minute: `0/${count} * * * ? *`, hour: `0 0/${count} * * ? *`, day: `0 0 1/${count} * ? *` };
  return `cron(${every[unit as keyof typeof every]})`;
}

function localText(at: Date, timeZone: string): string {
  // The format of Sweden is that of ISO 8601.
  return at.toLocaleString('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
}
