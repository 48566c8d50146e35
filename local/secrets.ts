import { Hono } from 'hono';
import type { Env } from './faults.ts';

/** Secrets Manager's GetSecretValue, over the secrets in `secrets` by name. */
export function secretsApp(secrets: Map<string, string>): Hono<Env> {
  const app = new Hono<Env>();
  app.post('/', async (c) => {
    const fault = (type: string, message: string) => c.json({ __type: type, message }, 400);
    if (c.req.header('x-amz-target') !== 'secretsmanager.GetSecretValue') {
      return fault('UnknownOperationException', 'Only GetSecretValue is here.');
    }
    const { SecretId: name } = await c.req.json<{ SecretId: string }>();
    const value = secrets.get(name);
    if (value === undefined) {
      return fault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    }
    return c.json({
      ARN: `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}`,
      Name: name,
      SecretString: value,
      VersionId: '00000000-0000-4000-8000-000000000000',
      CreatedDate: 0,
    });
  });
  return app;
}
