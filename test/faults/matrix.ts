import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import pMap from 'p-map';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import { setTime, stubEnvironment } from '../harness.ts';
import { type ApiCall, callsIn, nameOf } from './calls.ts';
import { type Cell, cellOf, DONE, TRIED_AGAIN, type Trouble, type Usual } from './cell.ts';
import { badCells, cellsIn, documentOf, lateCells, type Table } from './document.ts';
import { sortClocks, sortLogs } from './invocation.ts';
import { outagesOf } from './outages.ts';
import { strikes, troubleOf } from './strikes.ts';
import { run, type Scenario, worldOf } from './world.ts';

/**
 * The cells that are filled at once: those that wait for a deadline, and the others, which wait
 * between tries. With too many at once there would be no time for requests.
 */
const AT_ONCE = { slow: 60, quick: 25 };

/** A scenario, with the calls of its job in a run without faults that get one. */
interface Case extends Usual {
  scenario: Scenario;
  calls: ApiCall[];
}

interface Task {
  its: Case;
  trouble: Trouble;
  /** The place of the result in its table. */
  note(cell: Cell): void;
}

/**
 * Tests that no cell of the matrix of these scenarios is bad, and that `file` shows the results.
 */
export function testMatrix(title: string, file: string, scenarios: readonly Scenario[]): void {
  const closing: (() => unknown)[] = [];
  const tables: Table[] = [];
  const asked: string[] = [];

  beforeAll(async () => {
    setTime('2026-11-23T06:00:00Z');
    const home = await startCloud({ regions: [] });
    stubEnvironment(home.secretsUrl);
    vi.stubEnv('AUTOSNAP_COPIES_BUCKET', 'copies');
    sortLogs();
    sortClocks();
    const elsewhere = await listen(createServer(noting(asked)), 'http://127.0.0.1');
    const pem = readFileSync(new URL('expired.pem', import.meta.url));
    tls.setDefaultCACertificates([...tls.getCACertificates(), pem.toString()]);
    const expired = await listen(
      https.createServer({ key: pem, cert: pem }, noting(asked)),
      'https://localhost',
    );
    closing.push(home.close, elsewhere.close, expired.close);

    const cases: Case[] = [];
    for (const scenario of scenarios) cases.push(await caseOf(scenario, home));
    const plans = cases.map((its) => strikesAt(its, elsewhere.url));
    const last = outagesAt(cases, expired.url);
    tables.push(...plans.map(({ table }) => table), last.table);
    const tasks = [...plans.flatMap((one) => one.tasks), ...last.tasks];
    const fill = async ({ its, trouble, note }: Task) => note(await cellOf(its.scenario, home, trouble, its));
    const isSlow = ({ its, trouble }: Task) =>
      its.scenario.lastsMs !== undefined || trouble.remainingMs !== undefined;
    await Promise.all([
      pMap(tasks.filter(isSlow), fill, { concurrency: AT_ONCE.slow }),
      pMap(
        tasks.filter((task) => !isSlow(task)),
        fill,
        { concurrency: AT_ONCE.quick },
      ),
    ]);
    process.stdout.write(`${title}: ${cellsIn(tables).length} cells\n`);
  });

  afterAll(async () => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
    vi.unstubAllEnvs();
    for (const close of closing) await close();
  });

  test('nothing is lost, duplicated, hung, wrongly reported or disclosed, and every fault occurs', () => {
    expect(badCells(tables)).toEqual([]);
  });

  test('nothing is sent to another host, or to one with an expired certificate', () => {
    expect(asked).toEqual([]);
  });

  test(`test/faults/${file} shows the results: npm run test:faults -- -u regenerates it`, async () => {
    const late = lateCells(tables, readFileSync(new URL(file, import.meta.url), 'utf8'));
    const hint = `${late.length} of the cells that differ are out of time:\n${late.join('\n')}\n`;
    await expect(documentOf(title, tables), late.length > 0 ? hint : undefined).toMatchFileSnapshot(file);
  });
}

async function caseOf(scenario: Scenario, home: Cloud): Promise<Case> {
  const world = await worldOf(scenario, home);
  const { error, result } = await run(scenario, world, 'the-request');
  if (error) throw error;
  expect(scenario.done(world, result), scenario.name).toBe(true);
  await world.close();
  const { received } = world.cloud;
  const calls = callsIn(received).filter((call) => scenario.concerns?.(call) ?? true);
  return { scenario, calls, requests: received.length, result };
}

/** An empty table, and the work that fills it. */
interface Plan {
  table: Table;
  tasks: Task[];
}

function strikesAt(its: Case, elsewhere: string): Plan {
  const { scenario, calls } = its;
  const rows = rowsOf(
    strikes.map(({ name, lasts }) => `${name}, ${lasts}`),
    calls.length,
  );
  const tasks = strikes.flatMap((one, row) =>
    calls.flatMap((call, column) =>
      (one.concerns?.(call) ?? true)
        ? [
            {
              its,
              trouble: troubleOf(one, call, elsewhere),
              note: noteIn(rows[row]!.cells, column, call.after),
            },
          ]
        : [],
    ),
  );
  return { table: { name: scenario.name, columns: calls.map((call) => `\`${nameOf(call)}\``), rows }, tasks };
}

/** The faults of {@link strikesAt} that concern more than single calls, for all jobs. */
function outagesAt(cases: readonly Case[], expired: string): Plan {
  const troubles = cases.map(({ calls }) => outagesOf(calls, expired));
  const names = [...new Set(troubles.flat().map(({ name }) => name))];
  const rows = rowsOf(names, cases.length);
  const tasks = troubles.flatMap((some, column) =>
    some.map((trouble) => ({
      its: cases[column]!,
      trouble,
      note: noteIn(rows[names.indexOf(trouble.name)]!.cells, column),
    })),
  );
  const columns = cases.map(({ scenario }) => scenario.name);
  return { table: { name: 'Whole services, and clocks', columns, rows }, tasks };
}

function rowsOf(names: string[], columns: number): Table['rows'] {
  return names.map((name) => ({ name, cells: Array<undefined>(columns).fill(undefined) }));
}

/**
 * @param isAfter whether the call follows a change. Several servers are processed at once, so it is
 *   random which of them makes the first change, and how many calls a fault then saves or adds.
 */
function noteIn(cells: (Cell | undefined)[], column: number, isAfter = false): Task['note'] {
  return (cell) => {
    cells[column] = isAfter && cell.word === TRIED_AGAIN ? { ...cell, word: DONE } : cell;
  };
}

/** Answers everything, and records that it was asked. */
function noting(asked: string[]): RequestListener {
  return ({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.end('{}');
  };
}

async function listen(server: Server | https.Server, origin: string) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${origin}:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
