#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Loading the modules takes most of the time of a command.
enableCompileCache();
const { runCommandLine } = await import('./commands/command-line.ts');

process.exitCode = await runCommandLine(process.argv.slice(2));
