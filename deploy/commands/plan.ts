import { failureOf } from '../../lib/reporting/failure.ts';
import { planText } from '../../lib/reporting/plan-text.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { policiesOf } from '../policies.ts';
import { ACCOUNT, accountOf, type Command, EXIT, SERVER, textOf } from './command.ts';
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
  async run(values, { deployment, invoke, terminal, words, isJson }) {
    const server = textOf(values, 'server');
    const policy = textOf(values, 'policy');
    const names = policy === undefined ? policiesOf(deployment.service).map((one) => one.policy) : [policy];
    const reports: Report[] = [];
    for (const name of names) {
      const event = {
        policy: name,
        dryRun: true,
        ...(server === undefined ? {} : { servers: { names: [server] } }),
        ...accountOf(values),
      };
      const report = await invoke<Report>('cleanup', event, `The plan of ${name} is made`);
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
