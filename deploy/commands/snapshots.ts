import type { ListedSnapshot, Listing } from '../../lib/audit/listing.ts';
import type { AuditSummary } from '../../lib/audit/summary.ts';
import { sizeText } from '../../lib/reporting/sentences/format.ts';
import { takenTexts } from '../../lib/reporting/sentences/taken.ts';
import { type Command, EXIT, SERVER, textOf } from './command.ts';
import { findingLines } from './findings.ts';
import { tableText } from './table.ts';
import type { Terminal } from './terminal.ts';

/** As many characters of an id as tell it apart in practice; hold and release accept them. */
const SHORT_ID = 8;

/** `npx autosnap snapshots`: the snapshots of a server, why each stays, and until when. */
export const snapshots: Command = {
  summary: 'Shows the snapshots of a server: why each one stays, and until when. Changes nothing.',
  example: 'npx autosnap snapshots --stage prod --server web-1',
  options: { server: { ...SERVER, isRequired: true } },
  needs: 'functions',
  isLocalToo: true,
  async run(values, { invoke, terminal, isJson }) {
    const of = textOf(values, 'server')!;
    const found = await invoke<AuditSummary & Listing>(
      'audit',
      { list: 'snapshots', of },
      `The snapshots of ${of} are listed`,
    );
    const { snapshots: listed = [], failures } = found;
    if (isJson) terminal.print(JSON.stringify(listed, null, 2));
    else if (listed.length > 0) terminal.print(snapshotsText(found, terminal));
    else terminal.note(`There is no snapshot of ${of}.`);
    return listed.length > 0 && failures.length === 0 ? EXIT.good : EXIT.trouble;
  },
};

/** A table for each series: a heading, and a line for each snapshot, newest first. */
export function snapshotsText(
  {
    snapshots: listed = [],
    omittedItems = 0,
    unlisted,
    failures,
  }: Pick<AuditSummary, 'unlisted' | 'failures'> & Listing,
  terminal: Pick<Terminal, 'columns' | 'style'>,
): string {
  const takenOf = takenTexts(listed);
  const series = Map.groupBy(listed, headingOf);
  const tables = [...series].map(([heading, its]) =>
    [
      terminal.style('bold', heading),
      tableText(
        ['taken', 'id', 'size', 'state', 'stays until', 'why'],
        its.map((one) => [
          takenOf(one),
          one.image.slice(0, SHORT_ID),
          one.sizeBytes === undefined ? '-' : sizeText(one.sizeBytes),
          `${one.state}`,
          `${one.until}`,
          `${one.why}`,
        ]),
        terminal,
      ),
    ].join('\n'),
  );
  const places = unlisted.map(({ account, region }) => `${region ?? account} can't be read`);
  return [
    tables.join('\n\n'),
    '',
    'Times are in UTC. No cleanup deletes a snapshot earlier, unless its policy, a hold or its server changes.',
    ...(omittedItems > 0 ? [`… and ${omittedItems} more: name one server.`] : []),
    ...findingLines([...places, ...failures], terminal),
  ].join('\n');
}

function headingOf({ name, server, region, volume, policy }: ListedSnapshot): string {
  return `${name || server}${volume ? `, volume ${volume.name}` : ''} in ${region}, ${policy}`;
}
