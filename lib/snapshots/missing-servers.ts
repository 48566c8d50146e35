import type { Policy } from '../config/policy.ts';
import { type Entry, NOWHERE } from '../reporting/report.ts';
import { reasonOf } from '../reporting/sentences.ts';
import { serverNameIn } from './marker.ts';
import type { UncertainServer } from './region-inventory.ts';
import { maySelect, type Selection } from './selector.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * The failed entries of servers that the policy may select, and whose existence is unknown, for
 * example because their Nova cell is down. The policy names these servers, or they have recent
 * snapshots.
 */
export function unknownServers(
  unsure: readonly UncertainServer[],
  recent: readonly Snapshot[],
  selector: Policy['servers'],
): Entry[] {
  return [...Map.groupBy(unsure, ({ id }) => id)].flatMap(([id, all]): Entry[] => {
    const snapshot = recent.find(({ server }) => server === id);
    const { region, problem } = all.find((one) => one.region === snapshot?.region) ?? all[0]!;
    const name = snapshot && serverNameIn(snapshot);
    const isNamed = (selector.only ?? selector).ids?.includes(id);
    if (!(snapshot || isNamed) || !maySelect(id, name, selector)) return [];
    const reason = reasonOf({ code: 'SERVER_UNKNOWN', server: id, problem });
    return [{ server: id, name: name ?? id, region, outcome: 'failed', ...reason }];
  });
}

/** The failed entries of servers that do not exist. Their snapshots know their last names. */
export function missingEntries(
  missingIds: Selection['missingIds'],
  snapshots: readonly Snapshot[],
  code: 'ID_UNREADABLE' | 'SERVER_GONE_BY_NOW' | 'ID_NOT_IN_POLICY' | 'ID_UNKNOWN',
): Entry[] {
  const nameOf = (id: string) => {
    const its = snapshots.filter(({ server }) => server === id);
    const newest = its.toSorted((a, b) => b.slot.getTime() - a.slot.getTime())[0];
    return newest ? serverNameIn(newest) : id;
  };
  return missingIds.map((server) => ({
    server,
    name: nameOf(server),
    region: NOWHERE,
    outcome: 'failed',
    ...reasonOf({ code }),
  }));
}
