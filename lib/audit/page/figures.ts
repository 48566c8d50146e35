import { durationText, minuteText, sizeText } from '../../reporting/sentences/format.ts';
import { copiedServers } from '../copy-freshness.ts';
import { provenServers } from '../drill-results.ts';
import { worstSeriesOfServers } from '../headline.ts';
import type { Audit } from '../model.ts';
import type { ServerCount } from '../server-count.ts';

/** The key figures below the sentence, each with a note in small print. */
export function figures(audit: Audit): string {
  const servers = worstSeriesOfServers(audit);
  const having = (...states: string[]) => servers.filter(({ state }) => states.includes(state)).length;
  const good = audit.series.reduce((sum, series) => sum + series.good, 0);
  const others = audit.series.reduce(
    (sum, { pending, stuck, failed, unknown }) => sum + pending + stuck + failed + unknown,
    0,
  );
  const nextRun = audit.policies.flatMap((policy) => policy.nextRun ?? []).sort()[0];
  const [late, never, waiting] = [having('late'), having('never'), having('waiting')];
  return [
    figure('Protected', `${having('protected')}`, `of ${servers.length}`),
    figure(
      'Late',
      `${late}`,
      never > 0 ? `and ${never} without a snapshot` : '',
      late + never > 0 ? 'trouble' : '',
    ),
    ...(waiting > 0 ? [figure('Waiting', `${waiting}`, 'for the first')] : []),
    ...agedFigure('Proven', provenServers(audit.series), audit),
    ...agedFigure('Copied', copiedServers(audit.series), audit),
    figure('Snapshots', `${good}`, others > 0 ? `and ${others} not good` : 'all good'),
    figure(
      'Stored',
      sizeText(audit.bytes),
      [
        audit.unlisted.length > 0 ? 'at least' : '',
        audit.unmanagedBytes > 0 ? `${sizeText(audit.unmanagedBytes)} of no policy` : '',
        audit.monthlyCost === undefined ? '' : `${audit.monthlyCost.toFixed(2)} a month`,
      ]
        .filter(Boolean)
        .join(', '),
    ),
    ...(nextRun
      ? [
          figure(
            'Next run',
            `in ${durationText(Date.parse(nextRun) - Date.parse(audit.at))}`,
            `${minuteText(nextRun).slice(5)} UTC`,
          ),
        ]
      : []),
  ].join('\n');
}

/** The figure of a {@link ServerCount}; none if the count is of no servers. */
function agedFigure(term: string, { count, holding, oldest }: ServerCount, { at }: Audit): string[] {
  if (count === 0) return [];
  const age = oldest ? `, oldest ${durationText(Date.parse(at) - Date.parse(oldest.since))}` : '';
  return [figure(term, `${holding}`, `of ${count}${age}`)];
}

/** One figure. Its texts are not escaped, because none comes from a cloud. */
function figure(term: string, value: string, note = '', style = ''): string {
  return `<div${style && ` class="${style}"`}><dt>${term}</dt><dd>${value}${note && ` <small>${note}</small>`}</dd></div>`;
}
