import * as v from 'valibot';
import { parseDate } from './dates.ts';
import { eachPeriod, KEEP_RULES } from './keep-rules.ts';
import { parseSchedule } from './schedule.ts';
import { anyOf, field, problemsOf, quotable, recordOf, strict } from './schema.ts';
import { Refusal } from './validation-error.ts';
import { isTimezone } from './wall-clock.ts';

const HOUR_MS = 3_600_000;
const DURATION_UNITS: Record<string, number> = { h: HOUR_MS, d: 24 * HOUR_MS, w: 7 * 24 * HOUR_MS };

/** What ends later than this from now has a year of more than four digits, which no marker may name. */
const LONGEST_MS = 99_999 * DURATION_UNITS.w!;

/** The policy name that stands in the marker of ad-hoc snapshots. */
export const ADHOC = 'adhoc';

/** A text that is not empty; `what` it is, for the message. */
export const text = (what: string) =>
  v.pipe(quotable(`must be ${what}`), v.trim(), v.nonEmpty(`must be ${what}`));

const count = v.pipe(
  v.number('must be a whole number of 1 or more; leave the rule out if you do not want it'),
  v.safeInteger('must be a whole number of 1 or more; leave the rule out if you do not want it'),
  v.minValue(1, 'must be a whole number of 1 or more; leave the rule out if you do not want it'),
);

/** A remedy that shows whoever has left the unit out how the same number looks with the unit that they may have meant. */
const withUnit =
  (remedy: string, unit: string) =>
  ({ input }: { input: unknown }): string =>
    /^[1-9]\d{0,5}$/.test(String(input)) ? `${remedy}: say ${input}${unit} if that is what you mean` : remedy;

const durationRemedy = withUnit(
  'must be a whole number of hours, days or weeks with its unit, such as 12h, 30d or 4w',
  'd',
);

/** "12h", "30d" or "4w" -> milliseconds. */
const duration = v.pipe(
  v.string(durationRemedy),
  v.regex(/^[1-9]\d{0,5}[hdw]$/, durationRemedy),
  v.transform((text) => Number.parseInt(text, 10) * (DURATION_UNITS[text.at(-1)!] ?? Number.NaN)),
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

const list = (what: string, example: string, description: string) =>
  v.optional(
    v.pipe(
      v.array(text(what), `must be a list, such as [${example}]`),
      v.nonEmpty('must not be empty: leave it out'),
      v.description(description),
    ),
  );

const selectors = (unknownIds: string) => ({
  ids: list('a server id', '59818cee-bc8c-44eb-8073-673ee65105f7', `Servers by id. ${unknownIds}`),
  names: list('a server name or pattern', 'web-*, db-1', 'Servers by name; * and ? are wildcards.'),
  tagged: v.optional(
    v.pipe(
      recordOf(text('a value'), 'must name a metadata key and value: {"autosnap": "daily"}'),
      v.check(
        (tags) => Object.keys(tags).length > 0,
        'must name a metadata key and value: {"autosnap": "daily"}',
      ),
      v.metadata({ minProperties: 1 }),
      v.description(
        'Servers by metadata: autosnap: daily is that value, or one of the parts of "daily,weekly". Of several pairs a server must have all.',
      ),
    ),
  ),
});

/** Which servers: any of these, minus `except`; of several `tagged` pairs a server must have all. */
export const servers = v.pipe(
  anyOf(
    strict({
      ...selectors('An id that does not exist is a failure.'),
      all: v.optional(field('All servers.', v.literal(true, 'must be true, or be left out'))),
      except: v.optional(
        field(
          'Servers to leave out: all that match any of these.',
          anyOf(
            strict(selectors('Doctor warns of an id that does not exist.')),
            ['ids', 'names', 'tagged'],
            'must name something: ids, names or tagged',
          ),
        ),
      ),
    }),
    ['ids', 'names', 'tagged', 'all'],
    'must name some: ids, names, tagged, or "all": true',
  ),
  v.forward(
    v.check(
      ({ all, ids, names, tagged }) => !all || (ids ?? names ?? tagged) === undefined,
      'takes every server, whatever ids, names and tagged say: leave it out, or leave these out',
    ),
    ['all'],
  ),
);

const Keep = anyOf(
  strict({
    atLeast: v.optional(
      field('The least number of finished snapshots to keep, whatever the rules say.', count),
      1,
    ),
    last: v.optional(field('How many of the newest snapshots to keep.', count)),
    ...eachPeriod((_, plural) =>
      v.optional(field(`The newest snapshot of each of the latest so many ${plural} that have one.`, count)),
    ),
    within: v.optional(
      field(
        'All snapshots that are less than this older than the newest good one: it does not count from today.',
        duration,
      ),
    ),
  }),
  KEEP_RULES,
  `must have a rule: ${KEEP_RULES.slice(0, -1).join(', ')} or ${KEEP_RULES.at(-1)} (atLeast is only the floor)`,
);

const BYTE_UNITS: Record<string, number> = { MB: 1e6, GB: 1e9, TB: 1e12 };
const bytesRemedy = withUnit('must be a number with its unit, MB, GB or TB, such as 500GB or 1.5TB', 'GB');

/** "500GB" or "1.5TB" -> bytes. Whoever writes 500 does not mean bytes. */
const bytes = v.pipe(
  v.string(bytesRemedy),
  v.regex(/^\d{1,7}(\.\d{1,3})? ?(MB|GB|TB)$/, bytesRemedy),
  v.transform((text) => Math.round(Number.parseFloat(text) * BYTE_UNITS[text.slice(-2)]!)),
  v.minValue(1, bytesRemedy),
  v.maxValue(Number.MAX_SAFE_INTEGER, bytesRemedy),
);

const containerRemedy = 'must be the name of a container: 1 to 256 characters, without "/", "?" and "."';

const Offsite = v.pipe(
  strict({
    schedule: field('When to make copies: cron(…) or rate(…).', schedule),
    keep: field('Which copies to keep: the union of these rules.', Keep),
    maxBytesPerMonth: v.optional(field('The most bytes to copy in a calendar month, such as 500GB.', bytes)),
    to: v.optional(
      field(
        'Where the copies go: S3 by default, or Cloud Files at Rackspace.',
        v.picklist(['s3', 'cloud-files'], 'must be "s3" or "cloud-files", or be left out'),
      ),
    ),
    // What an export takes.
    container: v.optional(
      v.pipe(
        quotable(containerRemedy),
        v.regex(/^[^/?.]{1,256}$/, containerRemedy),
        v.description('The container in Cloud Files at Rackspace; needs `to`.'),
      ),
    ),
  }),
  v.forward(
    v.check(
      ({ container, to }) => container === undefined || to !== undefined,
      'is for Cloud Files at Rackspace, and nothing says that the copies go there: add to: cloud-files, or leave it out; the bucket in S3 is custom.copiesBucket',
    ),
    ['container'],
  ),
);

const wholeNumber = (least: number, most: number) => {
  const remedy = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(remedy), v.safeInteger(remedy), v.minValue(least, remedy), v.maxValue(most, remedy));
};

/** The longest that a throw-away server may be allowed to live, in hours. */
export const MOST_DRILL_HOURS = 24;

const check = anyOf(
  strict({
    port: v.optional(field('The TCP port that must answer.', wholeNumber(1, 65_535))),
    path: v.optional(
      v.pipe(
        v.string('must be a path, such as "/health"'),
        v.regex(/^\/[\x21-\x7e]{0,1000}$/, 'must be a path that begins with "/", such as "/health"'),
        v.description('The path of an HTTP request that must succeed.'),
      ),
    ),
  }),
  ['port', 'path'],
  'must have a port for TCP, such as {"port": 22}, or a path for HTTP: {"path": "/health"}',
);

const Drill = v.pipe(
  strict({
    schedule: field('When to begin drills: cron(…) or rate(…).', schedule),
    atOnce: v.optional(field('How many throw-away servers there may be at once.', wholeNumber(1, 20)), 1),
    hours: v.optional(
      field('How long a throw-away server may live, in hours.', wholeNumber(1, MOST_DRILL_HOURS)),
      2,
    ),
    flavor: v.optional(
      field('The flavor of the throw-away servers.', text('the id or the name of a flavor')),
    ),
    networks: v.optional(
      field(
        'The networks of the throw-away servers; none by default.',
        v.array(text('the id of a network'), 'must be a list of network ids, or be left out for none'),
      ),
      [],
    ),
    securityGroups: v.optional(
      field(
        'The security groups of the throw-away servers.',
        v.array(text('the name of a security group'), 'must be a list of security groups'),
      ),
      [],
    ),
    check: v.optional(field('What must answer, besides a boot.', check)),
  }),
  v.check(
    ({ check: asked, networks }) => asked === undefined || networks.length > 0,
    'has a check, which needs an address: name in networks those that the throw-away servers are to be on',
  ),
  v.forward(
    v.check(
      ({ securityGroups, networks }) => securityGroups.length === 0 || networks.length > 0,
      'are for servers on a network: name in networks those that the throw-away servers are to be on, or leave them out',
    ),
    ['securityGroups'],
  ),
);

/** Which secret: the last part of its name. */
export const account = v.optional(
  v.pipe(
    quotable('must be the last part of a secret name, such as "rackspace"'),
    v.regex(/^[\w.+=@-]{1,64}$/, 'must be the last part of a secret name, such as "rackspace"'),
  ),
  'rackspace',
);
const accountsRemedy =
  'must be the last part of a secret name, such as "rackspace", the beginning of some, such as "customer-*", or a list of such';

/** Which secrets: one, or all that begin so. An event that lists several becomes one for each; see accounts.ts. */
export const accounts = v.optional(
  v.pipe(
    quotable(accountsRemedy),
    v.regex(/^[\w.+=@-]{1,64}\*?$/, accountsRemedy),
    v.description(
      'The secret with the credentials: the last part of its name, or the beginning of several: customer-*.',
    ),
  ),
  'rackspace',
);
/** Plan, and stop before anything is changed. */
export const dryRun = v.optional(v.boolean('must be true or false'), false);

/** Which regions; all that the account has when it is left out. */
export const regions = list('a region', 'DFW, ORD', 'Which regions; by default all that the account has.');

/** The name of a policy. */
export const policyName = v.pipe(
  quotable('must be a name of a-z, 0-9 and -'),
  v.regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be 1 to 40 of a-z, 0-9 and -, and begin with a letter or digit'),
  v.notValue(ADHOC, `"${ADHOC}" is kept for ad-hoc snapshots: choose another name`),
);

const common = {
  account: accounts,
  regions,
  servers,
  dryRun,
};

/** What a policy says, before its schedules are read. */
export const PolicyFields = strict({
  ...common,
  policy: policyName,
  schedule: field('When to take snapshots: cron(…) or rate(…), as EventBridge takes it.', schedule),
  cleanup: field('When to rotate: cron(…) or rate(…).', schedule),
  timezone: v.optional(
    field('The IANA time zone of all schedules, and of the days, weeks, months and years in keep.', timezone),
    'UTC',
  ),
  servers: field('Which servers: all that match any of these, minus except.', servers),
  keep: field('Which snapshots to keep: the union of these rules.', Keep),
  adopt: v.optional(
    field(
      'Takes over the images that the Python script of this name made.',
      v.literal('autosnap.py', 'must be "autosnap.py", or be left out'),
    ),
  ),
  orphans: v.optional(
    field(
      'Snapshots of servers that are gone.',
      strict({
        after: field('How long after the newest snapshot the others may be deleted.', duration),
        keep: field('How many of the newest to keep.', count),
      }),
    ),
  ),
  maxDeletes: v.optional(field('The most snapshots of a server to delete in one run.', count), 10),
  offsite: v.optional(field('Copies of the newest good snapshots in S3 or Cloud Files.', Offsite)),
  drill: v.optional(field('Boots snapshots as throw-away servers, to see that they can be restored.', Drill)),
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
  // The same for all tries of one wish: none of them takes a server again that another one took, unless that snapshot has
  // failed or ended, and none takes any after a day; see request-log.ts.
  request: v.optional(v.pipe(quotable(requestRemedy), v.regex(/^[A-Za-z0-9_-]{1,64}$/, requestRemedy))),
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
 * selector.ts.
 */
export type Selector = v.InferOutput<typeof servers> & { only?: v.InferOutput<typeof servers> };
/** A policy, as serverless.yml says it, with its name; see event.ts for how an event names it. */
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

/** {@link readEvent} for an event that may be left out: of none, `invoke local` makes an empty text. */
export function readOptionalEvent<S extends v.GenericSchema>(event: unknown, schema: S): v.InferOutput<S> {
  return readEvent(event === '' ? {} : (event ?? {}), schema);
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
