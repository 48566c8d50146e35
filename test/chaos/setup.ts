import { REQUIRED, requireSettings } from '../real/environment.ts';

/** Vitest's global setup: the test needs its own cloud, whose processes it may stop. */
export default function requireOwnCloud(): void {
  requireSettings([...REQUIRED, 'STATE', 'CONTROL_DIR']);
}
