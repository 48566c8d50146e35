import { vi } from 'vitest';
import { testMatrix } from './matrix.ts';
import { scenarios } from './scenarios.ts';

// Each run has a package of its own.
vi.mock('../../lib/policies.ts', async () => {
  const { deployedPolicies } = await import('./invocation.ts');
  return { deployedPolicies };
});

testMatrix(
  'The fault matrix',
  'docs/fault-matrix.md',
  `Every call of every job, with all that can go wrong with a call: what has happened, written by \`npm run test:faults\`,
which fails when it happens otherwise. The calls are those that a good run makes. In each cell the real handler runs
against an embedded cloud, as Lambda runs it, with two tries again; then an onlooker looks into the cloud, and at all
that was logged, returned and thrown. In no cell was a snapshot **lost**, a snapshot, server or disk made **twice**, a
run without an **end**, a report **untrue**, or a key, a password or a token **shown**.

*Once* is one answer, *a whole try* all such answers of the first try, *for ever* those of all three; *afterwards* is after
the job has changed something. [Restoring, drills and copies](fault-matrix-restore.md) have
a page of their own.`,
  scenarios.filter(({ job }) => !['restore', 'drill', 'offsite'].includes(job)),
);
