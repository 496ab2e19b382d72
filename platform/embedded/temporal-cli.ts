import { execFile } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { access, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { cacheFolder } from './folders';
import { buildGoTool, once, toolPath, type GoTool } from './go-tool';
import { errorText } from './processes';
import { downloadTemporalCli } from './temporal-download';

const run = promisify(execFile);

/** Later tags have replace directives, which `go install` refuses. */
export const TEMPORAL_CLI: GoTool = { package: 'github.com/temporalio/cli/cmd/temporal', version: 'v1.5.1' };

/** The server inside v1.5.1, the oldest that the tests run on. */
const OLDEST_SERVER = [1, 29] as const;

export interface TemporalCliOptions {
  log: Logger;
  /** `TEMPORAL_CLI_PATH`: when given, this one or none. */
  explicitPath?: string;
  cacheDir?: string;
  tool?: GoTool;
  env?: NodeJS.ProcessEnv;
  /** Ends a download or a build that is under way. */
  signal?: AbortSignal;
}

/** A place to get the program from: its path, or why there is none. */
type Source = { from: string; find: () => Promise<{ path: string } | { why: string }> };

/**
 * A `temporal` program for the embedded server, from the first of these that has one, each told in one line:
 * TEMPORAL_CLI_PATH, PATH, the cache folder, a download by the SDK, a build with Go. (With TEMPORAL_ADDRESS set none is
 * needed, and the caller does not ask.)
 *
 * @throws AppError `TEMPORAL_CLI_MISSING` that lists them all, with the reason of each.
 */
export async function findTemporalCli(options: TemporalCliOptions): Promise<string> {
  const tried: string[] = [];
  for (const source of options.explicitPath ? explicitSource(options.explicitPath) : sources(options)) {
    const outcome = await source.find();
    if ('path' in outcome) {
      options.log.info(`temporal: ${source.from}: ${outcome.path}`);
      return outcome.path;
    }
    options.log.info(`temporal: ${source.from}: ${outcome.why.split('\n')[0] ?? ''}`);
    tried.push(`${source.from}: ${outcome.why}`);
  }
  throw new AppError(
    'TEMPORAL_CLI_MISSING',
    'No "temporal" program to run the embedded Temporal server with. Set TEMPORAL_ADDRESS to a server of your own, or ' +
      'TEMPORAL_CLI_PATH to the program (https://docs.temporal.io/cli), or install Go. Tried:\n' +
      tried.map((line) => `  - ${line.replaceAll('\n', '\n    ')}`).join('\n'),
    { tried },
  );
}

function explicitSource(path: string): Source[] {
  return [{ from: 'TEMPORAL_CLI_PATH', find: () => check(path) }];
}

function sources(options: TemporalCliOptions): Source[] {
  const { log, tool = TEMPORAL_CLI, cacheDir = cacheFolder(), env = process.env, signal } = options;
  const cached = toolPath(tool, cacheDir);
  const notSet = 'not set';
  return [
    { from: 'TEMPORAL_CLI_PATH', find: () => Promise.resolve({ why: notSet }) },
    { from: 'PATH', find: () => onPath(env) },
    {
      from: 'cache',
      find: () => (existsSync(cached) ? check(cached) : Promise.resolve({ why: `nothing at ${cached}` })),
    },
    { from: `download of ${tool.version}`, find: () => attempt(() => download(tool, cached, log, signal)) },
    {
      from: `go install ${tool.package}@${tool.version}`,
      find: () =>
        attempt(() =>
          buildGoTool(tool, { log, cacheDir, env, signal, estimate: 'about 4 minutes on 2 cores' }),
        ),
    },
  ];
}

async function attempt(make: () => Promise<string>): Promise<{ path: string } | { why: string }> {
  try {
    return { path: await make() };
  } catch (error) {
    return { why: errorText(error) };
  }
}

/** A program that can't be run, or is too old, is none. */
async function check(path: string): Promise<{ path: string } | { why: string }> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 20_000 });
    const [, major, minor] = /Server (\d+)\.(\d+)/.exec(stdout) ?? [];
    if (major === undefined || minor === undefined) return { why: `${path} is no Temporal CLI` };
    const [oldMajor, oldMinor] = OLDEST_SERVER;
    const enough = Number(major) > oldMajor || (Number(major) === oldMajor && Number(minor) >= oldMinor);
    return enough
      ? { path }
      : { why: `${path} has server ${major}.${minor}, at least ${OLDEST_SERVER.join('.')} is needed` };
  } catch (error) {
    return { why: `${path} can't be run (${errorText(error)})` };
  }
}

async function onPath(env: NodeJS.ProcessEnv): Promise<{ path: string } | { why: string }> {
  const name = process.platform === 'win32' ? 'temporal.exe' : 'temporal';
  let why = 'no temporal there';
  for (const folder of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const file = join(folder, name);
    if (!(await isExecutable(file))) continue;
    const outcome = await check(file);
    if ('path' in outcome) return outcome;
    why = outcome.why;
  }
  return { why };
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function download(tool: GoTool, cached: string, log: Logger, signal?: AbortSignal): Promise<string> {
  return once(cached, log, async (folder) => {
    const draft = await mkdtemp(join(folder, 'build-download-'));
    try {
      const file = await downloadTemporalCli(tool.version, draft, signal);
      const outcome = await check(file);
      if ('why' in outcome) throw new AppError('TEMPORAL_DOWNLOAD_FAILED', outcome.why);
      await rename(file, cached);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  });
}
