import { droppedText } from '../../reporting/sentences/dropped.ts';
import { findingText, sentenceOf } from '../../reporting/sentences.ts';
import type { Audit } from '../model.ts';
import { namingOf } from '../naming.ts';
import { unreportedWarnings } from '../reported-warnings.ts';
import { SERIES_TROUBLES } from '../troubles.ts';
import { escapeHtml } from './escape.ts';

/** The number of notices that are always visible. More would push the servers off the screen. */
const AT_ONCE = 5;

/**
 * The notices above the servers: the items that dropped out of coverage, the policies' problems,
 * the troubles of series that the groups of the page do not show, and the warnings. Empty without
 * any.
 */
export function notices(audit: Audit): string {
  const { policies, series, dropped, warnings } = audit;
  const naming = namingOf(audit);
  const troubles = SERIES_TROUBLES.flatMap(({ isIn, noticesOf }) => {
    const its = series.filter(isIn);
    return noticesOf && its.length > 0 ? noticesOf(its, naming) : [];
  });
  const items = [
    ...dropped.map((one) => problemItem(escapeHtml(droppedText(one)))),
    ...policies.flatMap((policy) =>
      policy.problems.map((one) =>
        problemItem(`<b>${escapeHtml(naming.policyOf(policy))}</b> ${escapeHtml(sentenceOf(one))}`),
      ),
    ),
    ...troubles.map((one) => problemItem(escapeHtml(sentenceOf(one)))),
    ...unreportedWarnings(warnings, troubles).map((one) => `<li>${escapeHtml(findingText(one))}</li>`),
  ];
  if (items.length === 0) return '';
  const more = items.slice(AT_ONCE);
  return `<section class="notices">
<h2>To look at</h2>
<ul>${items.slice(0, AT_ONCE).join('\n')}</ul>
${more.length > 0 ? `<details><summary>and ${more.length} more</summary><ul>${more.join('\n')}</ul></details>` : ''}
</section>`;
}

function problemItem(html: string): string {
  return `<li class="problem">${html}</li>`;
}
