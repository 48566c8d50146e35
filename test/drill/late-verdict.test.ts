import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { restorableText } from '../../lib/reporting/sentences/recovery.ts';
import { drillResultsIn } from '../../lib/snapshots/drill-marks.ts';
import { PRIVATE } from '../restore/world.ts';
import { addLookalike, drillEvent, drillWorld, reasons, record, type World } from './world.ts';

// A drill whose end only a later run sees: its time is a limit, unless the cloud says it.

const AT = '2026-11-23T05:00:00Z';

/** A server of a drill that was requested an hour ago, and became ACTIVE after ten minutes. */
async function begun(): Promise<World> {
  const h = await drillWorld();
  const building = { status: 'BUILD', endsAt: new Date('2026-11-23T05:10:00Z') } as const;
  const server = addLookalike(h, h.newest[0]!, { createdAt: new Date(AT), building });
  record(h.newest[0]!, server.id, AT);
  return h;
}

async function listening(): Promise<number> {
  const server: Server = createServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

test('a cloud that does not say when the server was ACTIVE: it took so long at most', async () => {
  const h = await begun();
  const edit = async (answer: Response) => {
    if (!answer.ok) return answer;
    const { server } = (await answer.json()) as { server: Record<string, unknown> };
    delete server['OS-SRV-USG:launched_at'];
    return new Response(JSON.stringify({ server }), answer);
  };
  h.cloud.faults.push({
    ...{
      service: 'compute',
      method: 'GET',
      path: /\/servers\/[0-9a-f-]{36}$/,
      times: Number.POSITIVE_INFINITY,
    },
    answer: { edit },
  });
  const report = await h.run('drill', drillEvent());
  expect(report.entries).toMatchObject([{ outcome: 'proven', activeSeconds: 3600, isAtMost: true }]);
  expect(reasons(report)).toContain('became ACTIVE after at most 60 minutes');
  expect(drillResultsIn(h.newest[0]!).recovery).toEqual({ activeSeconds: 3600, isAtMost: true });
});

test('a check that has answered before anybody asked: it took so long at most', async () => {
  const h = await begun();
  const server = h.dfw.servers.find((one) => !h.fleet.includes(one))!;
  server.addresses = ['127.0.0.1'];
  const report = await h.run(
    'drill',
    drillEvent({ networks: [PRIVATE], check: { port: await listening() } }),
  );
  expect(report.entries).toMatchObject([
    { outcome: 'proven', activeSeconds: 600, answeredSeconds: 3600, isAtMost: true },
  ]);
  expect(reasons(report)).toMatch(/ACTIVE after 10 minutes, and .* answered after at most 60 minutes/);
});

test('a time that the cloud says is none', async () => {
  const report = await (await begun()).run('drill', drillEvent());
  expect(report.entries).toMatchObject([{ outcome: 'proven', activeSeconds: 600 }]);
  expect(report.entries[0]).not.toHaveProperty('isAtMost');
});

test('the status says "at most"', () => {
  const recovery = { ageSeconds: 3600, recoverySeconds: 3600, drilled: '2026-11-23T05:00:00Z' };
  const at = '2026-11-23T06:00:00Z';
  expect(restorableText({ ...recovery, isAtMost: true }, at)).toContain('in at most 60 minutes');
  expect(restorableText(recovery, at)).toContain('in about 60 minutes');
});
