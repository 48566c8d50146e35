import * as v from 'valibot';
import { printableIn } from '../openstack/printable.ts';
import type { ReasonCode } from '../reporting/reasons.ts';
import { STANDINGS, standingText } from '../reporting/sentences/page.ts';
import { restorableText, worstRecoveryText } from '../reporting/sentences/recovery.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { matchesCriteria } from '../snapshots/selector.ts';
import { digest } from './digest.ts';
import { worstSeriesOfServers } from './headline.ts';
import type { Audit, AuditedSeries, AuditedSnapshot, SeriesState } from './model.ts';
import { namingOf } from './naming.ts';
import { reportPage } from './page.ts';
import { type Recovery, recoveries, recoveryOf, worstRecoveries } from './recovery.ts';
import { isExpected, SERIES_STATES, worstFirst } from './series-states.ts';
import { seriesOfServers, serverKey, sharedOf } from './server-sets.ts';
import { type SnapshotTexts, snapshotTexts } from './snapshot-texts.ts';

/** What an audit can list besides its summary. */
export const List = v.picklist(['servers', 'snapshots', 'page'], 'must be "servers", "snapshots" or "page"');

/**
 * A request for a list: of all servers, the report page, or of the snapshots that `of` selects; by
 * default all.
 */
export interface ListRequest {
  list: v.InferOutput<typeof List>;
  /**
   * The name of servers, with `*` for any characters, or the beginning of the id of a server or an
   * image.
   */
  of?: string | undefined;
}

/**
 * The size of a list as JSON, in bytes, that an answer of Lambda has room for beside the summary;
 * answers have at most 6 MB.
 */
const LARGEST_BYTES = 4_000_000;

/**
 * A server with snapshots, or one that should have some. Times are ISO, in UTC. A server is as
 * protected as the worst of its series.
 */
export interface ListedServer extends Recovery {
  account: string;
  region: string;
  server: string;
  /** Empty if it is not known. */
  name: string;
  /** Its earlier names, if the server is gone; absent without any. */
  formerNames?: string[];
  /** `uncovered`: no policy selects the server, and it has no snapshots of one. */
  state: SeriesState | 'uncovered';
  /** The state in words, such as how late the server is. */
  standing: Sentence;
  policies: string[];
  /** What it can be restored to, and in which time, in words. */
  restorable: Sentence;
  nextRun?: string;
  /** When a snapshot last passed a drill. */
  proven?: string;
  /** The number of its volumes that have snapshots of their own. */
  volumes: number;
  /** The number of these volumes whose snapshots are late or missing. */
  lateVolumes: number;
  /** The number of its good snapshots, those of its volumes included. */
  good: number;
  /** The size of all its snapshots, those of its volumes included. */
  bytes: number;
}

/** A snapshot of a server or of one of its volumes. Times are ISO, in UTC. */
export interface ListedSnapshot
  extends Pick<AuditedSeries, 'account' | 'region' | 'server' | 'name' | 'policy' | 'volume'>,
    Pick<AuditedSnapshot, 'image' | 'slot' | 'madeAt' | 'status' | 'sizeBytes' | 'action' | 'expiresAt'>,
    SnapshotTexts {
  /** Whether the snapshot is good, pending, stuck, failed or of an unknown status. */
  kind: AuditedSnapshot['state'];
  codes: ReasonCode[];
}

/** The lists of an audit. */
export interface Listing {
  /** Whether nothing is wrong, by the same rule as a digest `on-trouble`. */
  isGood?: boolean;
  servers?: ListedServer[];
  /** The worst point and the longest time of all servers, in words. */
  recovery?: Sentence;
  snapshots?: ListedSnapshot[];
  /** The report page. Without a bucket, as on this machine, nothing else has it. */
  page?: string;
  /** How many items the list lacks, because the answer would be too long. */
  omittedItems?: number;
}

/** Lists what an audit has found, the servers in trouble first. */
export function listingOf(audit: Audit, { list, of }: ListRequest, stage: string): Listing {
  if (list === 'page') return { page: reportPage(audit, stage) };
  if (list === 'servers') {
    const { items, omitted } = fitting([...serversOf(audit), ...uncoveredServers(audit)]);
    const worst = worstRecoveries(recoveries(audit.series, audit.at));
    return {
      isGood: digest(audit, [], undefined).good,
      recovery: worstRecoveryText(worst, namingOf(audit).suffixOf),
      servers: items,
      ...omitted,
    };
  }
  const { items, omitted } = fitting(snapshotsOf(audit, of));
  return { snapshots: items, ...omitted };
}

function serversOf({ series, at }: Audit): ListedServer[] {
  // The state that the sentence counts.
  const worstOf = new Map(worstSeriesOfServers({ series }).map((one) => [serverKey(one), one]));
  return seriesOfServers(series)
    .map((its) => {
      const [worst] = its.toSorted(worstFirst) as [AuditedSeries];
      return { its, worst: worstOf.get(serverKey(worst)) ?? worst };
    })
    .sort((a, b) => Number(isExpected(b.worst)) - Number(isExpected(a.worst)) || worstFirst(a.worst, b.worst))
    .map((server) => listedServer(server, at));
}

/** The servers that no policy selects, without those that still have snapshots of one. */
function uncoveredServers({ uncovered, series }: Audit): ListedServer[] {
  const known = new Set(series.map(serverKey));
  return uncovered
    .filter((one) => !known.has(serverKey(one)))
    .map(({ account, region, server, name }) =>
      printableIn({
        ...{ account, region, server, name },
        state: 'uncovered' as const,
        standing: STANDINGS.uncovered(),
        policies: [],
        restorable: restorableText({}, ''),
        volumes: 0,
        lateVolumes: 0,
        good: 0,
        bytes: 0,
      }),
    );
}

/**
 * @param all the series of a server.
 * @param worst the one that decides its state.
 */
function listedServer(
  { its: all, worst }: { its: readonly AuditedSeries[]; worst: AuditedSeries },
  at: string,
): ListedServer {
  const expected = all.filter(isExpected);
  const its = expected.length > 0 ? expected : all;
  const parts = [...Map.groupBy(its, ({ volume }) => volume?.id).values()];
  const recovery = recoveryOf(all, at);
  const nextRun = its.flatMap((one) => one.nextRun ?? []).sort()[0];
  const proven = newestOf(its.flatMap(({ proof }) => proof?.proven ?? []));
  const volumes = parts.filter(([first]) => first?.volume !== undefined);
  const { account, region, server, state } = worst;
  const formerNames = [...new Set(all.flatMap((one) => one.formerNames ?? []))];
  return printableIn({
    account,
    region,
    server,
    name: all.find(({ name }) => name)?.name ?? '',
    ...(formerNames.length > 0 ? { formerNames } : {}),
    state,
    standing: standingText(worst, SERIES_STATES[state].label),
    policies: [...new Set(its.map(({ policy }) => policy))].sort(),
    ...recovery,
    restorable: restorableText(recovery, at),
    ...(nextRun ? { nextRun } : {}),
    ...(proven ? { proven } : {}),
    volumes: volumes.length,
    lateVolumes: volumes.filter((part) => part.some((one) => isLate(one.state))).length,
    good: sumOf(all.map((one) => one.good)),
    bytes: sumOf(all.map((one) => one.bytes)),
  });
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0);
}

function isLate(state: SeriesState): boolean {
  return state === 'late' || state === 'never';
}

function newestOf(times: readonly string[]): string | undefined {
  return times.toSorted().at(-1);
}

/** The snapshots that `of` selects: by server and volume, newest first. */
function snapshotsOf(audit: Audit, of: string | undefined): ListedSnapshot[] {
  const textsOf = snapshotTexts(audit);
  const ofServer = Map.groupBy(audit.series, serverKey);
  // The snapshots of a volume do not know the name of a server that is gone.
  const namesOf = (series: AuditedSeries) =>
    [series, ...(ofServer.get(serverKey(series)) ?? [])].flatMap(({ name, formerNames = [] }) => [
      name,
      ...formerNames,
    ]);
  const isServer = (series: AuditedSeries) =>
    of === undefined || namesOf(series).some((name) => isNamed({ id: series.server, name }, of));
  return audit.series.flatMap((first) => {
    const series = [first, ...sharedOf(first)].find(isServer) ?? first;
    const { account, region, server, name, policy, volume } = series;
    return series.snapshots
      .filter(({ image }) => isServer(series) || (of !== undefined && image.startsWith(of)))
      .map((snapshot): ListedSnapshot => {
        const { image, slot, madeAt, status, sizeBytes, action, expiresAt, state: kind, reasons } = snapshot;
        return printableIn({
          account,
          region,
          server,
          name,
          policy,
          ...(volume ? { volume } : {}),
          image,
          slot,
          madeAt,
          status,
          kind,
          ...(sizeBytes === undefined ? {} : { sizeBytes }),
          action,
          ...(expiresAt ? { expiresAt } : {}),
          codes: reasons.map(({ code }) => code),
          ...textsOf(series, snapshot),
        });
      });
  });
}

function isNamed({ id, name }: { id: string; name: string }, of: string): boolean {
  return id.startsWith(of) || matchesCriteria({ id, name, metadata: {} }, { names: [of] });
}

/** The first items that fit into an answer. */
function fitting<T>(all: readonly T[]): { items: T[]; omitted: Pick<Listing, 'omittedItems'> } {
  const items: T[] = [];
  let bytes = 0;
  for (const item of all) {
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
    if (bytes > LARGEST_BYTES) break;
    items.push(item);
  }
  const omittedItems = all.length - items.length;
  return { items, omitted: omittedItems > 0 ? { omittedItems } : {} };
}
