import { REQUIRED, requireSettings } from '../real/environment.ts';

/** Vitest's global setup: chaos needs a cloud of its own, whose processes it may stop. */
export default function requireOwnCloud(): void {
  requireSettings([...REQUIRED, 'STATE', 'CONTROL_DIR']);
}
