import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CloudFormationClient, DescribeStackResourceCommand } from '@aws-sdk/client-cloudformation';
import { storeIn } from '../lib/store.ts';

/**
 * Fetches the report page of a deployment into a file.
 *
 * @param config for AWS SDK clients: the region, and credentials that may read the deployment's bucket.
 * @throws the SDK's errors: NoSuchKey when there was no audit yet.
 */
export async function fetchReport(config: object, stack: string, file: string): Promise<void> {
  const { StackResourceDetail } = await new CloudFormationClient(config).send(
    new DescribeStackResourceCommand({ StackName: stack, LogicalResourceId: 'Reports' }),
  );
  const page = await storeIn(StackResourceDetail?.PhysicalResourceId ?? '', config).readPage();
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, page);
}
