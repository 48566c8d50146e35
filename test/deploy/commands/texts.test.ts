import { expect, test } from 'vitest';
import { optionWords } from '../../../deploy/commands/option-words.ts';
import { reportText } from '../../../deploy/commands/report-text.ts';
import { snapshotsText } from '../../../deploy/commands/snapshots.ts';
import { statusText } from '../../../deploy/commands/status.ts';
import type { AuditSummary } from '../../../lib/audit/summary.ts';
import type { Report } from '../../../lib/reporting/report.ts';
import { addFleet } from '../../../local/fleet.ts';
import { deploy, harness, policy, setTime } from '../../harness.ts';

const terminal = { columns: undefined, style: (_: unknown, text: string) => text };
const asked = { terminal, words: optionWords('prod') };

async function audited(event: object) {
  setTime('2026-11-23T09:00:00Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  addFleet(h.cloud, 'autosnap-test');
  deploy([policy({ servers: { tagged: { autosnap: 'daily' } }, keep: { last: 7 } })]);
  return h.run('audit', event);
}

test('the status is the sentence of the audit, a line for each server, and its other problems', async () => {
  expect(statusText(await audited({ list: 'servers' }), terminal)).toBe(
    `5 of 7 servers protected; db-2 in DFW is 4 days late; 1 waits for its first snapshot; the last drill of db-1 in DFW failed; a snapshot of 2 servers failed.
web-3 in ORD can't be restored yet; the longest drill took 4 minutes, of db-2 in DFW.

server         state         newest good  age       next run     proven       volumes  restorable                                                region
db-2           4 days late   11-18 00:00  5 days    11-24 00:00  21 days ago  -        to 5 days ago, in about 4 minutes (drilled 21 days ago)   DFW
db-1           protected     11-22 00:00  33 hours  11-24 00:00  6 days ago   2        to 33 hours ago, in about 4 minutes (drilled 6 days ago)  DFW
mail-1         protected     11-22 00:00  33 hours  11-24 00:00  -            -        to 33 hours ago                                           ORD
new-1          protected     11-22 00:00  33 hours  11-24 00:00  2 days ago   -        to 33 hours ago, in about 4 minutes (drilled 2 days ago)  ORD
web-1          protected     11-22 00:00  33 hours  11-24 00:00  3 days ago   -        to 33 hours ago, in about 4 minutes (drilled 3 days ago)  DFW
web-2          protected     11-22 00:00  33 hours  11-24 00:00  4 days ago   -        to 33 hours ago, in about 4 minutes (drilled 4 days ago)  DFW
web-3          none yet      -            -         11-24 00:00  -            -        to no time yet                                            ORD
shop           server gone   10-14 00:00  40 days   -            -            -        to 40 days ago                                            ORD
build-scratch  in no policy  -            -         -            -            -        to no time yet                                            DFW
Times are in UTC.

! ORD: the local data disks of mail-1 are in no snapshot: back them up in another way, then set localDisks: accepted in the policy daily
! ORD: server shop (8d9001d3-2c6a-403d-8592-1a77115050f3) no longer exists: 5 of 5 daily snapshots stay`,
  );
});

test('several accounts have a column', async () => {
  const found = await audited({ list: 'servers' });
  const [first, ...others] = found.servers!;
  const servers = [{ ...first!, account: 'customer-b' }, ...others];
  expect(statusText({ ...found, servers }, terminal)).toMatch(
    / region {2}account\n.* DFW +customer-b\n.* rackspace\n/,
  );
});

test('the snapshots of a server have a table for each series, with the reason and the end of each', async () => {
  const text = snapshotsText(await audited({ list: 'snapshots', of: 'db-1' }), terminal);
  expect(text.match(/^db-1.*$/gm)).toEqual([
    'db-1 in DFW, daily',
    'db-1, volume db-1-data in DFW, daily',
    'db-1, volume db-1-logs in DFW, daily',
  ]);
  expect(text).toMatch(/^2026-11-16 00:00 {2}[0-9a-f]{8} {2}2\.0 GB {2}good .* last 7 of 7\n/m);
  expect(text).toMatch(/ good, held +its hold is released +held forever\n/);
});

test('what could not be read is said below the snapshots', () => {
  const unlisted: AuditSummary['unlisted'] = [{ account: 'rackspace', region: 'ORD' }];
  expect(snapshotsText({ snapshots: [], unlisted, failures: [], omittedItems: 3 }, terminal)).toMatch(
    /\n… and 3 more: name one server\.\n\n! ORD can't be read$/,
  );
});

test('the findings of a report name the option that was typed', () => {
  const finding = (code: string, facts: object) => ({ code, facts, text: 'in the words of events' });
  const report = {
    entries: [{ name: 'web', server: 's', region: 'DFW', outcome: 'proven', slot: '2026-11-23T00:00:00Z' }],
    omitted: 0,
    failures: [finding('NOT_OF_POLICY', { what: 'names "wbe"', policy: 'daily' })],
    warnings: [
      finding('SELECTOR_UNMATCHED', { selector: 'names "wbe"', isPart: true }),
      finding('EXPIRY_WITHOUT_CLEANUP', { where: 'ORD' }),
    ],
  } as unknown as Report;
  expect(reportText(report, asked)).toBe(`✓ web in DFW, the snapshot of 2026-11-23 00:00: proven

! --server "wbe": the policy daily selects no such server, so nothing is deleted for it
! --server "wbe" matches no server of this policy
! --expires: no policy covers ORD of this account, so nothing deletes these snapshots there`);
});

test('a report has a line for each server and volume, and what resumes later', () => {
  const report = {
    entries: [
      {
        name: 'web-1',
        server: 's',
        region: 'DFW',
        outcome: 'taken',
        reason: 'web-1-adhoc-1',
        volumes: [{ volume: 'v', name: 'data', outcome: 'failed', code: 'CLOUD', reason: 'no quota' }],
      },
      { name: 'web-2', server: 't', region: 'DFW', outcome: 'skipped', reason: 'busy' },
      { name: 'web-3-daily', server: 'u', region: 'DFW', outcome: 'held', reason: 'held forever' },
    ],
    omitted: 2,
    resumesAt: '2026-11-23T10:00:00Z',
    failures: [{ code: 'CLOUD', text: 'ORD: down' }],
    warnings: [],
  } as unknown as Report;
  expect(reportText(report, asked)).toBe(`✓ web-1 in DFW: asked for: web-1-adhoc-1
  ✗ volume data: failed: no quota
! web-2 in DFW: skipped: busy
✓ web-3-daily in DFW: held forever
… and 2 more
The rest goes on by itself at 2026-11-23 10:00 UTC.

! ORD: down`);
});
