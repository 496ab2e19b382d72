#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { validate } from 'uuid';
import { WORK_KINDS, type Work } from '../domain/stock/alerts/types';
import { isAppError } from '../platform/errors';
import { VERSION } from '../platform/version';
import { DOCTOR_CHECKS, type DoctorCheck } from './doctor-checks';
import { isGiven, loadEnvFile, readCommandSettings, type GivenSettings } from './environment';
import { addJobCommands } from './job-commands';
import { addAccessCommands } from './access-commands';
import { createOutput } from './output';
import { addOrderCommands } from './order-commands';
import { addUserCommands } from './user-commands';
import { addMoneyCommands } from './money-commands';
import { addWebhookCommands } from './webhook-commands';
import { addWhyCommands } from './why-commands';
import { wholeNumber } from './whole-number';

/** It could not be done: wrong usage or settings, or an error while running. 1 is left for what was found. */
const EXIT_FAILED = 2;

let isJson = false;
const output = createOutput(process.stdout, () => isJson);
// A reader that has had enough (`npm start | head`) is no reason to stop.
process.stdout.on('error', () => undefined);

function portArgument(text: string): string {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('A port is a number from 0 to 65535; 0 takes any free one.');
  }
  return text;
}

interface DeployArguments {
  build?: string;
  wait: number;
  ignoreMissingTaskQueues?: boolean;
  restartJobs?: boolean;
}

function secondsArgument(text: string): number {
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 3_600) {
    throw new InvalidArgumentError('Seconds are a whole number from 0 to 3600.');
  }
  return seconds;
}

/** Commands are loaded when they run: `--help` needs none of Temporal. */
function createProgram(finish: (code: number) => void): Command {
  const program = new Command('holdfast')
    .description('Durable order orchestration and inventory on Temporal and PostgreSQL.')
    .version(VERSION)
    .showHelpAfterError('(holdfast --help tells more)')
    .addHelpText(
      'after',
      `
Settings come from the environment and from .env in the current folder; .env.example explains each.
Without DATABASE_URL and TEMPORAL_ADDRESS, commands use the servers of a running \`holdfast up\`.

Exit codes: 0 it is done, and nothing is wrong; 1 it is done, and something was found that is not as it should be (verify, doctor,
why, attention, migrate --status, rows of an import that were rejected, …); 2 it could not be done: wrong usage or settings, or an error.
With --json, standard output has one JSON value and nothing else, also of an error: {"error": {"code", "message"}}.`,
    );

  program
    .command('up')
    .description('run everything here: PostgreSQL, Temporal, demo catalogue, worker, API')
    .option('--no-demo', 'place no demo orders; leave the catalogue of a database of your own as it is')
    .option('--port <port>', 'port of the API (default: PORT, or 8080, or a free one)', portArgument)
    .option('--smoke', 'end after the demo; the exit code tells whether it went right')
    .action(async (options: { demo: boolean; port?: string; smoke?: boolean }) => {
      const smoke = options.smoke ?? false;
      if (smoke && !options.demo)
        program.error('--smoke is about the demo: it does not go with --no-demo', { exitCode: EXIT_FAILED });
      const settings = readCommandSettings(portSetting(options.port), 'warn');
      const portIsGiven = options.port !== undefined || isGiven('PORT');
      const { runUp } = await import('./up.js');
      finish(await runUp(settings, { demo: options.demo, smoke, portIsGiven }, output));
    });

  program
    .command('api')
    .description('serve the HTTP API')
    .option('--port <port>', 'port to listen on (default: PORT, or 8080)', portArgument)
    .action(async (options: { port?: string }) => {
      const settings = readCommandSettings(portSetting(options.port), 'info');
      finish(await (await import('./api.js')).runApi(settings, output));
    });

  program
    .command('worker')
    .description('run the orders: workflows, activities, the relay')
    .action(async () => {
      const settings = readCommandSettings({}, 'info');
      finish(await (await import('./worker.js')).runWorker(settings, output));
    });

  program
    .command('deploy')
    .description('let workers of this program take over: its build gets the work from now on')
    .option('--build <id>', 'another build, such as the one before; its workers must run')
    .option('--wait <seconds>', 'how long to wait for workers of the build', secondsArgument, 60)
    .option(
      '--ignore-missing-task-queues',
      'also where a task queue of the present build has no worker of this one',
    )
    .option('--restart-jobs', 'start jobs of other builds again on this one, for when their workers are gone')
    .action(async (options: DeployArguments) => {
      const settings = readCommandSettings({}, 'warn');
      const { runDeploy } = await import('./deploy.js');
      const { ignoreMissingTaskQueues = false, restartJobs = false } = options;
      finish(await runDeploy(settings, { ...options, ignoreMissingTaskQueues, restartJobs }, output));
    });

  program
    .command('migrate')
    .description('bring the database to this version')
    .option('--status', 'only list what is applied and what is pending (exit code 1 when something is)')
    .action(async (options: { status?: boolean }) => {
      const settings = readCommandSettings({}, 'warn');
      const { runMigrate, showMigrations } = await import('./migrate.js');
      finish(await (options.status ? showMigrations(settings, output) : runMigrate(settings, output)));
    });

  const seed = program
    .command('seed')
    .description('load the demo catalogue where it is missing')
    .action(async () => {
      const settings = readCommandSettings({}, 'warn');
      finish(await (await import('./seed.js')).runSeed(settings, output));
    });
  seed
    .command('transactions')
    .description(
      'add orders of the last weeks that were paid and shipped, with merchants and products of their own',
    )
    .option(
      '--rows <count>',
      'captures and refunds of merchants, at least',
      wholeNumber(1, 100_000_000),
      10_000,
    )
    .exitOverride()
    .action(async ({ rows }: { rows: number }) => {
      const { runSeedTransactions } = await import('./seed.js');
      finish(await runSeedTransactions(readCommandSettings({}, 'warn'), rows, output));
    });
  seed
    .command('history')
    .description('add two years of receipts and sales, with products and warehouses of their own')
    .option('--rows <count>', 'rows of the ledger, about', wholeNumber(1_000, 1_000_000_000), 100_000)
    .option('--seed <number>', 'the same number makes the same history', wholeNumber(0, 2_147_483_647), 1)
    .exitOverride()
    .action(async (options: { rows: number; seed: number }) => {
      const { runSeedHistory } = await import('./seed.js');
      finish(await runSeedHistory(readCommandSettings({}, 'warn'), options, output));
    });

  program
    .command('verify')
    .description(
      'check that stock, ledger, holds, orders and workflows agree (exit code 1 when something is found)',
    )
    .option('--full', 'read everything, not only what changed since it was verified last')
    .option('--seals', 'only that no sealed row of the ledger was changed, removed or added')
    .option('--head <file>', 'also that the seals go through the head in this file (holdfast seals head)')
    .action(async (options: { full?: boolean; seals?: boolean; head?: string }) => {
      const settings = readCommandSettings({}, 'warn');
      const { full = false, seals = false } = options;
      const head = options.head === undefined ? undefined : await readFile(options.head, 'utf8');
      finish(await (await import('./verify.js')).runVerify(settings, { full, seals, head }, output));
    });

  program
    .command('seals')
    .description('seals of the ledger')
    .command('head')
    .description('print the head of the seals, to be kept where nobody of the database can write')
    .action(async () => {
      const settings = readCommandSettings({}, 'warn');
      finish(await (await import('./verify.js')).runSealHead(settings, output));
    });

  program
    .command('reports')
    .description('sums of reports')
    .command('rebuild')
    .description(
      'have all sums of reports made anew from ledgers and histories; until then there are no reports',
    )
    .action(async () => {
      const settings = readCommandSettings({}, 'warn');
      finish(await (await import('./reports.js')).runReportsRebuild(settings, output));
    });

  program
    .command('analytics')
    .description('sums of analytics')
    .command('rebuild')
    .description(
      'have all sums of analytics made anew from the ledger and histories of orders; until then there are no analytics',
    )
    .action(async () => {
      const settings = readCommandSettings({}, 'warn');
      finish(await (await import('./analytics.js')).runAnalyticsRebuild(settings, output));
    });

  program
    .command('repair')
    .description('show and apply the repair script of a consistency job, then check again')
    .requiredOption('--job <id>', 'the job that has found what is to be repaired', jobArgument)
    .option('--yes', 'do not ask')
    .action(async (options: { job: string; yes?: boolean }) => {
      const settings = readCommandSettings({}, 'warn');
      const { runRepairs } = await import('./repair.js');
      finish(await runRepairs(settings, { job: options.job, yes: options.yes ?? false }, output));
    });

  const work = program
    .command('work')
    .description('list work that failed on one subject, and when it is tried again')
    .action(async () => {
      const { listWork } = await import('./work.js');
      finish(await listWork(readCommandSettings({}, 'warn'), output));
    });
  work
    .command('retry')
    .description('let failed work be tried again now (exit code 1 when there is none)')
    .argument('[kind]', `only of this kind: ${WORK_KINDS.join(', ')}`, workKind)
    .argument('[id]', 'only on this subject')
    .exitOverride()
    .action(async (kind: Work | undefined, subject: string | undefined) => {
      const { retryWork } = await import('./work.js');
      finish(await retryWork(readCommandSettings({}, 'warn'), { work: kind, subject }, output));
    });

  program
    .command('doctor')
    .description('tell what is reachable, which settings are in force, and what to do about each problem')
    .argument('[parts...]', `only these: ${DOCTOR_CHECKS.join(', ')}`, doctorPart)
    .option('--this-host', 'count only workers of this host')
    .action(async (parts: DoctorCheck[], options: { thisHost?: boolean }) => {
      const settings = readCommandSettings({}, 'info');
      const { runDoctor } = await import('./doctor.js');
      finish(await runDoctor(settings, { checks: parts, thisHost: options.thisHost ?? false }, output));
    });

  addJobCommands(program, output, finish);
  addWebhookCommands(program, output);
  addMoneyCommands(program, output, finish);
  addOrderCommands(program, output, finish);
  addAccessCommands(program, output, finish);
  addUserCommands(program, output, finish);
  addWhyCommands(program, output, finish);

  for (const command of program.commands) {
    command.configureHelp({ sortOptions: true });
    addJsonOption(command);
  }
  program.hook('preAction', (_program, command) => {
    isJson = command.optsWithGlobals<{ json?: boolean }>().json === true;
  });
  return program;
}

/** Every command has it. One with commands of its own gives it to those. */
function addJsonOption(command: Command): void {
  command.option('--json', 'one JSON value on standard output, and nothing else');
  for (const each of command.commands) addJsonOption(each);
}

function portSetting(port: string | undefined): GivenSettings {
  return port === undefined ? {} : { PORT: port };
}

function jobArgument(text: string): string {
  if (!validate(text)) throw new InvalidArgumentError('The id of a job is a UUID.');
  return text;
}

function workKind(text: string): Work {
  const kind = WORK_KINDS.find((name) => name === text);
  if (!kind) throw new InvalidArgumentError(`Kinds are ${WORK_KINDS.join(', ')}.`);
  return kind;
}

function doctorPart(text: string, previous: DoctorCheck[] = []): DoctorCheck[] {
  const part = DOCTOR_CHECKS.find((name) => name === text);
  if (!part) throw new InvalidArgumentError(`Parts are ${DOCTOR_CHECKS.join(', ')}.`);
  return [...previous, part];
}

async function report(error: unknown): Promise<number> {
  const { commandErrorText: explain } = await import('./error-text.js');
  const message = explain(error);
  process.stderr.write(`holdfast: ${message}\n`);
  output.json({ error: { code: isAppError(error) ? error.code : 'UNEXPECTED', message } });
  return EXIT_FAILED;
}

async function main(): Promise<void> {
  let code = 0;
  const program = createProgram((result) => (code = result)).exitOverride();
  for (const command of program.commands) command.exitOverride();
  try {
    loadEnvFile();
    await program.parseAsync();
  } catch (error) {
    code =
      error instanceof Error && 'exitCode' in error ? usageCode(Number(error.exitCode)) : await report(error);
  }
  // Temporal's native threads would keep the process for seconds.
  process.exit(code);
}

/** Commander ends with 0 after --help and --version, else with 1 for wrong usage, which it has already explained. */
function usageCode(commanderCode: number): number {
  return commanderCode === 0 ? 0 : EXIT_FAILED;
}

void main();
