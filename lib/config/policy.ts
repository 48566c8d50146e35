import * as v from 'valibot';
import { DAY_MS, HOUR_MS, MINUTE_MS, parseDate, parseEnd } from './dates.ts';
import { eachPeriod, KEEP_RULES } from './keep-rules.ts';
import { parseSchedule } from './schedule.ts';
import { anyOf, field, isPlainWord, problemsOf, quotable, recordOf, strict, UUID } from './schema.ts';
import { invalidEvent } from './validation-error.ts';
import { isTimezone } from './wall-clock.ts';

const DURATION_UNITS: Record<string, number> = { h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS };

/** A longer duration could end in a year of more than four digits, which markers do not allow. */
const MAX_DURATION_MS = 99_999 * DURATION_UNITS.w!;

/** The first moment that `YYYY-MM-DD` can't express. */
const YEAR_10000_MS = Date.UTC(10_000, 0);

/** The id in remedies. */
const EXAMPLE_ID = '59818cee-bc8c-44eb-8073-673ee65105f7';

/** The policy name in the marker of ad-hoc snapshots. */
export const ADHOC = 'adhoc';

/** A non-empty text, not a placeholder such as `<network id>`; `what` describes it in messages. */
export const text = (what: string) =>
  v.pipe(
    quotable(`must be ${what}`),
    v.trim(),
    v.nonEmpty(`must be ${what}`),
    v.regex(/^(?!<.*>$)/, `must be ${what}, in place of the text in <…>`),
  );

const count = v.pipe(
  v.number('must be a whole number of 1 or more, or be left out'),
  v.safeInteger('must be a whole number of 1 or more, or be left out'),
  v.minValue(1, 'must be a whole number of 1 or more, or be left out'),
);

/** Adds a suggestion with a unit to the remedy if the input is a number without a unit. */
const withUnit =
  (remedy: string, unit: string) =>
  ({ input }: { input: unknown }): string =>
    /^[1-9]\d{0,5}$/.test(String(input)) ? `${remedy}: say ${input}${unit} if you mean that` : remedy;

const durationRemedy = withUnit(
  'must be a whole number of hours, days or weeks with its unit, such as 12h, 30d or 4w',
  'd',
);

/** "12h", "30d" or "4w" -> milliseconds. */
const duration = v.pipe(
  v.string(durationRemedy),
  v.regex(/^[1-9]\d*[hdw]$/, durationRemedy),
  v.transform((text) => Number.parseInt(text, 10) * (DURATION_UNITS[text.at(-1)!] ?? Number.NaN)),
  v.maxValue(MAX_DURATION_MS, 'must be at most 99999w'),
);

const shortRemedy = withUnit(
  'must be a whole number of minutes, hours or days with its unit, such as 15m, 30h or 2d',
  'h',
);

/** "15m", "30h" or "2d" -> milliseconds. */
const shortDuration = v.pipe(
  v.string(shortRemedy),
  v.regex(/^[1-9]\d{0,6}[mhd]$/, shortRemedy),
  v.transform(
    (text) => Number.parseInt(text, 10) * ({ m: MINUTE_MS, ...DURATION_UNITS }[text.at(-1)!] ?? Number.NaN),
  ),
);

const schedule = v.pipe(
  v.string('must be an EventBridge expression, such as "cron(0 0 * * ? *)" or "rate(1 day)"'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      parseSchedule(dataset.value);
    } catch (error) {
      addIssue({ message: `is not a valid EventBridge schedule: ${(error as Error).message}` });
    }
  }),
);

const timezoneRemedy =
  'must be the name of a time zone, spelled as in the IANA time zone database, such as "America/Chicago"';
const timezone = v.pipe(v.string(timezoneRemedy), v.check(isTimezone, timezoneRemedy));

/** An id. Clouds write UUIDs in lower case. */
const id = (what: string) =>
  v.pipe(
    text(what),
    v.transform((given) => (UUID.test(given) ? given.toLowerCase() : given)),
  );

const list = (
  what: string,
  example: string,
  description: string,
  item: ReturnType<typeof text | typeof id> = text(what),
) =>
  v.optional(
    v.pipe(
      v.array(item, `must be a list, such as [${example}]`),
      v.nonEmpty('must not be empty: leave it out'),
      v.description(description),
    ),
  );

const tagged = (description: string) =>
  v.optional(
    v.pipe(
      recordOf(text('a text, such as "daily"'), 'must name a metadata key and value: {"autosnap": "daily"}'),
      v.check(
        (tags) => Object.keys(tags).length > 0,
        'must name a metadata key and value: {"autosnap": "daily"}',
      ),
      v.metadata({ minProperties: 1 }),
      v.description(description),
    ),
  );

const selectors = (unknownIds: string) => ({
  ids: list('a server id', EXAMPLE_ID, `Servers by id. ${unknownIds}`, id('a server id')),
  names: list('a server name or pattern', 'web-*, db-1', 'Servers by name; * and ? are wildcards.'),
  tagged: tagged(
    'Servers by metadata: autosnap: daily is that value, or one of the parts of "daily,weekly". With several pairs a server must match all of them.',
  ),
});

/**
 * A server selector: the union of its keys, minus `except`. With several `tagged` pairs a server
 * must match all of them.
 */
export const servers = v.pipe(
  anyOf(
    strict({
      ...selectors('An id that does not exist is a failure.'),
      all: v.optional(field('All servers.', v.literal(true, 'must be true, or be left out'))),
      except: v.optional(
        field(
          'Servers to leave out: all that match any of these.',
          anyOf(
            strict(selectors('Doctor warns about an id that does not exist.')),
            ['ids', 'names', 'tagged'],
            'must select servers: ids, names or tagged',
          ),
        ),
      ),
    }),
    ['ids', 'names', 'tagged', 'all'],
    'must select servers: ids, names, tagged, or "all": true',
  ),
  v.forward(
    v.check(
      ({ all, ids, names, tagged }) => !all || (ids ?? names ?? tagged) === undefined,
      'selects every server regardless of ids, names and tagged: leave out either all or the other keys',
    ),
    ['all'],
  ),
);

const Keep = anyOf(
  strict({
    atLeast: v.optional(
      field('The minimum number of finished snapshots to keep, regardless of the rules.', count),
      1,
    ),
    last: v.optional(field('How many of the newest snapshots to keep.', count)),
    ...eachPeriod((_, plural) =>
      v.optional(field(`The newest snapshot of each of the latest N ${plural} that have one.`, count)),
    ),
    within: v.optional(
      field(
        'All snapshots within this time before the newest good snapshot. The time does not count from today.',
        duration,
      ),
    ),
  }),
  KEEP_RULES,
  `must have a rule: ${KEEP_RULES.slice(0, -1).join(', ')} or ${KEEP_RULES.at(-1)} (atLeast alone is only a minimum)`,
);

const BYTE_UNITS: Record<string, number> = { MB: 1e6, GB: 1e9, TB: 1e12 };
const bytesRemedy = withUnit('must be a number with its unit, MB, GB or TB, such as 500GB or 1.5TB', 'GB');

/**
 * "500GB" or "1.5TB" -> bytes. The unit is required, because a bare 500 would hardly mean bytes.
 */
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
    maxBytesPerMonth: v.optional(
      field('The maximum number of bytes to copy in a calendar month, such as 500GB.', bytes),
    ),
    to: v.optional(
      field(
        'Where the copies go: S3 by default, or Cloud Files at Rackspace.',
        v.picklist(['s3', 'cloud-files'], 'must be "s3" or "cloud-files", or be left out'),
      ),
    ),
    volumes: v.optional(
      field(
        'Set to backup to make Cinder backups of the volume snapshots, where the cloud has a backup service.',
        v.literal('backup', 'must be "backup", or be left out'),
      ),
    ),
    // Rackspace's export task accepts only these container names.
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
      'is for Cloud Files at Rackspace, but the copies do not go there: add to: cloud-files, or leave it out; the bucket in S3 is custom.copiesBucket',
    ),
    ['container'],
  ),
);

const wholeNumber = (min: number, max: number) => {
  const remedy = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(remedy), v.safeInteger(remedy), v.minValue(min, remedy), v.maxValue(max, remedy));
};

/** The maximum of `drill.hours`, the lifetime of a throw-away server. */
export const MOST_DRILL_HOURS = 24;

const answerCheck = anyOf(
  strict({
    port: v.optional(field('The TCP port that must answer.', wholeNumber(1, 65_535))),
    path: v.optional(
      v.pipe(
        v.string('must be a path, such as "/health"'),
        v.regex(/^\/[\x21-\x7e]{0,1000}$/, 'must be a path that starts with "/", such as "/health"'),
        v.description('The path of an HTTP request that must succeed.'),
      ),
    ),
  }),
  ['port', 'path'],
  'must have a port for TCP, such as {"port": 22}, or a path for HTTP: {"path": "/health"}',
);

const Drill = v.pipe(
  strict({
    schedule: field('When to start drills: cron(…) or rate(…).', schedule),
    atOnce: v.optional(
      field('The maximum number of throw-away servers at the same time.', wholeNumber(1, 20)),
      1,
    ),
    hours: v.optional(
      field('The maximum lifetime of a throw-away server, in hours.', wholeNumber(1, MOST_DRILL_HOURS)),
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
    check: v.optional(field('A check of the booted server, by TCP or HTTP.', answerCheck)),
    volumes: v.optional(
      field(
        'Whether the throw-away servers have new volumes from the snapshots of the data volumes; no by default.',
        v.boolean('must be true or false'),
      ),
      false,
    ),
  }),
  v.check(
    ({ check: asked, networks }) => asked === undefined || networks.length > 0,
    'has a check, which needs an address: list the networks of the throw-away servers in networks',
  ),
  v.forward(
    v.check(
      ({ securityGroups, networks }) => securityGroups.length === 0 || networks.length > 0,
      'are for servers on a network: list the networks of the throw-away servers in networks, or leave securityGroups out',
    ),
    ['securityGroups'],
  ),
);

/** An account: the last part of a secret's name. */
export const account = v.optional(
  v.pipe(
    quotable('must be the last part of a secret name, such as "rackspace"'),
    v.regex(/^[\w.+=@-]{1,64}$/, 'must be the last part of a secret name, such as "rackspace"'),
  ),
  'rackspace',
);
const accountsRemedy =
  'must be the last part of a secret name, such as "rackspace", a prefix such as "customer-*", or a list of these';

/**
 * An account, or a prefix of accounts. An event with a list of accounts is split into one event for
 * each; see accounts.ts.
 */
export const accounts = v.optional(
  v.pipe(
    quotable(accountsRemedy),
    v.regex(/^[\w.+=@-]{1,64}\*?$/, accountsRemedy),
    v.description(
      'The secret with the credentials: the last part of its name, or a prefix for several: customer-*.',
    ),
  ),
  'rackspace',
);
/** Plan only: the run changes nothing. */
export const dryRun = v.optional(v.boolean('must be true or false'), false);

/** The regions; by default all regions of the account. */
export const regions = list('a region', 'DFW, ORD', 'The regions; by default all regions of the account.');

/** The name of a policy. */
export const policyName = v.pipe(
  quotable('must be a name of a-z, 0-9 and -'),
  v.regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be 1 to 40 of a-z, 0-9 and -, and start with a letter or digit'),
  v.notValue(ADHOC, `"${ADHOC}" is reserved for ad-hoc snapshots: choose another name`),
);

const volumesRemedy =
  'must be "attached", "none", or the volumes to leave out, such as {"except": {"names": ["scratch-*"]}}';

/** Which of the attached volumes get a snapshot of their own. */
const volumes = v.union(
  [
    v.picklist(['attached', 'none']),
    strict({
      except: field(
        'Volumes to leave out: all that match any of these.',
        anyOf(
          strict({
            ids: list('a volume id', EXAMPLE_ID, 'Volumes by id.', id('a volume id')),
            names: list('a volume name or pattern', 'scratch-*', 'Volumes by name; * and ? are wildcards.'),
            tagged: tagged('Volumes by metadata, as for servers.'),
          }),
          ['ids', 'names', 'tagged'],
          'must name volumes: ids, names or tagged',
        ),
      ),
    }),
  ],
  volumesRemedy,
);

const common = {
  account: accounts,
  regions,
  servers,
  dryRun,
};

/** The fields of a policy, before its schedules are parsed. */
export const PolicyFields = strict({
  ...common,
  policy: policyName,
  schedule: field('When to take snapshots: cron(…) or rate(…), in EventBridge syntax.', schedule),
  cleanup: field('When to rotate: cron(…) or rate(…).', schedule),
  timezone: v.optional(
    field('The IANA time zone of all schedules, and of the days, weeks, months and years in keep.', timezone),
    'UTC',
  ),
  servers: field('Which servers: all that match any of these, minus except.', servers),
  keep: field('Which snapshots to keep: the union of these rules.', Keep),
  adopt: v.optional(
    field(
      'Adopts the images that the Python script of this name created.',
      v.literal('autosnap.py', 'must be "autosnap.py", or be left out'),
    ),
  ),
  orphans: v.optional(
    field(
      'Snapshots of servers that are gone.',
      strict({
        after: field('The time after the newest snapshot before the others may be deleted.', duration),
        keep: field('How many of the newest to keep.', count),
      }),
    ),
  ),
  maxDeletes: v.optional(
    field('The maximum number of snapshots of a server to delete in one run.', count),
    10,
  ),
  volumes: v.optional(
    field(
      'Which attached volumes get a snapshot with the image of their server: attached for all, none, or all except some.',
      volumes,
    ),
    'attached',
  ),
  localDisks: v.optional(
    field(
      'Set to accepted once you know that the local data disks of the servers are in no snapshot. Until then doctor, reports and the audit name the servers that have some.',
      v.literal('accepted', 'must be "accepted", or be left out'),
    ),
  ),
  offsite: v.optional(field('Copies of the newest good snapshots in S3 or Cloud Files.', Offsite)),
  drill: v.optional(
    field('Boots snapshots as throw-away servers, to verify that they can be restored.', Drill),
  ),
  objectives: v.optional(
    field(
      'How well the servers must be restorable. What misses an objective is a trouble, as a late server is.',
      anyOf(
        strict({
          point: v.optional(
            field('The recovery point: how old the newest good snapshot may be.', shortDuration),
          ),
          time: v.optional(
            field('The recovery time: how long a drill may take. Needs `drill`.', shortDuration),
          ),
        }),
        ['point', 'time'],
        'must have an objective: point, such as {"point": "30h"}, or time: {"time": "15m"}',
      ),
    ),
  ),
});

/** A policy with its schedules parsed in its time zone. */
const PolicyEvent = v.pipe(
  PolicyFields,
  v.forward(
    v.check(
      ({ objectives, drill }) => objectives?.time === undefined || drill !== undefined,
      'time is measured by drills: add drill, or leave time out',
    ),
    ['objectives'],
  ),
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
  // The id of the request, the same in all retries. A retry skips each server that has a snapshot
  // of the request, or had one that did not fail; no retry takes snapshots after a day; see
  // request-log.ts.
  request: v.optional(v.pipe(quotable(requestRemedy), v.regex(/^[A-Za-z0-9_-]{1,64}$/, requestRemedy))),
});

const until = v.pipe(
  v.string('must be a date such as "2027-01-01", or "forever"'),
  v.check(
    (text) => text === 'forever' || parseDate(text) !== undefined,
    'must be a date such as "2027-01-01" or "2027-01-01T08:00:00Z", or "forever"',
  ),
  v.check(
    (text) => !((parseEnd(text)?.getTime() ?? 0) >= YEAR_10000_MS),
    'must end before the year 10000: send "forever" for a hold without an end',
  ),
);

const HoldEvent = strict({
  hold: text('the id of an image'),
  until: v.optional(until, 'forever'),
  account,
  dryRun,
});
const ReleaseEvent = strict({ release: text('the id of an image'), account, dryRun });

/** The retention rules of a series; `within` in milliseconds. See retention.ts. */
export type Keep = v.InferOutput<typeof Keep>;
/**
 * A server selector: the union of its keys, minus `except`. In a manual run, `only` narrows the
 * selection. See selector.ts.
 */
export type Selector = v.InferOutput<typeof servers> & { only?: v.InferOutput<typeof servers> };
/** A policy of serverless.yml with its name; see event.ts for the events that name a policy. */
export type Policy = Omit<v.InferOutput<typeof PolicyEvent>, 'servers'> & { servers: Selector };
/** Offsite copies: schedule, target, retention and the maximum bytes a month. See offsite/. */
export type Offsite = NonNullable<Policy['offsite']>;
/** Restore drills: schedule, the throw-away servers and their limits. See drill/. */
export type Drill = NonNullable<Policy['drill']>;
/** A hold on an image, or the release of one; see hold.ts. */
export type Hold = v.InferOutput<typeof HoldEvent> | v.InferOutput<typeof ReleaseEvent>;
/** An ad-hoc snapshot; `expires` in milliseconds after its creation. */
export type Adhoc = v.InferOutput<typeof AdhocEvent>;

/**
 * Parses a complete policy, or `{"adhoc": true, "servers": …}`. Unknown keys are refused.
 *
 * @throws {ValidationError} that names every problem at once, each with its path and the remedy.
 */
export function parseEvent(event: unknown): Policy | Adhoc {
  return readEvent(event, isKeyOf('adhoc', event) ? AdhocEvent : PolicyEvent);
}

/**
 * Parses `{"hold": "<image id>", "until": …}` or `{"release": "<image id>"}`.
 *
 * @throws {ValidationError} like {@link parseEvent}.
 */
export function parseHold(event: unknown): Hold {
  const [holds, releases] = [isKeyOf('hold', event), isKeyOf('release', event)];
  if (typeof event === 'object' && event !== null && !Array.isArray(event) && holds === releases) {
    throw invalidEvent({
      text: `send ${holds ? 'only one of ' : ''}{"hold": "<image id>"} or {"release": "<image id>"}`,
    });
  }
  return readEvent(event, isKeyOf('release', event) ? ReleaseEvent : HoldEvent);
}

/** Whether an event has a key, with any value. */
export function isKeyOf(key: string, event: unknown): boolean {
  return typeof event === 'object' && event !== null && key in event;
}

/**
 * Validates an event with a schema.
 *
 * @throws {ValidationError} that names every problem at once.
 */
export function readEvent<S extends v.GenericSchema>(event: unknown, schema: S): v.InferOutput<S> {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw invalidEvent({ text: 'it must be a JSON object: see events/ for examples' });
  }
  const result = v.safeParse(schema, event);
  if (result.success) return result.output;
  throw invalidEvent(...problemsOf(result.issues, 'event', isPlainWord));
}

/**
 * {@link readEvent} for an optional event. `invoke local` passes an empty text if there is no
 * event.
 */
export function readOptionalEvent<S extends v.GenericSchema>(event: unknown, schema: S): v.InferOutput<S> {
  return readEvent(event === '' ? {} : (event ?? {}), schema);
}

/** {@link parseEvent} for callers that need a policy: ad-hoc events are refused. */
export function parsePolicy(event: unknown): Policy {
  const parsed = parseEvent(event);
  if (isAdhoc(parsed)) throw invalidEvent({ field: 'adhoc', text: 'an ad-hoc event is not a policy' });
  return parsed;
}

/** Whether an event requests an ad-hoc snapshot. */
export function isAdhoc(event: Policy | Adhoc): event is Adhoc {
  return 'adhoc' in event;
}

/** Whether a parsed event is a hold or a release. */
export function isHold(order: Policy | Adhoc | Hold): order is Hold {
  return 'hold' in order || 'release' in order;
}
