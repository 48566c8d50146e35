import type { Naming } from '../../audit/naming.ts';
import type { Recovery, ServerRecovery, WorstRecoveries } from '../../audit/recovery.ts';
import { durationText, firstNames, shortName, timeText } from './format.ts';
import { serverNameText } from './headline.ts';
import type { Sentence } from './sentence.ts';

/** "to 9 hours ago, in about 4 minutes (drilled 3 days ago)", after "restorable". */
export function restorableText(recovery: Recovery, at: string): Sentence {
  const { ageSeconds, recoverySeconds, isAtMost, drilled } = recovery;
  if (ageSeconds === undefined) return 'to no time yet';
  const point = `to ${durationText(1000 * ageSeconds)} ago${withoutText(recovery)}`;
  if (recoverySeconds === undefined || drilled === undefined) return point;
  const ago = durationText(Date.parse(at) - Date.parse(drilled));
  return `${point}, in ${isAtMost ? 'at most' : 'about'} ${timeText(recoverySeconds)} (drilled ${ago} ago)`;
}

/** "db-2: restorable to 4 days ago, in about 4 minutes (drilled 3 days ago)" */
export function serverRestorableText(
  server: ServerRecovery,
  at: string,
  suffixOf: Naming['suffixOf'],
): Sentence {
  return `${nameOf(server, suffixOf)}: restorable ${restorableText(server, at)}`;
}

/**
 * The worst of all servers: "Each server is restorable to 4 days ago or later; the oldest is db-2;
 * the longest drill took 4 minutes, of web-1".
 */
export function worstRecoveryText(
  { point, incomplete, time }: WorstRecoveries,
  suffixOf: Naming['suffixOf'],
): Sentence {
  if (!point) return '';
  const to =
    point.ageSeconds === undefined
      ? `${nameOf(point, suffixOf)} can't be restored yet`
      : `Each server is restorable to ${durationText(1000 * point.ageSeconds)} ago or later; the oldest is ${nameOf(point, suffixOf)}`;
  const only = incomplete ? `; ${nameOf(incomplete, suffixOf)} only${withoutText(incomplete)}` : '';
  const within = time
    ? `; the longest drill took ${timeText(time.recoverySeconds!)}, of ${nameOf(time, suffixOf)}`
    : '; no drill has measured how long it takes';
  return `${to}${only}${within}`;
}

function nameOf(server: ServerRecovery, suffixOf: Naming['suffixOf']): Sentence {
  return serverNameText(server, suffixOf(server));
}

/** " without volume data", at the end of what can be restored; empty if nothing is missing. */
function withoutText({ missing = [] }: Recovery): string {
  if (missing.length === 0) return '';
  return ` without volume${missing.length > 1 ? 's' : ''} ${firstNames(missing.map((name) => shortName(name)))}`;
}
