import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import type { Sentence } from '../../lib/reporting/sentences/sentence.ts';

type Format = Parameters<typeof styleText>[0];

/** Between two signs of life in a log, in seconds. */
const LOG_EVERY_SECONDS = 60;

/** Where a command prints. */
export interface Terminal {
  /** Prints lines to stdout: what the command was asked for. */
  print(text: string): void;
  /** Prints lines to stderr: everything else. */
  note(text: Sentence): void;
  /** The columns of the terminal; undefined if stdout is a pipe or a file, where no line is cut. */
  columns: number | undefined;
  /** A text in a color, if stdout is a terminal and NO_COLOR is not set. */
  style(format: Format, text: string): string;
  /**
   * Shows that something takes time, until it has ended: on a terminal as a line with the seconds,
   * which then disappears, in a log as a line now and one each minute.
   *
   * @param what what takes time, or the function that says it at any time.
   */
  during<T>(what: string | (() => string), work: Promise<T>): Promise<T>;
  /** Asks a person, and returns the answer; undefined if nobody is there to answer. */
  ask(question: string): Promise<string | undefined>;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  let hasLine = false;
  const deleteLine = () => {
    if (hasLine) stderr.write('\r\u001b[2K');
    hasLine = false;
  };
  const drawLine = (text: string) => {
    stderr.write(`\r\u001b[2K${text}`);
    hasLine = true;
  };
  const note = (text: Sentence) => {
    deleteLine();
    stderr.write(`${text}\n`);
  };
  return {
    print(text) {
      deleteLine();
      stdout.write(`${text}\n`);
    },
    note,
    // A terminal that does not know its width says 0.
    columns: (stdout.isTTY && stdout.columns) || undefined,
    style: (format, text) => styleText(format, text, { stream: stdout }),
    async during(what, work) {
      const startMs = performance.now();
      const elapsed = () => Math.round((performance.now() - startMs) / 1000);
      const text = () => (typeof what === 'string' ? what : what());
      const line = () => `${text()} … ${elapsed()} s`;
      if (!stderr.isTTY) note(`${text()} …`);
      const timer = setInterval(
        () => (stderr.isTTY ? drawLine(line()) : note(line())),
        stderr.isTTY ? 1000 : LOG_EVERY_SECONDS * 1000,
      );
      if (stderr.isTTY) drawLine(line());
      try {
        return await work;
      } finally {
        clearInterval(timer);
        deleteLine();
      }
    },
    async ask(question) {
      if (!stdin.isTTY) return undefined;
      const prompt = createInterface({ input: stdin, output: stderr });
      // Without this, Ctrl-C would only end the question.
      prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
      // Ctrl-D is no answer.
      const closed = once(prompt, 'close').then(() => undefined);
      const answer = await Promise.race([prompt.question(question), closed]);
      prompt.close();
      return answer?.trim();
    },
  };
}
