/** The real handlers. They are loaded again after their modules were reset. */
export const FUNCTIONS = {
  snapshot: () => import('../handlers/snapshot.ts'),
  cleanup: () => import('../handlers/cleanup.ts'),
  hold: () => import('../handlers/hold.ts'),
  offsite: () => import('../handlers/offsite.ts'),
  drill: () => import('../handlers/drill.ts'),
  doctor: () => import('../handlers/doctor.ts'),
  restore: () => import('../handlers/restore.ts'),
  audit: () => import('../handlers/audit.ts'),
};

export type AnyJob = keyof typeof FUNCTIONS;
