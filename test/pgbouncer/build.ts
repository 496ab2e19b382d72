import { execFile } from 'node:child_process';
import { access, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../platform/errors';

const run = promisify(execFile);

/** The first that keeps prepared statements of clients apart in transaction mode. */
const OLDEST_PGBOUNCER = [1, 21] as const;
/** Of Debian, whose source package of PgBouncer is new enough. */
const RELEASE = 'trixie';
const CACHE = join(__dirname, '..', '..', 'node_modules', '.cache', 'holdfast', `pgbouncer-${RELEASE}`);
const BUILD_MS = 240_000;

export type Built = { program: string; version: string } | { skipped: string };

/**
 * The program `pgbouncer`: of PGBOUNCER_PATH, or built from the sources that Debian has, by apt as it is set up here, with its libevent
 * linked in. Nothing is installed, and nobody has to be root. It is kept in `node_modules/.cache`.
 *
 * @returns why it is not to be had here, where it is not
 */
export async function providePgBouncer(): Promise<Built> {
  try {
    const program = process.env.PGBOUNCER_PATH ?? (await cached()) ?? (await build());
    const version = await versionOf(program);
    return isNewEnough(version)
      ? { program, version }
      : { skipped: `${program} is ${version}; ${OLDEST_PGBOUNCER.join('.')} or later is needed` };
  } catch (error) {
    return { skipped: `PgBouncer cannot be built here: ${messageOf(error)}` };
  }
}

async function cached(): Promise<string | undefined> {
  const program = join(CACHE, 'pgbouncer');
  return access(program).then(
    () => program,
    () => undefined,
  );
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await run(program, ['--version']);
  const version = /^PgBouncer (\d+\.\d+\.\d+)/m.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${program} tells no version`);
  return version;
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST_PGBOUNCER[0] || (major === OLDEST_PGBOUNCER[0] && minor >= OLDEST_PGBOUNCER[1]);
}

async function build(): Promise<string> {
  if (process.platform !== 'linux') throw new Error('the sources come by apt, of Debian');
  for (const tool of ['apt-get', 'cc', 'make', 'pkg-config', 'tar', 'dpkg-deb']) await expectTool(tool);
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pgbouncer-'));
  try {
    process.stdout.write(`Building PgBouncer from the sources of Debian ${RELEASE}, once …\n`);
    await download(folder);
    const program = await compile(folder);
    await mkdir(CACHE, { recursive: true });
    const [made, kept] = [join(CACHE, `pgbouncer.${process.pid}`), join(CACHE, 'pgbouncer')];
    await copyFile(program, made);
    await rename(made, kept);
    return kept;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function expectTool(tool: string): Promise<void> {
  await run('which', [tool]).catch(() => {
    throw new Error(`${tool} is not installed`);
  });
}

/** The sources of PgBouncer, and libevent as this release has it, by package lists of its own. */
async function download(folder: string): Promise<void> {
  const { repository, codename } = await debianRepository();
  const list = join(folder, 'sources.list');
  await writeFile(list, `deb ${repository} ${codename} main\ndeb-src ${repository} ${RELEASE} main\n`);
  for (const name of ['lists/partial', 'cache/archives/partial'])
    await mkdir(join(folder, name), { recursive: true });
  const options = [
    `Dir::Etc::SourceList=${list}`,
    'Dir::Etc::SourceParts=-',
    `Dir::State::Lists=${join(folder, 'lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    // Else root's apt becomes another user, who cannot write here.
    `APT::Sandbox::User=${(await run('id', ['-un'])).stdout.trim()}`,
  ].flatMap((option) => ['-o', option]);
  const apt = (...args: string[]) =>
    run('apt-get', [...options, '--quiet', ...args], { cwd: folder, timeout: BUILD_MS });
  await apt('update');
  await apt('source', '--download-only', 'pgbouncer');
  await apt('download', 'libevent-dev');
}

/** Where this system's own packages come from: the only place of which it is known that it is reached and trusted. */
async function debianRepository(): Promise<{ repository: string; codename: string }> {
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI) $(CODENAME) $(LABEL) $(COMPONENT)',
    'Created-By: Packages',
  ]);
  const found = stdout.split('\n').map((line) => line.split(' '));
  const [repository, codename] =
    found.find(
      ([, name = '', label, component]) => label === 'Debian' && component === 'main' && !name.includes('-'),
    ) ?? [];
  if (!repository || !codename) throw new Error('apt is set up for no release of Debian');
  return { repository, codename };
}

/** With what every system has: neither its TLS nor its DNS library is needed for a server on this machine. */
async function compile(folder: string): Promise<string> {
  const [source, libevent] = [join(folder, 'source'), join(folder, 'libevent')];
  const files = await readdir(folder);
  const fileOf = (pattern: RegExp) => {
    const found = files.find((name) => pattern.test(name));
    if (found === undefined) throw new Error(`apt has brought no ${pattern.source}`);
    return join(folder, found);
  };
  await mkdir(source);
  await run('tar', ['-xf', fileOf(/^pgbouncer_.*\.orig\.tar\.\w+$/), '-C', source, '--strip-components=1']);
  await run('dpkg-deb', ['-x', fileOf(/^libevent-dev_.*\.deb$/), libevent]);
  const { stdout } = await run('find', [libevent, '-name', 'libevent.a', '-o', '-name', 'event-config.h']);
  const paths = stdout.trim().split('\n');
  const archive = paths.find((path) => path.endsWith('libevent.a'));
  const header = paths.find((path) => path.endsWith('event-config.h'));
  if (!archive || !header) throw new Error('libevent-dev has no archive to link');
  const includes = [join(libevent, 'usr', 'include'), join(header, '..', '..')];
  const env = {
    ...process.env,
    LIBEVENT_CFLAGS: includes.map((path) => `-I${path}`).join(' '),
    LIBEVENT_LIBS: archive,
  };
  const options = { cwd: source, env, timeout: BUILD_MS, maxBuffer: 64 * 1_048_576 };
  await run('./configure', ['--without-openssl', '--without-cares', '--without-pam'], options);
  await run('make', ['-j2', 'pgbouncer'], options);
  return join(source, 'pgbouncer');
}
