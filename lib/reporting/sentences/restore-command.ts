import type { Sentence } from './sentence.ts';

/** The server of a {@link restoreCommand}; without a name that is its own, by its id. */
export interface RestoredServer {
  account: string;
  server: string;
  name: string | undefined;
}

/** The command that restores a server, to be copied into a shell. */
export function restoreCommand(stage: string, { account, server, name }: RestoredServer): Sentence {
  const ofAccount = account === 'rackspace' ? '' : ` --account ${shellWord(account)}`;
  return `npx autosnap restore --stage ${stage} --server ${shellWord(name || server)}${ofAccount}`;
}

/** A text as one word for a shell: quoted if it has other characters than most names. */
export function shellWord(text: string): string {
  return /^[\w.=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
