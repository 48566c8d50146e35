import { afterEach, describe, expect, test } from 'vitest';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import { answers } from '../../local/cloud/faults.ts';
import { textsOf } from '../finding-texts.ts';
import { startWaiting } from '../fleet/waiting.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import { COVERAGE, reportBucket } from '../report-bucket.ts';

// What policies covered when an audit last looked, and do not cover any more.

const DAILY = policy({ servers: { tagged: { autosnap: 'daily' } } });
const TAG = { autosnap: 'daily' };

const clouds: Cloud[] = [];
afterEach(async () => {
  await Promise.all(clouds.splice(0).map((cloud) => cloud.close()));
});

/** web-1 and web-2 in DFW, mail in ORD, all tagged; an audit has seen them an hour ago. */
async function audited({ policies = [DAILY], accounts = ['rackspace'] } = {}) {
  setTime('2026-11-23T06:00:00Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  const s3 = await reportBucket();
  h.cold();
  const createdAt = new Date('2026-11-23T05:00:00Z');
  const [dfw, ord] = [h.cloud.region('DFW'), h.cloud.region('ORD')];
  const [web1, web2] = ['web-1', 'web-2'].map((name) =>
    dfw.addServer({ name, metadata: { ...TAG }, createdAt }),
  );
  const mail = ord.addServer({ name: 'mail', metadata: { ...TAG }, createdAt });
  for (const account of accounts.filter((one) => one !== 'rackspace')) {
    const cloud = await startCloud({ regions: ['DFW'], projectId: `project-of-${account}` });
    clouds.push(cloud);
    cloud.region('DFW').addServer({ name: `${account}-web`, metadata: { ...TAG } });
    h.cloud.secrets.set(`autosnap/test/${account}`, cloud.secret('rackspace'));
  }
  deploy(policies);
  const { codes } = await h.run('audit', {});
  expect(dropsIn(codes)).toEqual([]);
  setTime('2026-11-23T07:00:00Z');
  return { ...h, s3, dfw, ord, web1: web1!, web2: web2!, mail };
}

type Audited = Awaited<ReturnType<typeof audited>>;

/** The codes of what has dropped out of coverage, each with how often. */
const dropsIn = (codes: object) =>
  Object.entries(codes).flatMap(([code, count]) => (code.startsWith('DROPPED') ? `${code} ${count}` : []));

async function next(h: Harness, event: object = {}) {
  const { dropped, accepted, codes, ...rest } = await h.run('audit', event);
  return { ...rest, dropped, accepted, codes, drops: dropsIn(codes) };
}

/** Deploys, and forgets what the functions have read before. */
function redeploy(h: Harness, ...policies: object[]) {
  deploy(policies);
  h.cold();
}

test('unchanged coverage is not reported, even if audits are days apart', async () => {
  const h = await audited();
  setTime('2026-11-27T07:00:00Z');
  expect(await next(h)).toMatchObject({ dropped: [], accepted: [], warnings: [], drops: [] });
});

describe.each<[string, string, (h: Audited) => void]>([
  ['has lost its tag', '', (h) => (h.web1.metadata = {})],
  ['has another tag', '', (h) => (h.web1.metadata = { autosnap: 'dialy' })],
  ['was named, and was renamed', 'names', (h) => (h.web1.name = 'www-1')],
  ['is no longer among the ids', 'ids', (h) => redeploy(h, policy({ servers: { ids: [h.web2.id] } }))],
  [
    'is excepted',
    '',
    (h) => redeploy(h, { ...DAILY, servers: { tagged: TAG, except: { names: ['web-1'] } } }),
  ],
  [
    'no longer matches the corrected pattern',
    'names',
    (h) => redeploy(h, policy({ servers: { names: ['web-2'] } })),
  ],
])('a server that %s', (_, by, drop) => {
  const start = async () => {
    const h = await audited(by === 'names' ? { policies: [policy({ servers: { names: ['web-*'] } })] } : {});
    if (by === 'ids') {
      redeploy(h, policy({ servers: { ids: [h.web1.id, h.web2.id] } }));
      await next(h, { acceptDropped: true });
    }
    drop(h);
    return h;
  };

  test('is reported in each audit, as trouble of its policy, until it is covered again', async () => {
    const h = await start();
    for (const _ of [1, 2]) {
      const found = await next(h);
      expect(found.dropped).toEqual([
        expect.stringMatching(
          new RegExp(
            `^no policy covers \\S+ \\(${h.web1.id}\\) in DFW of rackspace any more; until 2026-11-23 0\\d:00, daily did; `,
          ),
        ),
      ]);
      expect(found.sentence).toMatch(/; w\S+-1 is no longer covered$/);
    }
    expect(h.logs()).toMatch(/"Dropped":1/);
    redeploy(h, policy());
    expect((await next(h)).drops).toEqual([]);
  });
});

test('a server that has moved to another policy is covered', async () => {
  const weekly = policy({ policy: 'weekly', servers: { tagged: { autosnap: 'weekly' } } });
  const h = await audited({ policies: [DAILY, weekly] });
  h.web1.metadata = { autosnap: 'weekly' };
  expect((await next(h)).drops).toEqual([]);
});

describe('a server of two policies', () => {
  const TWO = { autosnap: 'daily,weekly' };
  const weekly = policy({ policy: 'weekly', servers: { tagged: { autosnap: 'weekly' } } });
  const start = async () => {
    const h = await audited({ policies: [DAILY, weekly] });
    h.web1.metadata = { ...TWO };
    await next(h);
    return h;
  };

  test('that lost one of them is reported, as trouble of that one, until it is accepted', async () => {
    const h = await start();
    h.web1.metadata = { autosnap: 'weekly' };
    for (const time of ['08', '09']) {
      setTime(`2026-11-23T${time}:00:00Z`);
      const { dropped, sentence } = await next(h);
      expect(dropped).toEqual([
        `daily no longer covers web-1 (${h.web1.id}) in DFW of rackspace: until 2026-11-23 07:00 it did, and only weekly still covers the server; correct that, or accept it: invoke audit with {"acceptDropped":{"servers":["${h.web1.id}"]}}`,
      ]);
      expect(sentence).toMatch(/; web-1 is no longer covered by daily$/);
    }
    expect(h.logs()).toMatch(/"policy":"daily",[^\n]*"Dropped":1/);
    expect((await next(h, { acceptDropped: { servers: ['web-1'] } })).accepted).toHaveLength(1);
    expect((await next(h)).drops).toEqual([]);
  });

  test('that has it again, or another one instead, is not reported', async () => {
    const h = await start();
    h.web1.metadata = { autosnap: 'weekly' };
    expect((await next(h)).drops).toEqual(['DROPPED_FROM_POLICY 1']);
    h.web1.metadata = { ...TWO };
    expect((await next(h)).drops).toEqual([]);
    redeploy(h, DAILY, weekly, policy({ policy: 'hourly', servers: { tagged: { autosnap: 'hourly' } } }));
    h.web1.metadata = { autosnap: 'weekly,hourly' };
    expect((await next(h)).drops).toEqual([]);
  });

  test('that the changed policy does not select any more is not reported', async () => {
    const h = await start();
    redeploy(h, { ...DAILY, servers: { tagged: TAG, except: { names: ['web-1'] } } }, weekly);
    expect((await next(h)).drops).toEqual([]);
    expect((await next(h)).drops).toEqual([]);
  });

  const EXCEPT = { names: ['test-*'] };
  test.each<[string, object[]]>([
    ['its policy is changed', [{ ...DAILY, servers: { tagged: TAG, except: EXCEPT } }, weekly]],
    ['another policy covers the server, too', [DAILY, weekly, policy({ policy: 'yearly' })]],
    ['its policy is removed', [weekly]],
  ])('that lost one stays reported while %s, until it has it again', async (_, policies) => {
    const h = await start();
    h.web1.metadata = { autosnap: 'weekly' };
    expect((await next(h)).drops).toEqual(['DROPPED_FROM_POLICY 1']);
    redeploy(h, ...policies);
    for (const _ of [1, 2]) expect((await next(h)).drops).toContain('DROPPED_FROM_POLICY 1');
    redeploy(h, DAILY, weekly);
    expect((await next(h)).drops).toContain('DROPPED_FROM_POLICY 1');
    h.web1.metadata = { ...TWO };
    expect((await next(h)).drops).not.toContain('DROPPED_FROM_POLICY 1');
  });

  test('that lost one and then the other still lacks the first when it has the other again', async () => {
    const h = await start();
    h.web1.metadata = { autosnap: 'weekly' };
    await next(h);
    h.web1.metadata = {};
    await next(h);
    h.web1.metadata = { autosnap: 'weekly' };
    expect((await next(h)).drops).toEqual(['DROPPED_FROM_POLICY 1']);
    await next(h, { acceptDropped: { servers: ['web-1'] } });
    expect((await next(h)).drops).toEqual([]);
  });

  test('that lost one and then the other is reported once, as not covered', async () => {
    const h = await start();
    h.web1.metadata = { autosnap: 'weekly' };
    await next(h);
    h.web1.metadata = {};
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 1']);
  });
});

test('a server that is gone is not reported', async () => {
  const h = await audited();
  h.dfw.removeServer(h.web1);
  expect((await next(h)).drops).toEqual([]);
  // A later server with the same name is another one.
  expect(h.s3.objects.get(COVERAGE)).not.toContain(h.web1.id);
});

describe('a region that the catalogue no longer names', () => {
  test('is reported once for all its servers, until it is accepted', async () => {
    const h = await audited();
    h.cloud.catalogue.splice(1);
    const { dropped, drops, sentence } = await next(h);
    expect(drops).toEqual(['DROPPED_REGION 1']);
    expect(dropped[0]).toMatch(
      /^the account rackspace has no region ORD any more; until 2026-11-23 06:00, daily covered 1 server there; .* \{"acceptDropped":\{"regions":\["ORD"\]\}\}$/,
    );
    expect(sentence).toBe(
      '0 of 2 servers protected; 2 wait for their first snapshot; region ORD of account rackspace is no longer covered',
    );
    expect((await next(h, { acceptDropped: { regions: ['ORD'] } })).accepted).toHaveLength(1);
    expect((await next(h)).drops).toEqual([]);
  });

  test('is not reported when it is back', async () => {
    const h = await audited();
    const [ord] = h.cloud.catalogue.splice(1);
    await next(h);
    h.cloud.catalogue.push(ord!);
    expect((await next(h)).drops).toEqual([]);
  });

  test('without covered servers is not reported', async () => {
    const h = await audited({ policies: [{ ...DAILY, regions: ['DFW'] }] });
    h.cloud.catalogue.splice(1);
    expect((await next(h)).drops).toEqual([]);
  });
});

describe('an account', () => {
  const ALL = { ...DAILY, account: ['rackspace', 'customer-*'] };
  const accounts = ['rackspace', 'customer-a', 'customer-b'];

  test('whose secret has disappeared is reported once, as trouble, until it is accepted', async () => {
    const h = await audited({ policies: [ALL, { ...ALL, policy: 'hourly' }], accounts });
    h.cloud.secrets.delete('autosnap/test/customer-b');
    for (const _ of [1, 2]) {
      const { dropped, drops } = await next(h);
      expect(drops).toEqual(['DROPPED_ACCOUNT 1']);
      expect(dropped[0]).toMatch(
        /^no policy includes the account customer-b any more: its secret was deleted, .*; until 2026-11-23 06:00, daily and hourly covered 1 server of it; /,
      );
    }
    await next(h, { acceptDropped: { accounts: ['customer-b'] } });
    expect((await next(h)).drops).toEqual([]);
  });

  test('without servers is reported, too', async () => {
    const h = await audited({ policies: [ALL], accounts });
    clouds[1]!.region('DFW').servers.splice(0);
    await next(h);
    h.cloud.secrets.delete('autosnap/test/customer-b');
    expect((await next(h)).dropped).toEqual([expect.stringContaining('covered 0 servers of it')]);
  });

  test('that was the last one of its prefix is reported', async () => {
    const h = await audited({
      policies: [DAILY, { ...ALL, account: 'customer-*' }],
      accounts: ['customer-a'],
    });
    h.cloud.secrets.delete('autosnap/test/customer-a');
    expect((await next(h)).drops).toEqual(['DROPPED_ACCOUNT 1']);
  });

  test('that a policy no longer names, while another one does, is dropped from that policy', async () => {
    const h = await audited({ policies: [ALL, { ...ALL, policy: 'hourly' }], accounts });
    redeploy(h, { ...ALL, account: ['rackspace', 'customer-a'] }, { ...ALL, policy: 'hourly' });
    const { dropped, drops } = await next(h);
    expect(drops).toEqual(['DROPPED_POLICY 1']);
    expect(dropped[0]).toMatch(
      /^the policy daily is no longer deployed for customer-b; until .*, it covered 1 server, and other policies cover all of them; /,
    );
  });

  test('that can not be read for a while is not reported, and nothing of it is forgotten', async () => {
    const h = await audited({ policies: [ALL], accounts });
    const secret = h.cloud.secrets.get('autosnap/test/customer-b')!;
    h.cloud.secrets.set('autosnap/test/customer-b', '{"username":"x","apiKey":"wrong"}');
    h.cold();
    expect((await next(h)).drops).toEqual([]);
    h.cloud.secrets.set('autosnap/test/customer-b', secret);
    h.cold();
    clouds[1]!.region('DFW').servers[0]!.metadata = {};
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 1']);
  });

  test('whose credentials open another project has lost the servers of the former one', async () => {
    const h = await audited({ policies: [ALL], accounts });
    const former = h.cloud.secrets.get('autosnap/test/customer-b')!;
    h.cloud.secrets.set('autosnap/test/customer-b', h.cloud.secrets.get('autosnap/test/customer-a')!);
    h.cold();
    for (const _ of [1, 2]) {
      const { dropped, drops } = await next(h);
      expect(drops).toEqual(['DROPPED_PROJECT 1']);
      expect(dropped[0]).toMatch(
        /^the credentials of the account customer-b belong to another project now; until 2026-11-23 06:00, policies covered 1 server of the project project-of-customer-b; /,
      );
    }
    // What is covered in the new one is compared, too.
    const { servers, unlisted } = clouds[0]!.region('DFW');
    unlisted.add(servers[0]!.id);
    expect((await next(h)).sentence).toContain(' of 5 servers protected');
    await next(h, { acceptDropped: { accounts: ['customer-b'] } });
    expect((await next(h)).drops).toEqual([]);
    // Now the former one is another one.
    h.cloud.secrets.set('autosnap/test/customer-b', former);
    h.cold();
    expect((await next(h)).drops).toEqual(['DROPPED_PROJECT 1']);
  });
});

describe('a policy', () => {
  const WEEKLY = { ...DAILY, policy: 'weekly' };

  test('that was removed is reported once, however many servers it covered, until it is accepted', async () => {
    const all = policy({ policy: 'all', account: ['rackspace', 'customer-a'] });
    const h = await audited({ policies: [DAILY, all], accounts: ['customer-a'] });
    redeploy(h, policy({ servers: { names: ['web-*'] } }));
    for (const _ of [1, 2]) {
      const { dropped, drops } = await next(h);
      expect(drops).toEqual(['DROPPED_POLICY 1', 'DROPPED_SERVER 1']);
      expect(dropped.find((one) => one.startsWith('the policy all'))).toMatch(
        /is no longer deployed for rackspace, customer-a; until 2026-11-23 06:00, it covered 4 servers, and no other policy covers 1 of them; .*\{"acceptDropped":\{"policies":\["all"\]\}\}$/,
      );
    }
    await next(h, { acceptDropped: { policies: ['all'] } });
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 1']);
  });

  test('whose servers another one covers too is reported, without its servers', async () => {
    const h = await audited({ policies: [DAILY, WEEKLY] });
    redeploy(h, DAILY);
    const { dropped, drops } = await next(h);
    expect(drops).toEqual(['DROPPED_POLICY 1']);
    expect(dropped[0]).toContain('other policies cover all of them');
  });

  test('that was removed is trouble of the first one that is left', async () => {
    const h = await audited({ policies: [DAILY, WEEKLY] });
    redeploy(h, DAILY);
    await next(h);
    const metrics = h
      .logs()
      .split('\n')
      .findLast((line) => line.includes('"Troubles"'));
    expect(JSON.parse(metrics!)).toMatchObject({ policy: 'daily', Dropped: 1, Troubles: 1 });
  });

  test('whose selector matches nothing any more is reported with the servers that it covered', async () => {
    const h = await audited();
    for (const server of [h.web1, h.web2, h.mail]) server.metadata = {};
    const { drops, policies, sentence } = await next(h);
    expect(drops).toEqual(['DROPPED_SERVER 3']);
    expect(policies[0]!.codes).toEqual(['SELECTOR_UNMATCHED']);
    expect(sentence).toMatch(/^No server is protected: .*; web-1 is no longer covered, and 2 more$/);
  });

  test('that is no longer for a region has lost the servers there', async () => {
    const h = await audited();
    redeploy(h, { ...DAILY, regions: ['DFW'] });
    expect((await next(h)).dropped).toEqual([expect.stringMatching(/^no policy covers mail .* in ORD/)]);
  });
});

test('each account that a policy loses is a mail of its own', async () => {
  const waiting = await startWaiting();
  const all = { ...DAILY, policy: 'all', account: ['rackspace', 'customer-a', 'customer-b'] };
  const h = await audited({
    policies: [DAILY, all],
    accounts: ['rackspace', 'customer-a', 'customer-b'],
  });
  // Another policy has the accounts still.
  const others = { ...DAILY, policy: 'others', account: all.account };
  redeploy(h, DAILY, others, { ...all, account: ['rackspace', 'customer-b'] });
  await next(h);
  setTime('2026-11-23T08:00:00Z');
  redeploy(h, DAILY, others, { ...all, account: 'rackspace' });
  for (const hour of ['08', '09', '10']) {
    setTime(`2026-11-23T${hour}:00:00Z`);
    await next(h);
  }
  expect(waiting.mails.map(({ subject }) => subject.replace('Autosnap autosnap-test: ', ''))).toEqual([
    'the policy all is no longer deployed for customer-a',
    'the policy all is no longer deployed for customer-b',
  ]);
});

describe('a deployment without policies', () => {
  test('says what is no longer covered, by mail too, until that is accepted', async () => {
    const waiting = await startWaiting();
    const h = await audited({ policies: [DAILY, { ...DAILY, policy: 'weekly' }] });
    redeploy(h);
    for (const hour of ['08', '09']) {
      setTime(`2026-11-23T${hour}:00:00Z`);
      expect(await next(h)).toMatchObject({
        drops: ['DROPPED_POLICY 2'],
        sentence:
          'No server is protected: no policy selects one; the policy daily is no longer deployed, and 1 more',
        failures: [],
      });
    }
    expect(waiting.mails.map(({ subject }) => subject)).toEqual([
      'Autosnap autosnap-test: the policy daily is no longer deployed, and 1 more',
    ]);
    await next(h, { acceptDropped: true });
    expect((await next(h)).drops).toEqual([]);
  });

  test('and without a record fails, as long as nobody has accepted that', async () => {
    const h = await harness({ regions: ['DFW', 'ORD'] });
    await reportBucket();
    redeploy(h);
    const { error } = await h.fail('audit', {});
    expect(error.message).toContain(
      'There is nothing to check: custom.policies in serverless.yml has no policy',
    );
  });
});

describe('a server that has dropped out and was reported stays reported', () => {
  const isOf = (h: Audited, dropped: readonly string[]) =>
    dropped.filter((text) => text.startsWith(`no policy covers web-1 (${h.web1.id})`));
  const untagged = async (accounts = ['rackspace']) => {
    const policies = [accounts.length > 1 ? { ...DAILY, account: accounts } : DAILY];
    const h = await audited({ policies, accounts });
    h.web1.metadata = {};
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 1']);
    setTime('2026-11-23T08:00:00Z');
    return h;
  };

  test.each<[string, object[]]>([
    ['and no policy is left', []],
    ['and another policy is left', [policy({ policy: 'weekly', servers: { names: ['mail'] } })]],
  ])('when its policy is removed and accepted, %s, and when the policy is back', async (_, left) => {
    const waiting = await startWaiting();
    const h = await untagged();
    expect(waiting.mails).toHaveLength(1);
    redeploy(h, ...left);
    const { dropped } = await next(h);
    expect(isOf(h, dropped)).toHaveLength(1);
    const removed = dropped.find((text) => text.startsWith('the policy daily'));
    const rest = left.length === 0 ? 2 : 1;
    expect(removed).toContain(`it covered 2 servers, and no other policy covers ${rest} of them`);
    const { accepted } = await next(h, { acceptDropped: { policies: ['daily'] } });
    expect(accepted).toHaveLength(1);
    expect(removed).toContain(accepted[0]);
    expect(isOf(h, (await next(h)).dropped)).toHaveLength(1);
    redeploy(h, DAILY, ...left);
    expect(isOf(h, (await next(h)).dropped)).toHaveLength(1);
    expect(waiting.mails.filter(({ subject }) => subject.includes('ended: web-1'))).toEqual([]);
    h.web1.metadata = { ...TAG };
    expect((await next(h)).drops).toEqual([]);
  });

  test('when its region is no longer in the catalogue, and is accepted', async () => {
    const h = await untagged();
    const [dfw] = h.cloud.catalogue.splice(0, 1);
    h.cold();
    const { drops } = await next(h, { acceptDropped: { regions: ['DFW'] } });
    expect(drops).toEqual(['DROPPED_SERVER 1']);
    h.cloud.catalogue.unshift(dfw!);
    h.cold();
    expect(isOf(h, (await next(h)).dropped)).toHaveLength(1);
  });

  test('when the account is of another project, and is accepted', async () => {
    const h = await untagged(['rackspace', 'customer-a']);
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secrets.get('autosnap/test/customer-a')!);
    h.cold();
    await next(h, { acceptDropped: { accounts: ['rackspace'] } });
    expect(isOf(h, (await next(h)).dropped)).toHaveLength(1);
    expect((await next(h, { acceptDropped: { servers: [h.web1.id] } })).drops).toEqual([]);
    expect((await next(h)).drops).toEqual([]);
  });

  test('by the policy that lost it, when its other policy is removed and accepted', async () => {
    const weekly = policy({ policy: 'weekly', servers: { tagged: { autosnap: 'weekly' } } });
    const h = await audited({ policies: [DAILY, weekly] });
    h.web1.metadata = { autosnap: 'daily,weekly' };
    await next(h);
    h.web1.metadata = { autosnap: 'weekly' };
    expect((await next(h)).drops).toEqual(['DROPPED_FROM_POLICY 1']);
    redeploy(h, DAILY);
    expect((await next(h)).drops).toEqual(['DROPPED_POLICY 1', 'DROPPED_FROM_POLICY 1']);
    await next(h, { acceptDropped: { policies: ['weekly'] } });
    const { dropped } = await next(h);
    expect(dropped).toEqual([
      expect.stringMatching(/^daily no longer covers web-1 .* and no other policy covers the server; /),
    ]);
    expect((await next(h, { acceptDropped: { servers: ['web-1'] } })).drops).toEqual([]);
    expect((await next(h)).drops).toEqual([]);
  });
});

test('what drops at once is one mail, with the command that accepts this alone, and one when it is accepted', async () => {
  const waiting = await startWaiting();
  const h = await audited({ policies: [DAILY, { ...DAILY, policy: 'weekly' }] });
  h.web1.metadata = {};
  h.web2.metadata = {};
  redeploy(h, DAILY);
  await next(h);
  setTime('2026-11-23T08:00:00Z');
  await next(h);
  expect(waiting.mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: the policy weekly is no longer deployed, and 2 more',
  ]);
  expect(waiting.mails[0]!.text).toContain(
    `or accept these: npx serverless invoke -f audit --stage test -d '{"acceptDropped":{"policies":["weekly"],"servers":["${h.web1.id}","${h.web2.id}"]}}'`,
  );
  await next(h, { acceptDropped: true });
  setTime('2026-11-23T09:00:00Z');
  await next(h);
  expect(waiting.mails.slice(1).map(({ subject }) => subject)).toEqual([
    expect.stringContaining('ended: the policy weekly is no longer deployed'),
  ]);
  // The command is among what to do, and nothing is to be done at the end.
  expect(waiting.mails.map(({ text }) => text.match(/accept/gi)?.length ?? 0)).toEqual([2, 0]);
});

test('what dropped does not end while the record can not be read, with which audits compare', async () => {
  const waiting = await startWaiting();
  const h = await audited();
  redeploy(h);
  await next(h);
  h.s3.refuses = /^GET .*coverage/;
  for (const hour of ['08', '09', '10']) {
    setTime(`2026-11-23T${hour}:00:00Z`);
    expect((await next(h)).sentence).toMatch(
      /; the coverage record can't be read, so other dropped servers are unknown$/,
    );
    expect((await h.fail('audit', { acceptDropped: true })).error.message).toContain('cannot be read');
  }
  h.s3.refuses = / ^/;
  setTime('2026-11-23T11:00:00Z');
  await next(h);
  expect(waiting.mails.map(({ subject }) => subject.replace('Autosnap autosnap-test: ', ''))).toEqual([
    'the policy daily is no longer deployed',
    "the record of what policies covered can't be read",
  ]);
});

describe('what can not be read', () => {
  const downIn = (h: Audited, { id }: { id: string }) => {
    h.dfw.unlisted.add(id);
    const answer = { status: 500, body: { fault: { code: 500, message: 'The cell is down.' } } };
    const path = new RegExp(`servers/${id}$`);
    h.cloud.faults.push({ service: 'compute', method: 'GET', path, times: 99, answer });
  };

  test('a region: nothing of it is reported or forgotten', async () => {
    const h = await audited();
    h.mail.metadata = {};
    h.cloud.faults.push({ service: 'compute', region: 'ORD', answer: answers.forbidden, times: 9 });
    expect((await next(h)).drops).toEqual([]);
    h.cloud.faults.splice(0);
    expect((await next(h)).dropped).toEqual([
      expect.stringMatching(/^no policy covers mail .* until 2026-11-23 06:00, daily did/),
    ]);
  });

  test('a server in a cell that is down, of which there is no snapshot yet: it is late', async () => {
    const h = await audited();
    downIn(h, h.web1);
    const { drops, late, policies } = await next(h);
    expect(drops).toEqual([]);
    expect(late).toMatchObject([
      { name: 'web-1', state: 'never', cause: { code: 'SERIES_SERVER_UNCERTAIN' } },
    ]);
    expect(policies[0]!.readable).toBe(false);
    h.cloud.faults.splice(0);
    h.dfw.unlisted.clear();
    h.web1.metadata = {};
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 1']);
  });

  test('a server in a cell that is down is late under the policies that covered it alone', async () => {
    const weekly = policy({ policy: 'weekly', servers: { tagged: { autosnap: 'weekly' } } });
    const h = await audited({ policies: [DAILY, weekly] });
    addSnapshot(h, h.web1, 0);
    downIn(h, h.web1);
    const { late } = await next(h);
    expect(late.map(({ policy: name, server }) => [name, server])).toEqual([['daily', h.web1.id]]);
  });

  test.each([
    ['can not mean it any more', { servers: { names: ['web-2'] } }],
    ['is for other regions now', { regions: ['ORD'] }],
  ])('a server in a cell that is down is nothing to a policy that %s', async (_, changes) => {
    const h = await audited();
    downIn(h, h.web1);
    redeploy(h, { ...DAILY, ...changes });
    const { late, policies } = await next(h);
    expect([late, policies[0]!.readable]).toEqual([[], true]);
  });

  test('a server that is not in its region, while another region does not answer for it', async () => {
    const h = await audited();
    h.dfw.removeServer(h.web1);
    const path = new RegExp(`servers/${h.web1.id}$`);
    h.cloud.faults.push({ service: 'compute', region: 'ORD', path, times: 9, answer: answers.forbidden });
    expect((await next(h)).drops).toEqual([]);
    expect(h.s3.objects.get(COVERAGE)).toContain(h.web1.id);
  });
});

describe('a server that a listing leaves out, and that exists', () => {
  test('stays covered, and is late once it has had no snapshot for long enough', async () => {
    const h = await audited();
    h.dfw.unlisted.add(h.web1.id);
    expect(await next(h)).toMatchObject({
      drops: [],
      late: [],
      sentence: expect.stringMatching(/^0 of 3 servers protected; 3 wait/),
    });
    setTime('2026-11-27T07:00:00Z');
    const { late } = await next(h);
    expect(late.map(({ name, state }) => [name, state])).toContainEqual(['web-1', 'never']);
    expect(h.logs()).toMatch(/"Troubles":[1-9]/);
  });

  test('is reported once it has lost its tag', async () => {
    const h = await audited();
    h.dfw.unlisted.add(h.web1.id);
    h.web1.metadata = {};
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 1']);
  });

  test('is asked for in its own region alone', async () => {
    const h = await audited();
    h.dfw.unlisted.add(h.web1.id);
    h.cloud.received.length = 0;
    await next(h);
    const asked = h.cloud.received.filter(({ path }) => path.endsWith(h.web1.id));
    expect(asked.map(({ region }) => region)).toEqual(['DFW']);
    const others = h.cloud.received.filter(({ path }) => path.endsWith(h.web2.id));
    expect(others).toEqual([]);
  });
});

describe('accepting', () => {
  async function twoDropped() {
    const h = await audited();
    for (const server of [h.web1, h.web2]) server.metadata = {};
    return h;
  }

  test('all of it is accepted with true, and shown once more', async () => {
    const h = await twoDropped();
    const { accepted, dropped, codes } = await next(h, { acceptDropped: true });
    expect(accepted).toHaveLength(2);
    expect([dropped, dropsIn(codes)]).toEqual([[], []]);
    expect(await next(h)).toMatchObject({ accepted: [], drops: [] });
  });

  test('one server is accepted by its name; the other is still reported', async () => {
    const h = await twoDropped();
    await next(h, { acceptDropped: { servers: ['web-1'] } });
    expect((await next(h)).dropped).toEqual([expect.stringContaining('no policy covers web-2 ')]);
  });

  test('what was accepted, covered again and dropped once more is reported again', async () => {
    const h = await twoDropped();
    await next(h, { acceptDropped: true });
    h.web1.metadata = { ...TAG };
    await next(h);
    h.web1.metadata = {};
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 1']);
  });

  test('a name that matches nothing is a warning', async () => {
    const h = await twoDropped();
    const { warnings, accepted } = await next(h, { acceptDropped: { servers: ['web-3', 'web-1'] } });
    expect(textsOf(warnings)).toEqual(['acceptDropped: servers "web-3" did not drop out of coverage']);
    expect(accepted).toHaveLength(1);
  });

  test('is not undone by an audit that has begun before', async () => {
    const h = await twoDropped();
    await next(h);
    const accepted = h.s3.objects.get(COVERAGE)!;
    await next(h, { acceptDropped: true });
    const after = h.s3.objects.get(COVERAGE)!;
    h.s3.objects.set(COVERAGE, accepted);
    h.s3.before = (request) => {
      if (request !== `PUT ${COVERAGE}`) return;
      h.s3.before = () => {};
      h.s3.objects.set(COVERAGE, after);
    };
    expect(await next(h)).toMatchObject({ drops: [], warnings: [] });
    expect(await next(h)).toMatchObject({ drops: [] });
  });

  test('fails while other audits record all the time', async () => {
    const h = await twoDropped();
    let writes = 0;
    h.s3.before = (request) => {
      if (request === `PUT ${COVERAGE}`)
        h.s3.objects.set(COVERAGE, `{"version":1,"accounts":[],"by":${writes++}}`);
    };
    const { error } = await h.fail('audit', { acceptDropped: true });
    expect(error.message).toContain('other audits are recording at the same time');
  });

  test('is recorded, too, where the first response of the bucket is lost', async () => {
    const h = await twoDropped();
    h.s3.loses = /^PUT .*coverage/;
    const { accepted, warnings } = await next(h, { acceptDropped: { servers: ['web-1'] } });
    expect([accepted.length, warnings]).toEqual([1, []]);
  });

  test('has to be repeated where it could not be recorded', async () => {
    const h = await twoDropped();
    h.s3.refuses = /^PUT .*coverage/;
    const { error } = await h.fail('audit', { acceptDropped: true });
    expect(error.message).toMatch(/what this audit saw covered was not recorded: /);
    h.s3.refuses = / ^/;
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 2']);
  });

  test.each<[unknown, RegExp]>([
    [false, /acceptDropped: must be true, or have lists: accounts, regions, policies, servers/],
    ['web-1', /acceptDropped: must be true, or have lists/],
    [{ servers: 'web-1' }, /acceptDropped\.servers: must be a list/],
    [
      {},
      /acceptDropped: must name what you accept: accounts, regions, policies or servers; true accepts all/,
    ],
    [{ servers: [] }, /acceptDropped\.servers: must not be empty: leave it out/],
    [{ server: ['web-1'] }, /acceptDropped\.server: is not a known key: did you mean "servers"\?/],
  ])('%j is refused', async (acceptDropped, problem) => {
    const h = await audited();
    expect((await h.fail('audit', { acceptDropped })).error.message).toMatch(problem);
  });

  test('is refused without a bucket', async () => {
    const h = await harness({ regions: ['DFW', 'ORD'] });
    deploy([DAILY]);
    const { error } = await h.fail('audit', { acceptDropped: true });
    expect(error.message).toMatch(/acceptDropped: without a bucket for reports/);
  });
});

describe('the record', () => {
  test('of a later version is replaced, which is reported once', async () => {
    const h = await audited();
    h.s3.objects.set(COVERAGE, '{"version":2,"accounts":[]}');
    h.web1.metadata = {};
    expect(await next(h)).toMatchObject({ drops: [], codes: { COVERAGE_OF_OTHER_VERSION: 1 } });
    expect(await next(h)).toMatchObject({ drops: [], warnings: [] });
    h.web2.metadata = {};
    expect((await next(h)).dropped).toEqual([expect.stringContaining('web-2')]);
  });

  /** web-1 has dropped out, which was mailed; then the record is replaced, or deleted. */
  const lost = async (text: string | undefined) => {
    const waiting = await startWaiting();
    const h = await audited();
    h.web1.metadata = {};
    await next(h);
    if (text === undefined) h.s3.objects.delete(COVERAGE);
    else h.s3.objects.set(COVERAGE, text);
    const hours = async (...all: string[]) => {
      for (const hour of all) {
        setTime(`2026-11-23T${hour}:30:00Z`);
        expect(await next(h)).toMatchObject({ drops: ['DROPPED_SERVER 1'] });
      }
    };
    return { ...h, waiting, hours };
  };

  test.each([
    ['of another shape', '{"version":1,"servers":{}}'],
    ['that is no JSON', 'coverage'],
    ['that is cut off', '{"version":1,"acc'],
    ['that is empty', ''],
    ['of nothing', '{}'],
    ['that is null', 'null'],
  ])('%s is damaged: it stays as it is, and what had dropped before is still reported', async (_, text) => {
    const h = await lost(text);
    await h.hours('08', '09', '10');
    expect(h.s3.objects.get(COVERAGE)).toBe(text);
    const { warnings, sentence } = await next(h);
    expect(textsOf(warnings).join()).toContain(
      'coverage.json is damaged: restore an earlier version of it. If there is none, delete it',
    );
    expect(sentence).toMatch(
      /; web-1 is no longer covered; the coverage record can't be read, so other dropped servers are unknown$/,
    );
    const subjects = h.waiting.mails.map(({ subject }) => subject.replace(/.*: /, ''));
    expect(subjects).toEqual([
      'web-1 is no longer covered',
      "the record of what policies covered can't be read",
    ]);
    h.s3.objects.delete(COVERAGE);
    await h.hours('11', '12', '13');
    expect(h.waiting.mails.map(({ subject }) => subject).slice(2)).toEqual([
      expect.stringMatching("ended: the record of what policies covered can't be read"),
    ]);
  });

  test.each([
    ['deleted', undefined],
    ['replaced by another version', '{"version":2,"accounts":[]}'],
  ])('that was %s does not end what had dropped before, until it is accepted', async (_, text) => {
    const h = await lost(text);
    await h.hours('08', '09', '10');
    expect(h.waiting.mails).toHaveLength(1);
    expect((await next(h, { acceptDropped: { servers: ['nope'] } })).codes).toMatchObject({
      NOTHING_TO_ACCEPT: 1,
    });
    expect(await next(h, { acceptDropped: { servers: ['web-1'] } })).toMatchObject({
      accepted: [expect.stringContaining('web-1')],
      warnings: [],
    });
    expect((await next(h)).drops).toEqual([]);
  });

  test('that was deleted does not end what had dropped before, until it is covered again', async () => {
    const h = await lost(undefined);
    await h.hours('08', '09');
    h.web1.metadata = { ...TAG };
    expect((await next(h)).drops).toEqual([]);
    h.web1.metadata = {};
    expect((await next(h)).drops).toEqual(['DROPPED_SERVER 1']);
  });

  test('that was deleted right after what had dropped was accepted does not bring it back', async () => {
    const h = await lost(undefined);
    await h.hours('08');
    setTime('2026-11-23T08:40:00Z');
    await next(h, { acceptDropped: { servers: ['web-1'] } });
    h.s3.objects.delete(COVERAGE);
    setTime('2026-11-23T09:30:00Z');
    expect((await next(h)).drops).toEqual([]);
  });

  test('that can not be read is reported, stops nothing, and is left as it is', async () => {
    const h = await audited();
    const before = h.s3.objects.get(COVERAGE);
    h.s3.refuses = /^GET .*coverage/;
    expect(await next(h)).toMatchObject({
      codes: { COVERAGE_UNREADABLE: 1 },
      failures: [],
      sentence: expect.stringMatching(/^0 of 3 servers protected/),
    });
    expect(h.s3.objects.get(COVERAGE)).toBe(before);
  });

  test('that can not be read leaves what had dropped before in the metrics, the digest and the sentence', async () => {
    const waiting = await startWaiting();
    const h = await audited();
    h.web1.metadata = {};
    await next(h);
    expect(waiting.mails).toHaveLength(1);
    h.s3.refuses = /^GET .*coverage/;
    for (const hour of ['08', '09']) {
      setTime(`2026-11-23T${hour}:30:00Z`);
      expect(await next(h)).toMatchObject({
        drops: ['DROPPED_SERVER 1'],
        sentence: expect.stringMatching(
          /; web-1 is no longer covered; the coverage record can't be read, so other dropped servers are unknown$/,
        ),
      });
      const metrics = h
        .logs()
        .split('\n')
        .findLast((line) => line.includes('"Troubles"'));
      expect(JSON.parse(metrics!)).toMatchObject({ policy: 'daily', Dropped: 1, Troubles: 1 });
    }
    h.s3.refuses = / ^/;
    setTime('2026-11-23T10:30:00Z');
    expect((await next(h, { acceptDropped: true })).accepted).toHaveLength(1);
  });

  test('that can not be written is reported, with what has dropped', async () => {
    const h = await audited();
    h.web1.metadata = {};
    h.s3.refuses = /^PUT .*coverage/;
    expect(await next(h)).toMatchObject({
      codes: { COVERAGE_NOT_RECORDED: 1, DROPPED_SERVER: 1 },
      failures: [],
    });
  });

  test('that can not be written by two audits is mailed, with what to do, and once more when it can', async () => {
    const waiting = await startWaiting();
    const h = await audited();
    h.s3.refuses = /^PUT .*coverage/;
    for (const hour of ['07', '08', '09']) {
      setTime(`2026-11-23T${hour}:30:00Z`);
      await next(h);
    }
    const subjects = () =>
      waiting.mails.map(({ subject }) => subject.replace('Autosnap autosnap-test: ', ''));
    expect(subjects()).toEqual(['what policies cover is not recorded']);
    expect(waiting.mails[0]!.text).toContain('npx serverless logs -f audit --stage test');
    h.s3.refuses = / ^/;
    for (const hour of ['10', '11']) {
      setTime(`2026-11-23T${hour}:30:00Z`);
      await next(h);
    }
    expect(subjects().slice(1)).toEqual(['ended: what policies cover is not recorded']);
  });

  test('is on the report page', async () => {
    const h = await audited();
    h.web1.metadata = {};
    await next(h);
    expect(h.s3.objects.get('/state.of.reports/autosnap.html')).toMatch(/no policy covers web-1 /);
  });
});

describe('a server without a snapshot that a policy begins to select', () => {
  const old = { createdAt: new Date('2026-01-01T00:00:00Z') };
  const lateAt = async (h: Harness, time: string) => {
    setTime(time);
    return (await h.run('audit', {})).late.map(({ name }) => name);
  };

  test('waits for its first snapshot, and is late once that is', async () => {
    const h = await audited();
    const tagged = h.dfw.addServer({ name: 'old', ...old });
    await lateAt(h, '2026-11-23T07:00:00Z');
    tagged.metadata = { ...TAG };
    expect(await lateAt(h, '2026-11-23T08:00:00Z')).toEqual([]);
    expect(await lateAt(h, '2026-11-24T11:00:00Z')).toEqual([]);
    // The next slot and half of the interval that begins there have passed.
    expect(await lateAt(h, '2026-11-24T13:00:00Z')).toContain('old');
  });

  test('is late at once where nobody knows since when it is selected', async () => {
    setTime('2026-11-23T06:00:00Z');
    const h = await harness({ regions: ['DFW', 'ORD'] });
    h.cloud.region('DFW').addServer({ name: 'old', metadata: { ...TAG }, ...old });
    deploy([DAILY]);
    expect(await lateAt(h, '2026-11-23T06:00:00Z')).toEqual(['old']);
  });
});

describe('a server with old snapshots', () => {
  const lateAt = async (h: Harness, time: string, event: object = {}) => {
    setTime(time);
    return (await h.run('audit', event)).late.map(({ name }) => name);
  };

  test('that is tagged again after its drop-out was accepted is late once its next slot is missed', async () => {
    const h = await audited();
    for (const server of [h.web2, h.mail]) server.metadata = {};
    addSnapshot(h, h.web1, 0);
    await lateAt(h, '2026-11-23T08:00:00Z', { acceptDropped: true });
    h.web1.metadata = {};
    await lateAt(h, '2026-11-23T09:00:00Z', { acceptDropped: true });
    h.web1.metadata = { ...TAG };
    for (const time of ['27T09', '27T10', '28T11']) {
      expect(await lateAt(h, `2026-11-${time}:00:00Z`)).toEqual([]);
    }
    expect(await lateAt(h, '2026-11-28T13:00:00Z')).toEqual(['web-1']);
  });

  test.each([
    ['another failed one', true],
    ['a good one', false],
  ])('and %s is late at once without a record, and stays late with it', async (_, isFailed) => {
    const h = await audited();
    addSnapshot(h, h.web1, 0, isFailed ? { status: 'killed' } : {});
    h.s3.objects.delete(COVERAGE);
    h.web1.createdAt = new Date('2026-11-01T00:00:00Z');
    for (const time of ['26T07', '26T08']) {
      expect(await lateAt(h, `2026-11-${time}:00:00Z`)).toContain('web-1');
    }
  });
});
