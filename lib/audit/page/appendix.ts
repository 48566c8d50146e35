import { minuteText } from '../format.ts';
import type { Audit, AuditedPolicy } from '../model.ts';
import { escapeHtml } from './escape.ts';

/**
 * What stands below the list: the servers that no policy selects, the policies, how to use the
 * page.
 */
export function appendix({ uncovered, policies }: Audit): string {
  const accounts = new Set(policies.map(({ account }) => account));
  const place = ({ account, region }: { account: string; region: string }) =>
    escapeHtml(accounts.size > 1 ? `${region}, ${account}` : region);
  const names = uncovered.map(
    (server) => `<li><bdi>${escapeHtml(server.name)}</bdi> <span>${place(server)}</span></li>`,
  );
  return `${
    names.length > 0
      ? `<section><h2>No policy selects these <span class="count">${names.length}</span></h2>
<ul class="names">${names.join('\n')}</ul></section>`
      : ''
  }
<section><h2>Policies</h2>
<ul class="policies">${policies.map(policyItem).join('\n')}</ul></section>
<footer>
<p>Times are in UTC; a gigabyte is 10<sup>9</sup> bytes. A snapshot is good when it can be restored from, and a server late when the slot after its newest good one has passed, and half of the interval that begins there.</p>
<p class="keys"><kbd>/</kbd> search <kbd>↑</kbd> <kbd>↓</kbd> from row to row <kbd>Enter</kbd> a row's snapshots <kbd>Esc</kbd> closes them</p>
</footer>`;
}

function policyItem({ policy, account, nextRun, nextCleanup }: AuditedPolicy): string {
  const times = [
    nextRun ? `next snapshots ${minuteText(nextRun)}` : 'no more snapshots are scheduled',
    ...(nextCleanup ? [`next cleanup ${minuteText(nextCleanup)}`] : []),
  ];
  return `<li><b>${escapeHtml(policy)}</b> <span>${escapeHtml(account)}; ${times.join('; ')}</span></li>`;
}
