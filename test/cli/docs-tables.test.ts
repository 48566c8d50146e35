import { readFileSync, rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { run, succeed } from '../aws/processes.ts';
import { copyProject } from '../aws/project.ts';
import { documentedCommands } from '../docs/commands.ts';
import { read } from '../docs/page.ts';

/** The generated files, by the folder of the tests that compare them with the code. */
const GENERATED = {
  'test/docs': ['docs/cost.md', 'docs/monitoring.md'],
  'test/deploy': ['docs/fields.md', 'deploy/serverless.schema.json'],
};

test.each(documentedCommands(/^npx vitest .* -u$/))(
  'what was changed by hand is written anew by: %s',
  async (command) => {
    const project = await copyProject();
    onTestFinished(() => rmSync(project.directory, { recursive: true }));
    const git = (...args: string[]) => succeed('git', args, { cwd: project.directory });
    await git('init', '--quiet');
    await git('add', '--all');
    await git(
      '-c',
      'user.name=somebody',
      '-c',
      'user.email=somebody@example.com',
      'commit',
      '--quiet',
      '-m',
      'all',
    );
    const pages = Object.entries(GENERATED).flatMap(([folder, files]) =>
      command.includes(folder) ? files : [],
    );
    for (const page of pages) {
      project.edit((text) => text.replace(/<!-- (cost|metrics) -->\n|(?=\n$)/, '$&by hand\n'), page);
    }
    const { code, output } = await run('bash', ['-c', command], { cwd: project.directory });
    for (const page of pages) expect(readFileSync(project.path(page), 'utf8'), page).toBe(read(page));
    expect(code, output).toBe(0);
  },
);
