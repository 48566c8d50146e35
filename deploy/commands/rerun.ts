import { rerun as rerunFailed } from '../rerun.ts';
import { type Command, EXIT } from './command.ts';

/** `npx autosnap rerun`: runs again what has failed in all its tries. */
export const rerun: Command = {
  summary: 'Runs again what has failed in all its tries, once the cause is gone.',
  example: 'npx autosnap rerun --stage prod',
  options: {
    discard: { type: 'boolean', help: 'delete the messages in the queue that are no failed runs' },
  },
  needs: 'clients',
  isLocalToo: false,
  async run(values, { deployment, client, terminal, isJson }) {
    const { SQSClient } = await import('@aws-sdk/client-sqs');
    const { singleTryClient } = await import('./deployed-functions.ts');
    const clients = { queues: new SQSClient(client), functions: singleTryClient(client) };
    const queue = `${deployment.service.service}-${deployment.stage}-failed-runs`;
    const print = isJson ? terminal.note : terminal.print;
    const failed = await rerunFailed(clients, queue, print, { discard: values.discard === true });
    if (isJson) terminal.print(JSON.stringify({ failed }));
    else if (failed > 0) terminal.note(`${failed} failed again, and stay in the queue.`);
    return failed > 0 ? EXIT.trouble : EXIT.good;
  },
};
