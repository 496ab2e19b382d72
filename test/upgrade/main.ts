import { join } from 'node:path';
import { choosePort } from '../../platform/embedded/ports';
import { stackOf } from '../../platform/errors';
import { createLogger } from '../../platform/telemetry/log';
import { holdfast, startHoldfast, type Running } from '../cli/holdfast';
import { waitFor } from '../support/wait';
import { expectEvents, readEvents } from './events';
import { buildRelease, RELEASE_BEFORE } from './release';
import { startRouter, type Router } from './router';
import { startServers } from './servers';
import { withStops, type Stops } from './stops';
import { startTraffic } from './traffic';

const ORDERS_OF_A_STEP = 15;
const log = createLogger(process.env.LOG_LEVEL ?? 'error', 'upgrade');

/**
 * `npm run test:upgrade -- [commit]`: builds the release before this one and goes through an upgrade, a rollback and the upgrade again as
 * docs/operations.md has them, on real servers, while orders are placed all the time through a router that goes by `/ready`. Each request has to
 * be answered, each order to be fulfilled and to be in the stream of events, and the numbers to agree at the end. Skipped where the commit is
 * not in the history.
 */
async function main([commit = RELEASE_BEFORE]: readonly string[]): Promise<void> {
  await withStops('holdfast-upgrade-', async (folder, stops) => {
    say(`building ${commit.slice(0, 8)}, the release before`);
    const before = await buildRelease(commit, join(folder, 'before'));
    if ('skipped' in before) {
      process.stdout.write(`SKIPPED: ${before.skipped}\n`);
      return;
    }
    await upgradeAndBack(before.program, folder, stops);
  });
}

async function upgradeAndBack(before: string, folder: string, stops: Stops) {
  const env = await startServers(folder, stops, log);
  const router = await startRouter();
  stops.push(() => router.close());
  const releases = { before: releaseOf(before), present: releaseOf() };

  function releaseOf(program?: string) {
    const around = {
      ...(program === undefined ? {} : { program }),
      cwd: folder,
      env: { ...env, SANDBOX_CARRIER_WEBHOOK_URL: `${router.url}/api/v1/carriers/sandbox/events` },
    };
    return {
      /** The command's standard output; fails where it ends otherwise. */
      async run(...args: string[]): Promise<string> {
        const { code, stdout, stderr } = await holdfast(args, around);
        if (code !== 0)
          throw new Error(`holdfast ${args.join(' ')} ended with ${String(code)}: ${stdout}${stderr}`);
        return stdout;
      },
      startWorker(): Running {
        const worker = startHoldfast(['worker'], around);
        stops.push(() => end(worker));
        return worker;
      },
      async startApi(): Promise<Running & { port: number }> {
        const port = await choosePort(undefined, 'the API', log);
        const api = startHoldfast(['api'], { ...around, env: { ...around.env, PORT: String(port) } });
        stops.push(() => end(api));
        router.add(port);
        await untilAnswering(router, port);
        return { ...api, port };
      },
    };
  }

  const { before: old, present } = releases;
  await old.run('migrate');
  await old.run('seed');
  const { key } = JSON.parse(await old.run('services', 'create', 'upgrade', '--role', 'admin', '--json')) as {
    key: string;
  };
  let oldWorker = old.startWorker();
  await old.run('deploy');
  let oldApi = await old.startApi();
  const traffic = startTraffic(router.url, key);
  await traffic.more(ORDERS_OF_A_STEP);
  say('the release before takes orders on its own schema');

  await present.run('migrate');
  await traffic.more(1);
  const onOldSchema = traffic.orders.length;
  await traffic.more(ORDERS_OF_A_STEP);
  say('it takes orders on the new schema');

  const worker = present.startWorker();
  await present.run('deploy');
  await traffic.more(ORDERS_OF_A_STEP);
  const api = await present.startApi();
  await traffic.more(ORDERS_OF_A_STEP);
  say('both releases take orders beside each other');

  // It knows no delay before it stops.
  router.remove(oldApi.port);
  await traffic.more(1);
  await end(oldApi);
  await end(oldWorker);
  await traffic.more(ORDERS_OF_A_STEP);
  say('the new release takes orders alone');
  const numbered = await readEvents(urlOf(api), key);

  const migrated = await old.run('migrate');
  if (!migrated.includes('Nothing to apply')) throw new Error(`a rollback has migrated: ${migrated}`);
  oldWorker = old.startWorker();
  oldApi = await old.startApi();
  await old.run('deploy');
  await end(worker);
  await end(api);
  await traffic.more(ORDERS_OF_A_STEP);
  say('rolled back: the release before takes orders alone, on the new schema');

  present.startWorker();
  await present.run('deploy');
  const apiAgain = await present.startApi();
  await traffic.more(ORDERS_OF_A_STEP);
  say('upgraded again');

  const placed = await traffic.end();
  await expectEvents({ url: urlOf(apiAgain), apiKey: key }, traffic.orders.slice(onOldSchema), numbered);
  if (router.lost.length > 0) throw new Error(`requests were lost:\n${router.lost.join('\n')}`);
  await present.run('verify', '--full');
  say(
    `${placed} orders placed, all fulfilled; no request was lost; their events are numbered once; the numbers agree`,
  );
}

function urlOf({ port }: { port: number }): string {
  return `http://127.0.0.1:${port}`;
}

async function untilAnswering(router: Router, port: number): Promise<void> {
  await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok);
  // Until the router has seen it too.
  await waitFor(async () => {
    await fetch(`${router.url}/health`);
    return (router.answered.get(port) ?? 0) > 0;
  });
}

async function end(process: Running): Promise<void> {
  process.kill('SIGTERM');
  const { code, stderr } = await process.ended;
  if (code !== 0) throw new Error(`it ended with ${String(code)}: ${stderr}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
