import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';

/** AWS clients for the emulator, the only AWS that this process can reach (see emulator.ts). */
export const aws = {
  cloudFormation: new CloudFormationClient(),
  cloudWatch: new CloudWatchClient(),
  eventBridge: new EventBridgeClient(),
  iam: new IAMClient(),
  kms: new KMSClient(),
  lambda: new LambdaClient(),
  s3: new S3Client(),
  secrets: new SecretsManagerClient(),
  sns: new SNSClient(),
  sqs: new SQSClient(),
};
