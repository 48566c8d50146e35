import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import type { Region } from '../../local/cloud/state.ts';
import { KINDS } from '../cloud-kinds.ts';
import { type Harness, policy } from '../harness.ts';
import { dbWorld } from './db-world.ts';

// Markers of volume snapshots that the cloud loses, or that are too long for a description.

const SECRET = 'autosnap/test/rackspace';

let h: Harness;
let region: Region;

beforeEach(async () => {
  ({ h, region } = await dbWorld());
});

/** Requests a snapshot; returns the outcome and the codes of the volume. */
async function take(event: object) {
  const { report } = await h.fail('snapshot', event);
  const line = (report as Report).entries[0]!.volumes![0]!;
  return { outcome: line.outcome, code: line.code, text: line.reason };
}

/** Removes the description of each new volume snapshot after the cloud has answered the request. */
function losingDescriptions(): void {
  const answer = {
    edit: (given: Response) => {
      for (const one of region.volumeSnapshots) one.description = '';
      return given;
    },
  };
  h.cloud.faults.push({ service: 'volume', method: 'POST', path: /snapshots$/, times: 9, answer });
}

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(() => void h.cloud.secrets.set(SECRET, h.cloud.secret(kind)));

  test('a snapshot without any marker fails and is named, and no further call makes another', async () => {
    region.keepsVolumeMetadata = false;
    losingDescriptions();
    for (let call = 1; call <= 3; call++) {
      h.cloud.advance(60_000);
      const { outcome, code, text } = await take(policy());
      expect({ call, outcome, code }).toEqual({ call, outcome: 'failed', code: 'MARKER_LOST' });
      expect(text).toContain(region.volumeSnapshots[0]!.id);
      expect(region.volumeSnapshots).toHaveLength(1);
    }
  });

  test('a snapshot of another deployment with the same name is no reason to take none', async () => {
    await h.run('snapshot', policy());
    h.cloud.advance(60_000);
    vi.stubEnv('AUTOSNAP_OWNER', 'another');
    h.cold();
    await h.run('snapshot', policy());
    expect(region.volumeSnapshots).toHaveLength(2);
  });

  test.each([true, false])(
    'the longest owner and request are proven, with metadata kept: %s',
    async (keeps) => {
      vi.stubEnv('AUTOSNAP_OWNER', 'o'.repeat(100));
      h.cold();
      region.keepsVolumeMetadata = keeps;
      const event = { adhoc: true, expires: '1d', request: 'r'.repeat(64), servers: { names: ['db'] } };
      expect((await h.run('snapshot', event)).totals).toEqual({ taken: 1 });
      h.cloud.advance(61_000);
      expect((await h.run('snapshot', event)).totals).toEqual({ skipped: 1 });
      expect(region.volumeSnapshots).toHaveLength(1);
      expect(region.volumeSnapshots[0]!.description).toContain(` ${event.request} `);
    },
  );

  test('a description without the device and the type of the volume does not differ from metadata', async () => {
    await h.run('snapshot', policy());
    const [one] = region.volumeSnapshots;
    const { autosnap_device: device = '-', autosnap_type: type = '-' } = one!.metadata!;
    expect(one!.description).toMatch(new RegExp(` ${device} ${type} 2$`));
    one!.description = one!.description!.replace(/ \S+ \S+ 2$/, ' - -');
    h.cloud.advance(60_000);
    expect((await h.run('snapshot', policy())).totals).toEqual({ skipped: 1 });
    expect(region.volumeSnapshots).toHaveLength(1);
  });

  test.each([true, false])('a hold fits into a long description, with metadata kept: %s', async (keeps) => {
    vi.stubEnv('AUTOSNAP_OWNER', 'o'.repeat(95));
    h.cold();
    region.keepsVolumeMetadata = keeps;
    const event = { adhoc: true, expires: '30d', request: 'r'.repeat(36), servers: { names: ['db'] } };
    await h.run('snapshot', event);
    h.cloud.advance(60_000);
    const [one] = region.volumeSnapshots;
    await h.run('hold', { hold: one!.id, until: '2027-01-01' });
    expect(one!.description).toContain(' 2027-01-01');
    expect(one!.description!.length).toBeLessThanOrEqual(255);
    h.cloud.advance(60_000);
    expect((await h.run('snapshot', event)).totals).toEqual({ skipped: 1 });
  });
});
