import type { ListedSnapshot, Listing } from '../../lib/audit/listing.ts';
import { durationText } from '../../lib/reporting/sentences/format.ts';
import { takenTexts } from '../../lib/reporting/sentences/taken.ts';
import { originalName } from '../../lib/restore/marks.ts';
import { type Context, EXIT, textOf, UsageError, type Values } from './command.ts';
import { tableText } from './table.ts';

const SHORT_ID = 8;

/** Shows the good snapshots of a server or of a volume, from which it can be restored. */
export async function listRestorable(values: Values, context: Context): Promise<number> {
  const { invoke, terminal, isJson } = context;
  const [server, volume] = [textOf(values, 'server'), textOf(values, 'volume')];
  if (server === undefined && volume === undefined) {
    throw new UsageError('Name whose snapshots to list: --server or --volume');
  }
  const event = { list: 'snapshots', ...(server === undefined ? {} : { of: server }) };
  const { snapshots = [] } = await invoke<Listing>(
    'audit',
    event,
    `The snapshots of ${server ?? volume} are listed`,
  );
  const good = snapshots.filter(({ kind }) => kind === 'good');
  const wanted = volume === undefined ? good.filter((one) => !one.volume) : ofVolume(good, volume);
  if (isJson) terminal.print(JSON.stringify(wanted, null, 2));
  else if (wanted.length > 0) terminal.print(restorableText(wanted, good, terminal));
  else terminal.note(`There is no good snapshot of ${server ?? volume}.`);
  return wanted.length > 0 ? EXIT.good : EXIT.trouble;
}

/**
 * The snapshots of a volume, and of those of its server that a restore has replaced: these have
 * other ids, and the same name as before.
 */
function ofVolume(good: readonly ListedSnapshot[], wanted: string): ListedSnapshot[] {
  const nameIn = ({ volume }: ListedSnapshot) => originalName(volume?.name ?? '');
  const keyOf = (one: ListedSnapshot) => [one.account, one.region, one.server, nameIn(one)].join(' ');
  const ofVolumes = good.filter(({ volume }) => volume !== undefined);
  const named = ofVolumes.filter((one) => one.volume?.id === wanted || nameIn(one) === wanted);
  const keys = new Set(named.map(keyOf));
  return ofVolumes.filter((one) => keys.has(keyOf(one)));
}

function restorableText(
  wanted: readonly ListedSnapshot[],
  good: readonly ListedSnapshot[],
  terminal: Pick<Context['terminal'], 'columns' | 'style'>,
): string {
  const setOf = ({ server, region, policy, slot }: ListedSnapshot) =>
    [server, region, policy, slot].join(' ');
  const volumesOf = Map.groupBy(
    good.filter(({ volume }) => volume !== undefined),
    setOf,
  );
  const takenOf = takenTexts(wanted);
  const headingOf = ({ name, server, region, volume }: ListedSnapshot) =>
    `${name || server}${volume ? `, volume ${originalName(volume.name)}` : ''} in ${region} (${server})`;
  const tables = [...Map.groupBy(wanted, headingOf)].map(([heading, its]) => {
    const rows = its
      .toSorted((a, b) => (a.slot < b.slot ? 1 : -1))
      .map((one) => {
        const volumes = one.volume ? 0 : (volumesOf.get(setOf(one))?.length ?? 0);
        return [
          takenOf(one),
          `${durationText(Date.now() - Date.parse(one.slot))} ago`,
          one.image.slice(0, SHORT_ID),
          one.policy,
          volumes > 0 ? `${volumes}` : '',
          `${one.state}`,
        ];
      });
    const head = ['taken', 'age', 'id', 'policy', 'volumes', 'state'];
    return [terminal.style('bold', heading), tableText(head, rows, terminal)].join('\n');
  });
  return [...tables, 'Times are in UTC. Restore to one of them with --at, the time or the id.'].join('\n\n');
}
