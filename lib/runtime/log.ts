import { styleText } from 'node:util';
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { codesOf } from '../reporting/failure.ts';
import { codesIn, type Reason } from '../reporting/reasons.ts';
import { resultLines } from '../reporting/sentences/log.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { sentenceOf } from '../reporting/sentences.ts';

/** What an invocation logs. */
export interface RunLog {
  /** Adds the ids of the invocation to each line; undefined if the lines have none. */
  middleware?: ReturnType<typeof injectLambdaContext>;
  /**
   * The result of a run.
   *
   * @param text the result for people, if it has such a text.
   */
  result(level: 'info' | 'error', result: unknown, text: Sentence | undefined): void;
  /** The error of a run without a result, and the restore that it belongs to, if to one. */
  failure(error: unknown): void;
  /** What went wrong beside the result of a run. */
  reason(level: 'warn' | 'error', reason: Reason): void;
}

/** The log of a deployed function: a line of JSON for each event, and the texts for people. */
export function jsonLog(deployment: string): RunLog {
  const logger = new Logger({ serviceName: deployment });
  return {
    middleware: injectLambdaContext(logger, { resetKeys: true }),
    result(level, report, text) {
      logger[level]('report', { report });
      if (text) console.info(text);
    },
    failure(error) {
      const { request } = error as { request?: string };
      logger.error('the run has failed', {
        ...{ codes: codesOf(error), error: error as Error },
        ...(request === undefined ? {} : { request }),
      });
    },
    reason(level, reason) {
      logger[level](sentenceOf(reason), { codes: codesIn(reason) });
    },
  };
}

const COLORS = { info: 'reset', warn: 'yellow', error: 'red' } as const;

/** The log of a run on this machine: short lines for people, on a terminal in color. */
export function plainLog(): RunLog {
  const line = (level: keyof typeof COLORS, text: Sentence) =>
    console[level](styleText(COLORS[level], text, { stream: process.stdout }));
  return {
    result(level, result, text) {
      for (const one of resultLines(result)) line(one.level ?? level, one.text);
      if (text) console.info(text);
    },
    failure: (error) => line('error', (error as Error).message),
    reason: (level, reason) => line(level, sentenceOf(reason)),
  };
}
