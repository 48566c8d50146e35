import { Hono } from 'hono/quick';
import type { Env } from './faults.ts';

const PAGE = 100;

interface Request {
  SecretId?: string;
  Filters?: { Key: string; Values: string[] }[];
  NextToken?: string;
}

/**
 * Serves Secrets Manager's GetSecretValue, and ListSecrets with a filter on the beginning of the
 * name. `secrets` maps names to texts.
 */
export function secretsApp(secrets: Map<string, string>): Hono<Env> {
  const app = new Hono<Env>();
  app.post('/', async (c) => {
    const fault = (type: string, message: string) => c.json({ __type: type, message }, 400);
    const target = c.req.header('x-amz-target');
    const { SecretId: name = '', Filters = [], NextToken = '0' } = await c.req.json<Request>();
    if (target === 'secretsmanager.ListSecrets') {
      const beginnings = Filters.flatMap(({ Values }) => Values);
      const names = [...secrets.keys()].filter((key) => beginnings.some((b) => key.startsWith(b)));
      const end = Number(NextToken) + PAGE;
      return c.json({
        SecretList: names.slice(Number(NextToken), end).map((Name) => ({ ARN: secretArn(Name), Name })),
        ...(end < names.length ? { NextToken: String(end) } : {}),
      });
    }
    if (target !== 'secretsmanager.GetSecretValue') {
      return fault(
        'UnknownOperationException',
        'The embedded cloud supports only GetSecretValue and ListSecrets.',
      );
    }
    const value = secrets.get(name);
    if (value === undefined) {
      return fault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    }
    return c.json({
      ARN: secretArn(name),
      Name: name,
      SecretString: value,
      VersionId: '00000000-0000-4000-8000-000000000000',
      CreatedDate: 0,
    });
  });
  return app;
}

function secretArn(name: string): string {
  return `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}`;
}
