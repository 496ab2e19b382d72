import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors';

const DOWNLOAD_MS = 5 * 60_000;

/**
 * Has the SDK download the CLI as it does for tests, and start it once, which is the only way to ask for it. Whether
 * that start succeeds does not matter (it gives up after 5 s). It runs in a process of its own since the SDK's runtime
 * can be made once per process, and that one is the worker's.
 */
const SCRIPT = `
const [, worker, downloadDir, version] = process.argv;
const { Runtime } = require(worker);
const { version: sdkVersion } = require(require('node:path').join(worker, '..', '..', 'package.json'));
const runtime = Runtime.instance();
runtime.createEphemeralServer({
  type: 'dev-server', namespace: 'default', ip: '127.0.0.1', port: null, ui: false, uiPort: null, dbFilename: null,
  log: { format: 'pretty', level: 'error' }, extraArgs: [],
  exe: { type: 'cached-download', downloadDir, version, ttl: 0, sdkName: 'sdk-typescript', sdkVersion },
})
  .then((server) => runtime.shutdownEphemeralServer(server))
  .then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1); });
`;

/**
 * Downloads the `temporal` program of `version` into the empty folder `into` and gives its path there.
 *
 * @throws AppError `TEMPORAL_DOWNLOAD_FAILED`; without a network that takes milliseconds.
 */
export async function downloadTemporalCli(
  version: string,
  into: string,
  signal?: AbortSignal,
): Promise<string> {
  const said = await runScript(into, version, signal);
  const files = (await readdir(into)).filter((name) => !name.endsWith('.downloading'));
  const [file] = files;
  if (file === undefined) throw new AppError('TEMPORAL_DOWNLOAD_FAILED', said || 'nothing was downloaded');
  return join(into, file);
}

function runScript(into: string, version: string, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['-e', SCRIPT, require.resolve('@temporalio/worker'), into, version],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: DOWNLOAD_MS,
        signal,
        windowsHide: true,
      },
    );
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('error', reject);
    child.once('close', () => resolve(said.trim().split('\n').at(-1) ?? ''));
  });
}
