import type { ParseArgsOptionsConfig } from 'node:util';
import type { Words } from '../../lib/reporting/sentences/words.ts';
import type { Deployment } from '../limits.ts';
import type { ClientSettings, Functions } from './functions.ts';
import type { Terminal } from './terminal.ts';

/**
 * The exit codes of all commands: nothing is wrong; the command has failed, or has found something
 * wrong; the command line is wrong, and nothing was done.
 */
export const EXIT = { good: 0, trouble: 1, usage: 2 } as const;

/** The values of the options on the command line. */
export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

/** What a command works with. */
export interface Context {
  deployment: Deployment;
  terminal: Terminal;
  functions: Functions;
  /** Settings of AWS clients, for commands that need more than functions. */
  client: ClientSettings;
  /** Invokes a function, and shows what takes time: `what`, such as "web-1 is looked up". */
  invoke<R>(job: string, event: unknown, what: string): Promise<R>;
  /** The command that shows the progress, for a person who interrupts this one. */
  progressCommand: string;
  /** How sentences name what was typed. */
  words: Words;
  /** Whether `--json` is given: the command prints one JSON document to stdout, nothing else. */
  isJson: boolean;
}

/** An option of a command, with its description for `--help`. */
export type Option = ParseArgsOptionsConfig[string] & {
  /** What stands for the value in the help, such as `<name>`. */
  value?: string;
  /** What the option means. */
  help: string;
  isRequired?: true;
};

/** One verb of `npx autosnap`. */
export interface Command {
  /** What it does, in one line. */
  summary: string;
  /** A complete command line. */
  example: string;
  options: Record<string, Option>;
  /**
   * What the command needs: every setting of serverless.yml, with its values; the functions; or
   * only AWS clients of its own.
   */
  needs: 'all settings' | 'functions' | 'clients';
  /** Whether the command works with `--stage local`. */
  isLocalToo: boolean;
  /**
   * @returns the exit code.
   * @throws {UsageError} for values that make no sense; other errors for what fails.
   */
  run(values: Values, context: Context): Promise<number>;
}

/** A wrong command line. The message names the option and the remedy. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The text of an option that was given once. */
export function textOf(values: Values, option: string): string | undefined {
  const value = values[option];
  return typeof value === 'string' ? value : undefined;
}

/** The texts of an option that may be given several times. */
export function textsOf(values: Values, option: string): string[] {
  const value = values[option];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** The option that names the servers of a command. */
export const SERVER: Option = {
  type: 'string',
  value: '<name>',
  help: 'the name of the server; * stands for any characters',
};

/** The option that names a cloud account, as in the events. */
export const ACCOUNT: Option = {
  type: 'string',
  value: '<name>',
  help: 'the cloud account: the last part of the name of its secret; default: rackspace',
};

/** `{"account": …}` of an event, if `--account` is given. */
export function accountOf(values: Values): { account?: string } {
  const account = textOf(values, 'account');
  return account === undefined ? {} : { account };
}
