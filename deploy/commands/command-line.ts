import { parseArgs } from 'node:util';
import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { sentenceIn } from '../../lib/reporting/sentences.ts';
import { stageProblems } from '../check.ts';
import { readDeployment } from '../configuration.ts';
import { type Command, type Context, EXIT, textOf, textsOf, UsageError, type Values } from './command.ts';
import { type ClientSettings, FunctionFailed, type Functions } from './functions.ts';
import { COMMON, helpOf, overviewOf, usageOf } from './help.ts';
import { optionWords } from './option-words.ts';
import { functionsOf } from './stage-functions.ts';
import { processTerminal } from './terminal.ts';
import { VERBS } from './verbs.ts';

/** As a shell reports a command that SIGINT has ended. */
const INTERRUPTED = 130;

const NO_FUNCTIONS: Functions = {
  invoke: () => Promise.reject(new Error('this command invokes no function')),
  close: async () => {},
};

/**
 * Runs `npx autosnap <verb>`.
 *
 * @param args the command line after `npx autosnap`.
 * @returns the exit code; see {@link EXIT}.
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const [verb = '', ...rest] = args;
  const { print, note } = processTerminal();
  const command = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!command) {
    const isHelp = verb === '--help' || verb === '-h';
    if (!isHelp && verb !== '') note(`There is no command ${JSON.stringify(verb)}.`);
    (isHelp ? print : note)(overviewOf(VERBS));
    return isHelp ? EXIT.good : EXIT.usage;
  }
  try {
    const values = valuesOf(command, rest);
    if (values.help) {
      print(helpOf(verb, command));
      return EXIT.good;
    }
    return await run(verb, command, values);
  } catch (error) {
    const { message } = error as Error;
    note(error instanceof UsageError ? `${message}\n${usageOf(verb, command)}` : message);
    return error instanceof UsageError ? EXIT.usage : EXIT.trouble;
  }
}

/** @throws {UsageError} for unknown or missing options. */
function valuesOf({ options }: Command, args: string[]): Values {
  let values: Values;
  try {
    values = parseArgs({
      args,
      options: { ...COMMON, ...options },
      allowPositionals: false,
      allowNegative: true,
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const empty = Object.keys(values).filter((name) => [values[name]].flat().includes(''));
  if (empty.length > 0) throw new UsageError(empty.map((name) => `--${name} is empty`).join('\n'));
  const missing = Object.entries(options).filter(
    ([name, one]) => one.isRequired && values[name] === undefined,
  );
  if (missing.length > 0 && !values.help) {
    throw new UsageError(missing.map(([name, { help }]) => `--${name} is missing: ${help}`).join('\n'));
  }
  return values;
}

async function run(verb: string, command: Command, values: Values): Promise<number> {
  const terminal = processTerminal();
  const { needs } = command;
  const options = {
    ...(textOf(values, 'stage') === undefined ? {} : { stage: textOf(values, 'stage')! }),
    ...(textOf(values, 'region') === undefined ? {} : { region: textOf(values, 'region')! }),
    param: textsOf(values, 'param'),
  };
  const deployment = await readDeployment(options, { mayBeUnknown: needs !== 'all settings' });
  const { service, stage, region } = deployment;
  if (!command.isLocalToo) {
    const [refusal] = stageProblems(verb, stage);
    if (refusal) throw new UsageError(refusal);
  }
  const profile = textOf(values, 'aws-profile') ?? service.provider?.profile;
  const client: ClientSettings = { region, ...(typeof profile === 'string' ? { profile } : {}) };
  const functions =
    needs === 'functions' ? await functionsOf({ service, stage }, client, terminal.note) : NO_FUNCTIONS;
  const context: Context = {
    deployment,
    terminal,
    functions,
    client,
    words: optionWords(stage),
    isJson: values.json === true,
    progressCommand: `npx autosnap status --stage ${stage}`,
    invoke: async <R>(job: string, event: unknown, what: string) =>
      (await terminal.during(what, functions.invoke(job, event))) as R,
  };
  const interrupted = () => {
    terminal.note(
      stage === 'local'
        ? '\nInterrupted.'
        : `\nInterrupted. What has begun continues in AWS. To see the progress: ${context.progressCommand}`,
    );
    process.exit(INTERRUPTED);
  };
  // Not `once`: npx and the terminal may both send the signal, and the second one would kill.
  process.on('SIGINT', interrupted);
  try {
    return await command.run(values, context);
  } catch (error) {
    throw error instanceof FunctionFailed ? inWordsOf(error, context) : error;
  } finally {
    process.off('SIGINT', interrupted);
    await functions.close();
  }
}

/** The codes of a function that refuses an option, and has done nothing. */
const OPTION_REFUSED: readonly ReasonCode[] = [
  'EVENT_INVALID',
  'POLICY_UNKNOWN',
  'POLICY_OF_OTHER_ACCOUNT',
  'IMAGE_UNKNOWN',
];

/** The codes of a function that refuses to begin, so that there is nothing to look at. */
const NOT_BEGUN: readonly ReasonCode[] = ['JOB_REFUSED', 'JOB_NOT_IN_POLICY'];

/** The error of a function for the person who has typed the command. */
function inWordsOf({ message, reason, request }: FunctionFailed, { words, progressCommand }: Context): Error {
  if (!reason) return new Error(message);
  const said = sentenceIn(words, reason);
  if (OPTION_REFUSED.includes(reason.code)) return new UsageError(said);
  if (NOT_BEGUN.includes(reason.code)) return new Error(said);
  return new Error(`${said}\nTo see the progress: ${progressCommand} (run ${request})`);
}
