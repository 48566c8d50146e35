import { policiesOf, type Service } from './policies.ts';

/** An output of a stack, as CloudFormation describes it. */
interface Output {
  OutputKey?: string;
  OutputValue?: string;
}

/**
 * What `serverless remove` leaves, each with the command that deletes it, or how to go on with it.
 *
 * @param outputs those of the stack before it was removed; empty if they could not be read.
 */
export function remainsText(
  { service, stage, region }: { service: Service; stage: string; region: string },
  outputs: readonly Output[],
): string {
  const bucketOf = (key: string) =>
    outputs.find(({ OutputKey }) => OutputKey === key)?.OutputValue ?? '<the old bucket>';
  const copies = bucketOf('CopiesBucket');
  // A bucket that the operator has named may have other objects, too.
  const isOwn = typeof Object(service.custom).copiesBucket !== 'string';
  return [
    'These stay until you delete them:',
    '- the snapshots in your cloud. No cleanup deletes them any more. The same service and stage, deployed again in the same AWS account and region, continues with them',
    ...secretsOf(service, stage).map((secret) =>
      secret.includes('*')
        ? `- the secrets ${secret}`
        : `- the secret ${secret}: aws secretsmanager delete-secret --region ${region} --secret-id ${secret}`,
    ),
    `- the bucket with the reports, whose objects expire: ${removal(bucketOf('ReportsBucket'))}`,
    `- the copies in the bucket ${copies}${isOwn ? `: ${removal(copies)}` : ''}`,
    ...(isOwn ? [`  To continue with them, deploy again with custom.copiesBucket: ${copies}`] : []),
  ].join('\n');
}

function removal(bucket: string): string {
  return `aws s3 rb --force s3://${bucket}`;
}

/** The names of the secrets of all policies, with `*` where the policy has it. */
function secretsOf(service: Service, stage: string): string[] {
  const accounts = policiesOf(service).flatMap(({ account }) => account ?? 'rackspace');
  return [...new Set(accounts)].map((account) => `${service.service}/${stage}/${account}`);
}
