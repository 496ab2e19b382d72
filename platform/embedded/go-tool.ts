import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lock } from 'proper-lockfile';
import { AppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { cacheFolder } from './folders';
import { errorCode, errorText } from './processes';

const run = promisify(execFile);

export interface GoTool {
  /** Import path of the program, such as `github.com/temporalio/cli/cmd/temporal`. */
  package: string;
  /** A released version; one whose go.mod has `replace` directives is refused by `go install`. */
  version: string;
}

export interface GoToolOptions {
  log: Logger;
  /** Holdfast's cache folder, unless given. */
  cacheDir?: string;
  /** What the user is told about how long it takes. */
  estimate?: string;
  /** Ends the build: a child that outlives us would go on for minutes. */
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
}

const PROGRESS_MS = 20_000;
const BUILD_MS = 30 * 60_000;
const DRAFT = 'build-';

/** Where a tool of this version is kept once it is there. */
export function toolPath(tool: GoTool, cacheDir = cacheFolder()): string {
  const name =
    tool.package
      .replace(/\/v\d+$/, '')
      .split('/')
      .at(-1) ?? tool.package;
  return join(cacheDir, name, tool.version, process.platform === 'win32' ? `${name}.exe` : name);
}

/**
 * The path of a Go program, built with `go install` unless the cache has it. Processes that want it at the same time
 * build it once; one that dies in between leaves nothing that looks finished.
 *
 * @throws AppError `GO_MISSING` when there is no Go on PATH; `GO_BUILD_FAILED` with the end of what Go said.
 */
export async function buildGoTool(tool: GoTool, options: GoToolOptions): Promise<string> {
  const path = toolPath(tool, options.cacheDir);
  return once(path, options.log, async (folder) => {
    const env = options.env ?? process.env;
    await assertGo(tool, env);
    const draft = await mkdtemp(join(folder, DRAFT));
    await install(tool, draft, env, options);
    await rename(join(draft, path.slice(folder.length)), path);
    await rm(draft, { recursive: true, force: true });
  });
}

/** Runs `make` to put a file at `path`, at most one process at a time, and not at all when it is there. */
export async function once(
  path: string,
  log: Logger,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  if (existsSync(path)) return path;
  const folder = join(path, '..');
  await mkdir(folder, { recursive: true });
  const waiting = setTimeout(
    () => log.info({ path }, 'waiting for another process that is making it'),
    2_000,
  ).unref();
  const unlock = await lock(folder, {
    lockfilePath: join(folder, 'lock'),
    // A holder that was killed is noticed after 15 s; a living one renews every 5 s.
    stale: 15_000,
    update: 5_000,
    retries: { retries: Math.ceil(BUILD_MS / 250), factor: 1, minTimeout: 250, maxTimeout: 250 },
    onCompromised: (error) =>
      log.warn({ err: error, path }, 'the build lock was lost; two builds at once do no harm'),
  });
  clearTimeout(waiting);
  try {
    if (existsSync(path)) return path;
    // We hold the lock, so the process that made these is dead.
    for (const name of await readdir(folder)) {
      if (name.startsWith(DRAFT)) await rm(join(folder, name), { recursive: true, force: true });
    }
    await make(folder);
    return path;
  } finally {
    await unlock().catch((error: unknown) =>
      log.warn({ err: error, path }, 'the build lock was already gone'),
    );
  }
}

async function assertGo(tool: GoTool, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await run('go', ['version'], { env });
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw failed(tool, cause);
    throw new AppError(
      'GO_MISSING',
      `Building ${tool.package} needs Go (https://go.dev/dl), and there is no "go" on PATH.`,
      {},
      { cause },
    );
  }
}

async function install(
  tool: GoTool,
  into: string,
  env: NodeJS.ProcessEnv,
  options: GoToolOptions,
): Promise<void> {
  const what = `${tool.package}@${tool.version}`;
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1_000);
  options.log.info(`building ${what} with Go, once${options.estimate ? ` (${options.estimate})` : ''}`);
  const progress = setInterval(
    () => options.log.info(`still building ${what}: ${seconds()} s so far`),
    PROGRESS_MS,
  ).unref();
  try {
    await run('go', ['install', what], {
      cwd: into,
      timeout: BUILD_MS,
      signal: options.signal,
      // Go cleans up after itself at this one.
      killSignal: 'SIGINT',
      maxBuffer: 64 * 1024 * 1024,
      // GOBIN is refused in a cross build; without cgo no C compiler is needed.
      env: { ...env, GOBIN: into, GO111MODULE: 'on', CGO_ENABLED: '0', GOOS: undefined, GOARCH: undefined },
    });
    options.log.info(`built ${what} in ${seconds()} s`);
  } catch (cause) {
    throw failed(tool, cause);
  } finally {
    clearInterval(progress);
  }
}

function failed(tool: GoTool, cause: unknown): AppError {
  const tail = errorText(cause).split('\n').slice(-10).join('\n');
  return new AppError(
    'GO_BUILD_FAILED',
    `Go could not build ${tool.package}@${tool.version}:\n${tail}`,
    {},
    { cause },
  );
}
