import { check } from './check.ts';
import type { Command } from './command.ts';
import { doctor } from './doctor.ts';
import { drill } from './drill.ts';
import { hold, release } from './hold.ts';
import { plan } from './plan.ts';
import { report } from './report.ts';
import { rerun } from './rerun.ts';
import { restore } from './restore.ts';
import { snapshots } from './snapshots.ts';
import { status } from './status.ts';
import { take } from './take.ts';

/** All commands by their verbs, in the order of the help and of docs/commands.md. */
export const VERBS: Readonly<Record<string, Command>> = {
  status,
  snapshots,
  take,
  restore,
  plan,
  hold,
  release,
  drill,
  doctor,
  check,
  report,
  rerun,
};
