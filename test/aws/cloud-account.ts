import {
  CreateSecretCommand,
  ListSecretsCommand,
  UpdateSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import { inject, onTestFinished } from 'vitest';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { markerOf } from '../../lib/snapshots/marker.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { aws } from './clients.ts';

/** An embedded Rackspace whose snapshots finish at once; it ends with the test. */
export async function cloudAccount(): Promise<Cloud> {
  const cloud = await startCloud({ timing: { queuedMs: 0, savingMs: 0 } });
  onTestFinished(() => cloud.close());
  return cloud;
}

/**
 * Stores a secret in Secrets Manager as docs/credentials.md describes: a new one, or a new value.
 */
export async function putSecret(Name: string, SecretString: string, KmsKeyId?: string): Promise<void> {
  const { SecretList = [] } = await aws.secrets.send(new ListSecretsCommand());
  if (SecretList.some((secret) => secret.Name === Name)) {
    await aws.secrets.send(new UpdateSecretCommand({ SecretId: Name, SecretString, KmsKeyId }));
  } else {
    await aws.secrets.send(new CreateSecretCommand({ Name, SecretString, KmsKeyId }));
  }
}

/**
 * The owner of a stage's snapshots, with the AWS account of the emulator or of AWS's Runtime
 * Interface Emulator.
 */
export function ownerIn(stage: string): string {
  return `autosnap_${stage}_${inject('rie') ? '012345678912' : '123456789012'}_us-east-1`;
}

/** Adds a snapshot by a deployment of a server in DFW, that many days old. */
export function addSnapshot(
  cloud: Cloud,
  { id: server, name }: CloudServer,
  { owner, policy, age, ...changes }: { owner: string; policy: string; age: number } & Partial<CloudImage>,
): void {
  const slot = new Date(cloud.now().getTime() - age * 86_400_000);
  cloud.region('DFW').addImage({
    name: imageName({ id: server, name }, policy, slot),
    owner: cloud.account.projectId,
    createdAt: slot,
    properties: { ...markerOf({ owner, policy, server, slot }), instance_uuid: server },
    ...changes,
  });
}

/** The images of a cloud account in all regions. */
export function imagesOf(cloud: Cloud): CloudImage[] {
  return ['DFW', 'ORD'].flatMap((region) => cloud.region(region).images);
}

/** The ids of an owner's snapshots in a cloud account. */
export function snapshotIdsOf(cloud: Cloud, owner: string): string[] {
  return imagesOf(cloud)
    .filter(({ properties }) => properties.autosnap_owner === owner)
    .map(({ id }) => id)
    .sort();
}
