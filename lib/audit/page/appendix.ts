import { unlistedText } from '../../reporting/sentences/digest.ts';
import { scheduleText } from '../../reporting/sentences/page.ts';
import type { Audit, AuditedPolicy } from '../model.ts';
import { namingOf } from '../naming.ts';
import { escapeHtml } from './escape.ts';

/**
 * The sections below the list: the servers that no policy selects, the policies, and the keys of
 * the page.
 */
export function appendix(audit: Audit): string {
  const { uncovered, unlisted, policies } = audit;
  const { placeOf } = namingOf(audit);
  const names = uncovered.map(
    (server) => `<li><bdi>${escapeHtml(server.name)}</bdi> <span>${escapeHtml(placeOf(server))}</span></li>`,
  );
  const unknown = unlisted.map((place) => `<li>${escapeHtml(unlistedText(place, { placeOf }))}</li>`);
  return `${
    names.length + unknown.length > 0
      ? `<section><h2>No policy selects these <span class="count">${names.length}</span></h2>
<ul class="names">${[...names, ...unknown].join('\n')}</ul></section>`
      : ''
  }
<section><h2>Policies</h2>
<ul class="policies">${policies.map(policyItem).join('\n')}</ul></section>
<footer>
<p>Times are in UTC; a gigabyte is 10<sup>9</sup> bytes. A snapshot is good when it can be restored from, and a server late when the slot after its newest good one has passed, and half of the interval that begins there.</p>
<p class="keys"><kbd>/</kbd> search <kbd>↑</kbd> <kbd>↓</kbd> from row to row <kbd>Enter</kbd> a row's snapshots <kbd>Esc</kbd> closes them</p>
</footer>`;
}

function policyItem(audited: AuditedPolicy): string {
  const { policy, account } = audited;
  return `<li><b>${escapeHtml(policy)}</b> <span>${escapeHtml(account)}; ${scheduleText(audited)}</span></li>`;
}
