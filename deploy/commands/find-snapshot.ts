import type { ListedSnapshot, Listing } from '../../lib/audit/listing.ts';
import { minuteText } from '../../lib/reporting/sentences/format.ts';
import { takenTexts } from '../../lib/reporting/sentences/taken.ts';
import { type Context, type Option, SERVER, textOf, UsageError, type Values } from './command.ts';

const WHOLE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** How many snapshots a refusal lists. */
const MOST_NAMED = 10;

/** The options that name one snapshot: by server and time, or by its id. */
export const SNAPSHOT: Record<string, Option> = {
  server: SERVER,
  at: {
    type: 'string',
    value: '<time>',
    help: 'when it was taken, or the beginning of that: 2026-11-23, "2026-11-23 04:00"',
  },
  image: { type: 'string', value: '<id>', help: 'its id, or as much of it as no other snapshot begins with' },
};

/** The snapshot that the options mean: its image, and the account if that is known. */
export interface FoundSnapshot {
  image: string;
  account?: string;
}

/**
 * Finds the snapshot that the options of {@link SNAPSHOT} mean. A whole id is not looked up.
 *
 * @throws {UsageError} if they mean several, with these; Error if they mean none.
 */
export async function findSnapshot(
  values: Values,
  { invoke }: Pick<Context, 'invoke'>,
): Promise<FoundSnapshot> {
  const [server, at, image] = ['server', 'at', 'image'].map((name) => textOf(values, name));
  if (image !== undefined && WHOLE_ID.test(image)) return { image };
  if (server === undefined && image === undefined) {
    throw new UsageError('Name the snapshot: --server and --at, or --image');
  }
  const event = { list: 'snapshots', of: server ?? image };
  const { snapshots = [] } = await invoke<Listing>('audit', event, 'The snapshot is looked up');
  return onlyOne(snapshots, { at, image });
}

/**
 * The only one of the snapshots that fits.
 *
 * @throws {UsageError} if several fit, with these; Error if none does.
 */
export function onlyOne(
  snapshots: readonly ListedSnapshot[],
  { at, image = '' }: { at?: string | undefined; image?: string | undefined },
): FoundSnapshot {
  const time = at === undefined ? '' : minuteText(at);
  // A hold on an image holds the snapshots of its volumes, too, so a time means the image.
  const fitting = snapshots.filter(
    (one) =>
      (image !== '' || !one.volume) && minuteText(one.slot).startsWith(time) && one.image.startsWith(image),
  );
  const [first, ...others] = fitting;
  if (!first) {
    throw new Error('No snapshot fits. To see those of a server: npx autosnap snapshots --server <name>');
  }
  if (others.length === 0) return { image: first.image, account: first.account };
  const takenOf = takenTexts(fitting);
  const named = fitting.slice(0, MOST_NAMED).map((one) => lineOf(one, takenOf(one)));
  const more = fitting.length - named.length;
  throw new UsageError(
    `${fitting.length} snapshots fit: give --at or --image, so that one does:\n${named.join('\n')}${more > 0 ? `\n  … and ${more} more` : ''}`,
  );
}

function lineOf({ name, server, volume, region, policy, image }: ListedSnapshot, taken: string): string {
  return `  ${taken}  ${image}  ${name || server}${volume ? `, volume ${volume.name}` : ''} in ${region}, ${policy}`;
}
