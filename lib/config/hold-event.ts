import * as v from 'valibot';
import { account, dryRun } from './common-fields.ts';
import { parseDate, parseEnd } from './dates.ts';
import { text } from './field-values.ts';
import { isKeyOf, readEvent } from './read-event.ts';
import { strict } from './schema.ts';
import { invalidEvent } from './validation-error.ts';

/** The first moment that `YYYY-MM-DD` can't express. */
const YEAR_10000_MS = Date.UTC(10_000, 0);

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

/** A hold on an image, or the release of one; see hold.ts. */
export type Hold = v.InferOutput<typeof HoldEvent> | v.InferOutput<typeof ReleaseEvent>;

/**
 * Parses `{"hold": "<image id>", "until": …}` or `{"release": "<image id>"}`.
 *
 * @throws {ValidationError} that names every problem at once, each with its path and the remedy.
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

/** Whether a parsed event is a hold or a release. */
export function isHold(order: object): order is Hold {
  return 'hold' in order || 'release' in order;
}
