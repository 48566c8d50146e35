import { snapshotText, untilText } from '../reporting/sentences/page.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { sentencesOf } from '../reporting/sentences.ts';
import type { Audit, AuditedSeries, AuditedSnapshot } from './model.ts';
import { symbolOf } from './page/timeline-symbol.ts';

/** What people read of a snapshot: its state, why it stays or goes, and until when it stays. */
export interface SnapshotTexts {
  state: Sentence;
  why: Sentence;
  until: Sentence;
}

/** Returns the function that makes the texts of the snapshots of a series of an audit. */
export function snapshotTexts({
  at,
  policies,
}: Pick<Audit, 'at' | 'policies'>): (
  series: Pick<AuditedSeries, 'account' | 'policy'>,
  snapshot: AuditedSnapshot,
) => SnapshotTexts {
  const policyOf = new Map(policies.map((one) => [`${one.account} ${one.policy}`, one]));
  return ({ account, policy }, snapshot) => {
    const held = { at, isHeld: symbolOf(snapshot) === 'held' };
    return {
      state: snapshotText(snapshot, held),
      why: sentencesOf(snapshot.reasons),
      until: untilText(snapshot, policyOf.get(`${account} ${policy}`), held),
    };
  };
}
