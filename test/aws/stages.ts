import { addPolicy, copyProject, WEEKLY } from './project.ts';

/**
 * The stages that all tests share: deployed once, never changed. Their policies are `daily` and
 * `weekly`.
 */
export const STAGES = ['dev', 'prod'] as const;

/** serverless.yml with the policy `weekly` for the account customer-b. */
function withCustomerB(yml: string): string {
  return addPolicy(
    yml,
    `${WEEKLY}      account: customer-b
`,
  );
}

/**
 * Deploys each of {@link STAGES} from a separate copy, because two deployments cannot share a build
 * folder.
 */
export async function deployStages(): Promise<void> {
  await Promise.all(
    STAGES.map(async (stage) => {
      const project = await copyProject();
      project.edit(withCustomerB);
      await project.deploy(stage);
    }),
  );
}
