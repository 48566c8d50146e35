import {
  CreateSecretCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { inject, onTestFinished } from 'vitest';
import { imageName } from '../../lib/snapshots/create.ts';
import { markerOf } from '../../lib/snapshots/marker.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { aws } from './clients.ts';

/** An embedded Rackspace whose snapshots are finished at once; it ends with the test. */
export async function cloudAccount(): Promise<Cloud> {
  const cloud = await startCloud({ timing: { queuedMs: 0, savingMs: 0 } });
  onTestFinished(() => cloud.close());
  return cloud;
}

/**
 * Puts a secret into Secrets Manager as docs/credentials.md tells operators to: a new one, or a new
 * value of it.
 */
export async function putSecret(Name: string, SecretString: string, KmsKeyId?: string): Promise<void> {
  const { SecretList = [] } = await aws.secrets.send(new ListSecretsCommand());
  if (SecretList.some((secret) => secret.Name === Name)) {
    await aws.secrets.send(new PutSecretValueCommand({ SecretId: Name, SecretString }));
  } else {
    await aws.secrets.send(new CreateSecretCommand({ Name, SecretString, KmsKeyId }));
  }
}

/**
 * Whose the snapshots of a stage are: by the account that the emulator has, or AWS's Runtime
 * Interface Emulator.
 */
export function ownerIn(stage: string): string {
  return `autosnap_${stage}_${inject('rie') ? '012345678912' : '123456789012'}_us-east-1`;
}

/** Adds a snapshot that a deployment has taken so many days ago, of a server in DFW. */
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

/** The images of a cloud account, in all its regions. */
export function imagesOf(cloud: Cloud): CloudImage[] {
  return ['DFW', 'ORD'].flatMap((region) => cloud.region(region).images);
}

/** The ids of the snapshots that an owner has in a cloud account. */
export function snapshotIdsOf(cloud: Cloud, owner: string): string[] {
  return imagesOf(cloud)
    .filter(({ properties }) => properties.autosnap_owner === owner)
    .map(({ id }) => id)
    .sort();
}
