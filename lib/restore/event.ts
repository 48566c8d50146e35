import * as v from 'valibot';
import { account, dryRun } from '../config/common-fields.ts';
import { parseDate } from '../config/dates.ts';
import { text } from '../config/field-values.ts';
import { isKeyOf, readEvent } from '../config/read-event.ts';
import { quotable, recordOf, strict, UUID } from '../config/schema.ts';
import type { RestoreKey } from './restore-record.ts';

const AT =
  'must be "latest", a date such as "2026-11-23" or "2026-11-23T08:00:00Z", or the id of an image, a volume snapshot or a backup';

const id = (of: string) =>
  v.pipe(v.string(`must be the id of ${of}`), v.regex(UUID, `must be the id of ${of}`));

const requestId = v.pipe(
  v.string('must be the "request" of an earlier report'),
  v.regex(/^[\w-]{1,64}$/, 'must be the "request" of an earlier report, or be left out'),
);

const common = {
  at: v.optional(
    v.pipe(
      v.string(AT),
      v.check((at) => at === 'latest' || parseDate(at) !== undefined || UUID.test(at), AT),
    ),
    'latest',
  ),
  account,
  region: v.optional(text('a region')),
  policy: v.optional(text('the name of a policy')),
  request: v.optional(requestId),
  dryRun,
};
const ofServer = {
  server: text('the name or the id of a server'),
  ...common,
  restored: v.optional(id('a server')),
};
const volumes = v.optional(v.literal('none', 'must be "none", or be left out to restore the volumes'));
const made = v.optional(v.array(id('a volume'), 'must be a list of the ids of volumes'));

const only = (to: string, why: string) => v.optional(v.never(`is for "to": "${to}" only: ${why}`));
const keeps = only('new', 'a rebuild keeps what the server has');
const metadata = recordOf(quotable('must be a text'), 'must be texts: {"autosnap": "daily"}');

const NewEvent = strict({
  ...ofServer,
  to: v.literal('new', 'must be "new" or "in-place"'),
  volumes,
  made,
  name: v.optional(text('a name for the new server')),
  flavor: v.optional(text('the id or the name of a flavor')),
  networks: v.optional(
    v.array(text('the id of a network'), 'must be a list of network ids, an empty one for none'),
  ),
  keyName: v.optional(v.nullable(text('the name of a key pair, or null for none'))),
  securityGroups: v.optional(
    v.array(text('the name of a security group'), 'must be a list of security groups'),
  ),
  metadata: v.optional(metadata),
  asked: v.optional(v.boolean('must be true or false'), false),
  confirm: only('in-place', 'a new server replaces nothing'),
  safetySnapshots: only('in-place', 'a new server replaces nothing'),
});

const InPlaceEvent = strict({
  ...ofServer,
  to: v.literal('in-place'),
  confirm: v.optional(quotable('must be the name of the server')),
  safetySnapshots: v.optional(
    v.array(id('a safety snapshot'), 'must be a list of the ids of safety snapshots'),
  ),
  volumes,
  made,
  asked: only('new', 'the metadata of a rebuilt server name the request'),
  name: keeps,
  flavor: keeps,
  networks: keeps,
  keyName: keeps,
  securityGroups: keeps,
  metadata: keeps,
});

const VolumeEvent = strict({
  ...common,
  to: v.optional(v.literal('volume', 'must be left out for a volume'), 'volume'),
  volume: text('the name or the id of a volume'),
  made,
});

/**
 * Restores a snapshot as a new server. The fields of the event override those of the original
 * server. `restored`, `made`, `safetySnapshots` and `asked` come from `next` in an earlier report:
 * the id of the server that was made, the ids of the volumes that were made, the ids of the safety
 * snapshots that were taken, and whether a server was requested without an answer.
 */
export type NewServerEvent = v.InferOutput<typeof NewEvent>;
/** Restores a snapshot onto the server that it was made from. */
export type RebuildEvent = v.InferOutput<typeof InPlaceEvent>;
/** Restores a server: as a new one, or in place. */
export type ServerRestoreEvent = NewServerEvent | RebuildEvent;
/** Makes a volume from one of its snapshots, and attaches it to no server. */
export type VolumeRestoreEvent = v.InferOutput<typeof VolumeEvent>;
/** An event of the function `restore`. */
export type RestoreEvent = ServerRestoreEvent | VolumeRestoreEvent;

/**
 * Reads
 * `{"server": "web-1", "to": "new" | "in-place", "at": "latest" | "<date>" | "<image id>", …}`,
 * `{"volume": "db-data", "at": …}`, or the `next` of an earlier report.
 *
 * @throws {ValidationError} that names every problem at once, each with its path and the remedy.
 */
export function parseRestore(event: unknown): RestoreEvent {
  if (isKeyOf('volume', event)) return readEvent(event, VolumeEvent);
  const inPlace = isKeyOf('to', event) && (event as { to: unknown }).to === 'in-place';
  return readEvent(event, inPlace ? InPlaceEvent : NewEvent);
}

const WatchEvent = strict({ watch: requestId, account });

/**
 * Reads `{"watch": "<request>"}`: a request for the record of a restore.
 *
 * @throws {ValidationError} that names every problem at once, each with its path and the remedy.
 */
export function parseWatch(event: unknown): RestoreKey {
  const { watch, account } = readEvent(event, WatchEvent);
  return { account, request: watch };
}
