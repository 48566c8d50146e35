import * as v from 'valibot';
import { count, duration } from './field-values.ts';
import { eachPeriod, KEEP_RULES } from './keep-rules.ts';
import { anyOf, field, strict } from './schema.ts';

/** The field `keep`: the retention rules of a series. */
export const KeepField = anyOf(
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
