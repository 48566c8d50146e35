import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { reportStoreIn } from '../lib/reporting/report-store.ts';

/**
 * Fetches the report page of a deployment into a file.
 *
 * @param config the configuration of AWS SDK clients: the region, and credentials that may read the
 *   deployment's bucket.
 * @throws Error for a deployment without a bucket; the SDK's errors, such as NoSuchKey before the
 *   first audit.
 */
export async function fetchReport(config: object, stack: string, file: string): Promise<void> {
  const bucket = await bucketOf(new CloudFormationClient(config), stack);
  const page = await reportStoreIn(bucket, config).readPage();
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, page);
}

async function bucketOf(client: CloudFormationClient, StackName: string): Promise<string> {
  for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client }, { StackName })) {
    const found = StackResourceSummaries.find(({ LogicalResourceId }) => LogicalResourceId === 'Reports');
    if (found?.PhysicalResourceId) return found.PhysicalResourceId;
  }
  throw new Error(`${StackName} has no bucket for reports: deploy it again`);
}
