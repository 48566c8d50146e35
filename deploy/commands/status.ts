import type { ListedServer, Listing } from '../../lib/audit/listing.ts';
import { SERIES_STATES, type StateTraits } from '../../lib/audit/series-states.ts';
import type { AuditSummary } from '../../lib/audit/summary.ts';
import { durationText, minuteText } from '../../lib/reporting/sentences/format.ts';
import { type Command, EXIT } from './command.ts';
import { findingLines } from './findings.ts';
import { tableText } from './table.ts';
import type { Terminal } from './terminal.ts';

/** `npx autosnap status`: how well each server is protected now. */
export const status: Command = {
  summary: 'Shows how well each server is protected now. Changes and sends nothing.',
  example: 'npx autosnap status --stage prod',
  options: {},
  needs: 'functions',
  isLocalToo: true,
  async run(_, { invoke, terminal, isJson }) {
    const found = await invoke<AuditSummary & Listing>(
      'audit',
      { list: 'servers' },
      'All servers and snapshots are listed',
    );
    terminal.print(isJson ? JSON.stringify(found, null, 2) : statusText(found, terminal));
    return found.isGood && found.failures.length === 0 ? EXIT.good : EXIT.trouble;
  },
};

const COLORS: Record<StateTraits['color'], 'red' | 'yellow' | 'green' | 'dim'> = {
  never: 'red',
  late: 'yellow',
  good: 'green',
  soft: 'dim',
};

/** The sentence of an audit, a row for each server, and a line for each other problem. */
export function statusText(
  found: AuditSummary & Listing,
  terminal: Pick<Terminal, 'columns' | 'style'>,
): string {
  const {
    sentence,
    recovery,
    at,
    servers = [],
    omittedItems = 0,
    policies,
    dropped,
    warnings,
    failures,
  } = found;
  const hasSeveral = new Set(servers.map(({ account }) => account)).size > 1;
  const head = [
    'server',
    'state',
    'newest good',
    'age',
    'next run',
    'proven',
    'volumes',
    'restorable',
    'region',
    'account',
  ];
  const rows = servers.map((server) => rowOf(server, { at, hasSeveral, ...terminal }));
  const problems = policies.flatMap((one) => one.problems.map((text) => `${one.policy}: ${text}`));
  return [
    `${sentence}.`,
    ...(recovery ? [`${recovery}.`] : []),
    ...(rows.length > 0 ? ['', tableText(head, rows, terminal), 'Times are in UTC.'] : []),
    ...(omittedItems > 0 ? [`… and ${omittedItems} more servers: see the report page.`] : []),
    ...findingLines([...problems, ...dropped, ...failures, ...warnings], terminal),
  ].join('\n');
}

function rowOf(
  one: ListedServer,
  { at, hasSeveral, style }: { at: string; hasSeveral: boolean } & Pick<Terminal, 'style'>,
): string[] {
  const { newestGood, ageSeconds, nextRun, proven, volumes, lateVolumes, state } = one;
  return [
    nameOf(one),
    style(
      state === 'uncovered' ? 'dim' : COLORS[SERIES_STATES[state].color],
      state === 'protected' ? 'protected' : `${one.standing}`,
    ),
    newestGood ? dayAndTime(newestGood) : '-',
    ageSeconds === undefined ? '-' : durationText(ageSeconds * 1000),
    nextRun ? dayAndTime(nextRun) : '-',
    proven ? `${durationText(Date.parse(at) - Date.parse(proven))} ago` : '-',
    volumes === 0 ? '-' : `${volumes}${lateVolumes > 0 ? `, ${lateVolumes} late` : ''}`,
    `${one.restorable}`,
    one.region,
    hasSeveral ? one.account : '',
  ];
}

/** "web-2, was web-1" for a server that is gone and was renamed before. */
function nameOf({ name, server, formerNames = [] }: ListedServer): string {
  return `${name || server}${formerNames.length > 0 ? `, was ${formerNames.join(', ')}` : ''}`;
}

/** "11-23 00:00", in UTC: the years would take the room of other columns. */
function dayAndTime(iso: string): string {
  return minuteText(iso).slice('2026-'.length);
}
