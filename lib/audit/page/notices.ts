import { behindText, behindWithCopies } from '../copied.ts';
import type { Audit } from '../model.ts';
import { failedDrillText, hasFailedDrill } from '../proof.ts';
import { escapeHtml } from './escape.ts';

/** More than these would hide the servers. */
const AT_ONCE = 5;

/**
 * What a person should look at: the policies' problems, the drills that failed, the copies that are
 * behind, the warnings. Nothing when there is nothing.
 */
export function notices({ policies, series, warnings }: Audit): string {
  const behind = behindWithCopies(series);
  const items = [
    ...policies.flatMap(({ policy, problems }) =>
      problems.map(
        (problem) => `<li class="problem"><b>${escapeHtml(policy)}</b> ${escapeHtml(problem)}</li>`,
      ),
    ),
    ...series
      .filter(hasFailedDrill)
      .map((one) => `<li class="problem">${escapeHtml(failedDrillText(one))}</li>`),
    ...(behind.length > 0 ? [`<li class="problem">${escapeHtml(behindText(behind))}</li>`] : []),
    ...warnings.map((warning) => `<li>${escapeHtml(warning)}</li>`),
  ];
  if (items.length === 0) return '';
  const more = items.slice(AT_ONCE);
  return `<section class="notices">
<h2>To look at</h2>
<ul>${items.slice(0, AT_ONCE).join('\n')}</ul>
${more.length > 0 ? `<details><summary>and ${more.length} more</summary><ul>${more.join('\n')}</ul></details>` : ''}
</section>`;
}
