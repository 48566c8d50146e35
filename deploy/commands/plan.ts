import type { Listing } from '../../lib/audit/listing.ts';
import { failureOf } from '../../lib/reporting/failure.ts';
import { planText } from '../../lib/reporting/plan-text.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { policiesOf } from '../policies.ts';
import { ACCOUNT, accountOf, type Command, type Context, EXIT, SERVER, textOf } from './command.ts';
import { findingLines, findingsIn } from './findings.ts';

/** `npx autosnap plan`: what cleanup would do now. */
export const plan: Command = {
  summary: 'Shows what cleanup would delete now, and why each snapshot stays. Deletes nothing.',
  example: 'npx autosnap plan --stage prod --policy daily --server web-1',
  options: {
    policy: { type: 'string', value: '<name>', help: 'the policy; default: each one of serverless.yml' },
    server: SERVER,
    account: ACCOUNT,
  },
  needs: 'functions',
  isLocalToo: true,
  async run(values, context) {
    const { deployment, invoke, terminal, words, isJson } = context;
    const server = textOf(values, 'server');
    const policy = textOf(values, 'policy');
    const names = policy === undefined ? policiesOf(deployment.service).map((one) => one.policy) : [policy];
    const reports: Report[] = [];
    for (const name of names) {
      const planOf = (servers: object) =>
        invoke<Report>(
          'cleanup',
          { policy: name, dryRun: true, ...servers, ...accountOf(values) },
          `The plan of ${name} is made`,
        );
      let report = await planOf(server === undefined ? {} : { servers: { names: [server] } });
      if (server !== undefined && report.failures.some(({ code }) => code === 'NOT_OF_POLICY')) {
        const ids = await idsWithSnapshots(server, name, context);
        if (ids.length > 0) report = await planOf({ servers: { ids } });
      }
      reports.push(report);
      if (isJson) continue;
      terminal.print(planText(report, true));
      const findings = findingsIn([...report.failures, ...report.warnings], words);
      for (const line of findingLines(findings, terminal)) terminal.print(line);
    }
    if (isJson) terminal.print(JSON.stringify(reports, null, 2));
    return reports.some(failureOf) ? EXIT.trouble : EXIT.good;
  },
};

/**
 * The ids of the servers of this name of which a policy has snapshots. A server that is gone is
 * known to the cleanup by its id alone.
 */
async function idsWithSnapshots(
  server: string,
  policy: string,
  { invoke }: Pick<Context, 'invoke'>,
): Promise<string[]> {
  const event = { list: 'snapshots', of: server };
  const { snapshots = [] } = await invoke<Listing>(
    'audit',
    event,
    `The snapshots of ${server} are looked up`,
  );
  return [...new Set(snapshots.filter((one) => one.policy === policy).map((one) => one.server))];
}
