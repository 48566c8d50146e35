import type { Command, Option } from './command.ts';

/** The options of every command. */
export const COMMON: Record<string, Option> = {
  stage: { type: 'string', short: 's', value: '<stage>', help: 'the deployment; local: this machine alone' },
  region: {
    type: 'string',
    short: 'r',
    value: '<region>',
    help: 'the AWS region; default: that of serverless.yml',
  },
  param: {
    type: 'string',
    multiple: true,
    value: '<name>=<value>',
    help: 'a parameter of serverless.yml; may be given several times',
  },
  'aws-profile': { type: 'string', value: '<name>', help: 'the profile with the AWS credentials' },
  json: { type: 'boolean', help: 'print the whole result as JSON, for scripts' },
  help: { type: 'boolean', short: 'h', help: 'print this help' },
};

/** One line: how a command is called. */
export function usageOf(verb: string, { options }: Command): string {
  const own = Object.entries(options).map(([name, option]) => {
    const text = `--${name}${option.value ? ` ${option.value}` : ''}`;
    return option.isRequired ? text : `[${text}]`;
  });
  return ['Usage: npx autosnap', verb, ...own, '[--stage <stage>]'].join(' ');
}

/** The help of one command. */
export function helpOf(verb: string, command: Command): string {
  const lines = Object.entries({ ...command.options, ...COMMON }).map(([name, { short, value, help }]) => {
    const term = `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`;
    return `  ${term.padEnd(26)}  ${help}`;
  });
  return `${usageOf(verb, command)}

${command.summary}

${lines.join('\n')}

Example: ${command.example}
Exit codes: 0 nothing is wrong; 1 it failed, or found something wrong; 2 the command line is wrong.`;
}

/** The help without a verb: one line for each command. */
export function overviewOf(verbs: Readonly<Record<string, Command>>): string {
  const lines = Object.entries(verbs).map(([verb, { summary }]) => `  ${verb.padEnd(10)}  ${summary}`);
  return `Usage: npx autosnap <verb> [--stage <stage>]

${lines.join('\n')}

npx autosnap <verb> --help has the options and an example. docs/commands.md has more.`;
}
