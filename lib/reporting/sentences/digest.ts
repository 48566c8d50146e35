import type { Entry, Report, SnapshotLine } from '../report.ts';
import { minuteText } from './format.ts';
import type { Sentence } from './sentence.ts';

/** A line about what failed in a run. */
export function failedRunLine(
  { job, policy, account, accounts }: Pick<Report, 'job' | 'policy' | 'account' | 'accounts'>,
  text: Sentence,
): Sentence {
  return `${accounts ? `${job} ${policy} of ${account}` : `${job} ${policy}`}: ${text}`;
}

/** A line about a server that failed in a run. */
export function failedServerLine(run: Report, { name, server, region }: Entry, text: string): Sentence {
  return failedRunLine(run, `${name || server} in ${region}: ${text}`);
}

/** Why a snapshot failed, with its slot. */
export function failedSnapshotText({ slot, reasons }: SnapshotLine): Sentence {
  return `snapshot of ${minuteText(slot)}: ${reasons.join('; ')}`;
}
