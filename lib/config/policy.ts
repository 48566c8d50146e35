import * as v from 'valibot';
import { ADHOC, type Adhoc, AdhocEvent, isAdhoc } from './adhoc-event.ts';
import { commonFields } from './common-fields.ts';
import { DrillField } from './drill-field.ts';
import { count, duration, schedule, shortDuration, timezone } from './field-values.ts';
import { KeepField } from './keep-field.ts';
import { OffsiteField } from './offsite-field.ts';
import { isKeyOf, readEvent } from './read-event.ts';
import { parseSchedule } from './schedule.ts';
import { anyOf, field, quotable, strict } from './schema.ts';
import { servers, volumes } from './selector-fields.ts';
import { invalidEvent } from './validation-error.ts';

/** The name of a policy. */
export const policyName = v.pipe(
  quotable('must be a name of a-z, 0-9 and -'),
  v.regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be 1 to 40 of a-z, 0-9 and -, and start with a letter or digit'),
  v.notValue(ADHOC, `"${ADHOC}" is reserved for ad-hoc snapshots: choose another name`),
);

/** The fields of a policy, before its schedules are parsed. */
export const PolicyFields = strict({
  ...commonFields,
  policy: policyName,
  schedule: field('When to take snapshots: cron(…) or rate(…), in EventBridge syntax.', schedule),
  cleanup: field('When to rotate: cron(…) or rate(…).', schedule),
  timezone: v.optional(
    field('The IANA time zone of all schedules, and of the days, weeks, months and years in keep.', timezone),
    'UTC',
  ),
  servers: field('Which servers: all that match any of these, minus except.', servers),
  keep: field('Which snapshots to keep: the union of these rules.', KeepField),
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
  offsite: v.optional(field('Copies of the newest good snapshots in S3 or Cloud Files.', OffsiteField)),
  drill: v.optional(
    field('Boots snapshots as throw-away servers, to verify that they can be restored.', DrillField),
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

/** The retention rules of a series; `within` in milliseconds. See retention.ts. */
export type Keep = v.InferOutput<typeof KeepField>;
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

/**
 * Parses a complete policy, or `{"adhoc": true, "servers": …}`. Unknown keys are refused.
 *
 * @throws {ValidationError} that names every problem at once, each with its path and the remedy.
 */
export function parseEvent(event: unknown): Policy | Adhoc {
  return readEvent(event, isKeyOf('adhoc', event) ? AdhocEvent : PolicyEvent);
}

/** {@link parseEvent} for callers that need a policy: ad-hoc events are refused. */
export function parsePolicy(event: unknown): Policy {
  const parsed = parseEvent(event);
  if (isAdhoc(parsed)) throw invalidEvent({ field: 'adhoc', text: 'an ad-hoc event is not a policy' });
  return parsed;
}
