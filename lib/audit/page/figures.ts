import { sizeText } from '../../reporting/sentences/format.ts';
import { FIGURES } from '../../reporting/sentences/page.ts';
import { copiedServers } from '../copy-freshness.ts';
import { provenServers } from '../drill-results.ts';
import { worstSeriesOfServers } from '../headline.ts';
import type { Audit } from '../model.ts';
import { recoveries, worstRecoveries } from '../recovery.ts';
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
  // The figures Late and Waiting have the servers without a good snapshot.
  const restorable = recoveries(audit.series, audit.at).filter((one) => one.ageSeconds !== undefined);
  const { point, time } = worstRecoveries(restorable);
  const [late, never, waiting] = [having('late'), having('never'), having('waiting')];
  return [
    figure('Protected', `${having('protected')}`, FIGURES.protected(servers.length)),
    figure('Late', `${late}`, FIGURES.late(never), late + never > 0 ? 'trouble' : ''),
    ...(waiting > 0 ? [figure('Waiting', `${waiting}`, FIGURES.waiting())] : []),
    ...agedFigure('Proven', provenServers(audit.series), audit),
    ...(point?.ageSeconds !== undefined && time
      ? [figure('Restorable to', FIGURES.ago(point.ageSeconds), FIGURES.restorable(time.recoverySeconds))]
      : []),
    ...agedFigure('Copied', copiedServers(audit.series), audit),
    figure('Snapshots', `${good}`, FIGURES.snapshots(others)),
    figure('Stored', sizeText(audit.bytes), FIGURES.stored(audit)),
    ...(nextRun ? [figure('Next run', FIGURES.inTime(nextRun, audit.at), FIGURES.runsAt(nextRun))] : []),
  ].join('\n');
}

/** The figure of a {@link ServerCount}; none if the count is of no servers. */
function agedFigure(term: string, counted: ServerCount, { at }: Audit): string[] {
  return counted.count === 0 ? [] : [figure(term, `${counted.holding}`, FIGURES.aged(counted, at))];
}

/** One figure. Its texts are not escaped, because none comes from a cloud. */
function figure(term: string, value: string, note = '', style = ''): string {
  return `<div${style && ` class="${style}"`}><dt>${term}</dt><dd>${value}${note && ` <small>${note}</small>`}</dd></div>`;
}
