import * as v from 'valibot';
import { commonFields } from './common-fields.ts';
import { duration } from './field-values.ts';
import { quotable, strict } from './schema.ts';

/** The policy name in the marker of ad-hoc snapshots. */
export const ADHOC = 'adhoc';

const requestRemedy = 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -, or be left out';

/** An event that requests ad-hoc snapshots. */
export const AdhocEvent = strict({
  ...commonFields,
  adhoc: v.literal(true, 'must be true'),
  expires: v.optional(duration),
  // The id of the request, the same in all retries. A retry skips each server that has a snapshot
  // of the request, or had one that did not fail; no retry takes snapshots after a day; see
  // request-log.ts.
  request: v.optional(v.pipe(quotable(requestRemedy), v.regex(/^[A-Za-z0-9_-]{1,64}$/, requestRemedy))),
});

/** An ad-hoc snapshot; `expires` in milliseconds after its creation. */
export type Adhoc = v.InferOutput<typeof AdhocEvent>;

/** Whether an event requests an ad-hoc snapshot. */
export function isAdhoc(event: object): event is Adhoc {
  return 'adhoc' in event;
}
