import * as v from 'valibot';
import { parseDate } from './dates.ts';
import { Refusal } from './refusal.ts';
import { parseSchedule } from './schedule.ts';
import { problemsOf, strict } from './schema.ts';
import { isTimezone } from './wall-clock.ts';

const HOUR_MS = 3_600_000;
const DURATION_UNITS: Record<string, number> = { h: HOUR_MS, d: 24 * HOUR_MS, w: 7 * 24 * HOUR_MS };

/** What ends later than this from now has a year of more than four digits, which no marker may name. */
const LONGEST_MS = 99_999 * DURATION_UNITS.w!;

/** The policy name that stands in the marker of ad-hoc snapshots. */
export const ADHOC = 'adhoc';

/** A text that is not empty; `what` it is, for the message. */
export const text = (what: string) =>
  v.pipe(v.string(`must be ${what}`), v.trim(), v.nonEmpty(`must be ${what}`));

const count = v.pipe(
  v.number('must be a whole number of 1 or more; leave the rule out if you do not want it'),
  v.safeInteger('must be a whole number of 1 or more; leave the rule out if you do not want it'),
  v.minValue(1, 'must be a whole number of 1 or more; leave the rule out if you do not want it'),
);

/** "12h", "30d" or "4w" -> milliseconds. */
const duration = v.pipe(
  v.string('must be a duration in quotes, such as "12h", "30d" or "4w"'),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const [, value, unit] = /^([1-9]\d{0,5})([hdw])$/.exec(dataset.value) ?? [];
    const unitMs = unit && DURATION_UNITS[unit];
    if (value && unitMs) return Number(value) * unitMs;
    addIssue({ message: 'must be a whole number of hours, days or weeks, such as "12h", "30d" or "4w"' });
    return NEVER;
  }),
  v.maxValue(LONGEST_MS, 'must be at most "99999w"'),
);

const schedule = v.pipe(
  v.string('must be an EventBridge expression, such as "cron(0 0 * * ? *)" or "rate(1 day)"'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      parseSchedule(dataset.value);
    } catch (error) {
      addIssue({ message: `is not a schedule that EventBridge takes: ${(error as Error).message}` });
    }
  }),
);

const timezoneRemedy =
  'must be the name of a time zone, spelled as in the IANA time zone database, such as "America/Chicago"';
const timezone = v.pipe(v.string(timezoneRemedy), v.check(isTimezone, timezoneRemedy));

const list = (what: string) =>
  v.optional(
    v.pipe(v.array(text(what), `must be a list of ${what}s`), v.nonEmpty('must not be empty: leave it out')),
  );

const selectors = {
  ids: list('a server id'),
  names: list('a server name or pattern'),
  tagged: v.optional(
    v.pipe(
      v.record(v.string(), text('a value'), 'must name a metadata key and value: {"autosnap": "daily"}'),
      v.check(
        (tags) => Object.keys(tags).length > 0,
        'must name a metadata key and value: {"autosnap": "daily"}',
      ),
    ),
  ),
};

const hasSelector = (s: object) => Object.values(s).some((value) => value !== undefined);

/** Which servers: any of these, minus `except`. */
export const servers = v.pipe(
  strict({
    ...selectors,
    all: v.optional(v.literal(true, 'must be true, or be left out')),
    except: v.optional(
      v.pipe(strict(selectors), v.check(hasSelector, 'must name something: ids, names or tagged')),
    ),
  }),
  v.check(
    ({ except: _, ...named }) => hasSelector(named),
    'must name some: ids, names, tagged, or "all": true',
  ),
);

const Keep = v.pipe(
  strict({
    atLeast: v.optional(count, 1),
    last: v.optional(count),
    hourly: v.optional(count),
    daily: v.optional(count),
    weekly: v.optional(count),
    monthly: v.optional(count),
    yearly: v.optional(count),
    within: v.optional(duration),
  }),
  v.check(
    ({ atLeast: _, ...rules }) => hasSelector(rules),
    'must have a rule: last, hourly, daily, weekly, monthly, yearly or within (atLeast is only the floor)',
  ),
);

const BYTE_UNITS: Record<string, number> = { '': 1, MB: 1e6, GB: 1e9, TB: 1e12 };
const bytesRemedy = 'must be a number of bytes, or a text such as "500GB" or "1.5TB"';

/** 500000000000, "500GB" or "1.5TB" -> bytes. */
const bytes = v.pipe(
  v.union([v.number(), v.string()], bytesRemedy),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const [, value, unit = ''] = /^(\d{1,16}(?:\.\d{1,3})?) ?(MB|GB|TB)?$/.exec(String(dataset.value)) ?? [];
    const found = Number(value) * BYTE_UNITS[unit]!;
    if (Number.isSafeInteger(found) && found > 0) return found;
    addIssue({ message: bytesRemedy });
    return NEVER;
  }),
);

const containerRemedy = 'must be the name of a container: 1 to 256 characters, without "/", "?" and "."';

const Offsite = strict({
  schedule,
  keep: Keep,
  maxBytesPerMonth: v.optional(bytes),
  to: v.optional(v.picklist(['s3', 'cloud-files'], 'must be "s3" or "cloud-files", or be left out')),
  // What an export takes.
  container: v.optional(v.pipe(v.string(containerRemedy), v.regex(/^[^/?.]{1,256}$/, containerRemedy))),
});

const wholeNumber = (least: number, most: number) => {
  const remedy = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(remedy), v.safeInteger(remedy), v.minValue(least, remedy), v.maxValue(most, remedy));
};

/** The longest that a throw-away server may be allowed to live, in hours. */
export const MOST_DRILL_HOURS = 24;

const check = v.pipe(
  strict({
    port: v.optional(wholeNumber(1, 65_535)),
    path: v.optional(
      v.pipe(
        v.string('must be a path, such as "/health"'),
        v.regex(/^\/[\x21-\x7e]{0,1000}$/, 'must be a path that begins with "/", such as "/health"'),
      ),
    ),
  }),
  v.check(
    (asked) => hasSelector(asked),
    'must have a port for TCP, such as {"port": 22}, or a path for HTTP: {"path": "/health"}',
  ),
);

const Drill = v.pipe(
  strict({
    schedule,
    atOnce: v.optional(wholeNumber(1, 20), 1),
    hours: v.optional(wholeNumber(1, MOST_DRILL_HOURS), 2),
    flavor: v.optional(text('the id or the name of a flavor')),
    networks: v.optional(
      v.array(text('the id of a network'), 'must be a list of network ids, or be left out for none'),
      [],
    ),
    securityGroups: v.optional(
      v.array(text('the name of a security group'), 'must be a list of security groups'),
      [],
    ),
    check: v.optional(check),
  }),
  v.check(
    ({ check: asked, networks }) => asked === undefined || networks.length > 0,
    'has a check, which needs an address: name in networks those that the throw-away servers are to be on',
  ),
);

/** Which secret: the last part of its name. */
export const account = v.optional(
  v.pipe(
    v.string('must be the last part of a secret name, such as "rackspace"'),
    v.regex(/^[\w.+=@-]{1,64}$/, 'must be the last part of a secret name, such as "rackspace"'),
  ),
  'rackspace',
);
const accountsRemedy =
  'must be the last part of a secret name, such as "rackspace", the beginning of some, such as "customer-*", or a list of such';

/** Which secrets: one, or all that begin so. An event that lists several becomes one for each; see accounts.ts. */
export const accounts = v.optional(
  v.pipe(v.string(accountsRemedy), v.regex(/^[\w.+=@-]{1,64}\*?$/, accountsRemedy)),
  'rackspace',
);
/** Plan, and stop before anything is changed. */
export const dryRun = v.optional(v.boolean('must be true or false'), false);

/** Which regions; all that the account has when it is left out. */
export const regions = list('a region');

/** The name of a policy. */
export const policyName = v.pipe(
  v.string('must be a name of a-z, 0-9 and -'),
  v.regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and -'),
  v.notValue(ADHOC, `"${ADHOC}" is kept for ad-hoc snapshots: choose another name`),
);

const common = {
  account: accounts,
  regions,
  servers,
  dryRun,
};

const PolicyFields = strict({
  ...common,
  policy: policyName,
  schedule,
  cleanup: schedule,
  timezone: v.optional(timezone, 'UTC'),
  keep: Keep,
  adopt: v.optional(v.literal('autosnap.py', 'must be "autosnap.py", or be left out')),
  orphans: v.optional(strict({ after: duration, keep: count })),
  maxDeletes: v.optional(count, 10),
  offsite: v.optional(Offsite),
  drill: v.optional(Drill),
});

/** The schedules of a policy are in its time zone, all of them. */
const PolicyEvent = v.pipe(
  PolicyFields,
  v.transform(({ schedule, cleanup, offsite, drill, ...policy }) => {
    const inZone = (expression: string) => parseSchedule(expression, policy.timezone);
    return {
      ...policy,
      schedule: inZone(schedule),
      cleanup: inZone(cleanup),
      offsite: offsite && { ...offsite, schedule: inZone(offsite.schedule) },
      drill: drill && { ...drill, schedule: inZone(drill.schedule) },
    };
  }),
);

const requestRemedy = 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -, or be left out';

const AdhocEvent = strict({
  ...common,
  adhoc: v.literal(true, 'must be true'),
  expires: v.optional(duration),
  // The same for all tries of one wish: none of them takes a server twice.
  request: v.optional(v.pipe(v.string(requestRemedy), v.regex(/^[A-Za-z0-9_-]{1,64}$/, requestRemedy))),
});

const until = v.pipe(
  v.string('must be a date such as "2027-01-01", or "forever"'),
  v.check(
    (text) => text === 'forever' || parseDate(text) !== undefined,
    'must be a date such as "2027-01-01" or "2027-01-01T08:00:00Z", or "forever"',
  ),
);

const HoldEvent = strict({
  hold: text('the id of an image'),
  until: v.optional(until, 'forever'),
  account,
  dryRun,
});
const ReleaseEvent = strict({ release: text('the id of an image'), account, dryRun });

/** What to keep of a series; `within` in milliseconds. See retention.ts. */
export type Keep = v.InferOutput<typeof Keep>;
/**
 * Which servers are meant: the union of what is named, minus `except`; of these `only` some, in a run by hand. See
 * selection.ts.
 */
export type Selector = v.InferOutput<typeof servers> & { only?: v.InferOutput<typeof servers> };
/** A policy, as serverless.yml says it, with its name; see order.ts for how an event names it. */
export type Policy = Omit<v.InferOutput<typeof PolicyEvent>, 'servers'> & { servers: Selector };
/** Copies outside of the cloud: when, where, what to keep of them, and the most bytes a month. See offsite/. */
export type Offsite = NonNullable<Policy['offsite']>;
/** Proof that snapshots boot: when one more is tried, as what, and its limits. See drill/. */
export type Drill = NonNullable<Policy['drill']>;
/** A hold on an image, or its end; see hold.ts. */
export type Hold = v.InferOutput<typeof HoldEvent> | v.InferOutput<typeof ReleaseEvent>;
/** A snapshot by hand, now; `expires` in milliseconds from its creation. */
export type Adhoc = v.InferOutput<typeof AdhocEvent>;

/**
 * Reads a whole policy, or `{"adhoc": true, "servers": …}`. Unknown keys are refused.
 *
 * @throws {Refusal} that names every problem at once, each with its path and the remedy.
 */
export function parseEvent(event: unknown): Policy | Adhoc {
  return readEvent(event, isKeyOf('adhoc', event) ? AdhocEvent : PolicyEvent);
}

/**
 * Reads `{"hold": "<image id>", "until": …}` or `{"release": "<image id>"}`.
 *
 * @throws {Refusal} like {@link parseEvent}.
 */
export function parseHold(event: unknown): Hold {
  return readEvent(event, isKeyOf('release', event) ? ReleaseEvent : HoldEvent);
}

/** Whether an event has a key, whatever its value. */
export function isKeyOf(key: string, event: unknown): boolean {
  return typeof event === 'object' && event !== null && key in event;
}

/**
 * Reads an event by a schema.
 *
 * @throws {Refusal} that names every problem at once.
 */
export function readEvent<S extends v.GenericSchema>(event: unknown, schema: S): v.InferOutput<S> {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new Refusal('The event is refused', ['it must be a JSON object: see events/ for examples']);
  }
  const result = v.safeParse(schema, event);
  if (result.success) return result.output;
  throw new Refusal('The event is refused', problemsOf(result.issues, 'event'));
}

/** {@link parseEvent} for those that need a whole policy: an ad-hoc event is refused too. */
export function parsePolicy(event: unknown): Policy {
  const parsed = parseEvent(event);
  if (isAdhoc(parsed)) throw new Refusal('The policy is refused', ['adhoc: an ad-hoc event is no policy']);
  return parsed;
}

/** Whether an event asks for a snapshot by hand. */
export function isAdhoc(event: Policy | Adhoc): event is Adhoc {
  return 'adhoc' in event;
}

/** Whether what was read is a hold, or its end. */
export function isHold(order: Policy | Adhoc | Hold): order is Hold {
  return 'hold' in order || 'release' in order;
}
