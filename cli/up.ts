import { join, resolve } from 'node:path';
import { seedCatalogue } from '../domain/demo/seed';
import { mailFolderOf } from '../integrations/mailer';
import { createKey, revokeKey } from '../domain/identity/keys';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database/database';
import { claimOwnership } from '../platform/embedded/owner';
import { errorCode } from '../platform/embedded/processes';
import { isAppError } from '../platform/errors';
import { createLogger } from '../platform/telemetry/log';
import { createMetricsRegistry } from '../platform/telemetry/metrics';
import { migrate } from '../platform/database/migrations';
import { provideRuntimeRole } from '../platform/database/runtime-role';
import { VERSION } from '../platform/version';
import { engineNames } from '../workflows/contract/names';
import { mayStartEagerly, useOwnBuild } from './build-in-use';
import { runDemo } from './demo';
import { ensureDemoCustomer } from './demo-customer';
import { ensureDemoKeys, type DemoKeys } from './demo-keys';
import { removeDevFile, writeDevFile } from './dev-file';
import { providePostgres, provideTemporal, type ProvidedPostgres, type ProvidedTemporal } from './embedded';
import { provideTimeouts } from './migrate';
import { withOwnSecrets } from './home-secrets';
import type { Output } from './output';
import {
  connectTemporalPart,
  openDatabasePart,
  openObservabilityPart,
  prepareNamespace,
  startApiPart,
  startWorkerPart,
  stopSeconds,
  type ApiParts,
  type PartContext,
} from './service-parts';
import { describeSeed } from './seed';
import { logSettingWarnings } from './setting-warnings';
import { runService } from './service';

export interface UpOptions {
  /** Places the demo orders. */
  demo: boolean;
  /** Ends after the demo; the exit code tells whether it went right. */
  smoke: boolean;
  /** The port was asked for: when it is taken, that is an error. */
  portIsGiven: boolean;
}

/** `holdfast up`: everything in one process, with embedded servers where no others are set. */
export async function runUp(settings: Settings, options: UpOptions, output: Output): Promise<number> {
  const log = createLogger(settings.LOG_LEVEL, undefined, { format: settings.LOG_FORMAT });
  const onSignal = () => output.line('\nStopping; once more to stop at once.');
  return runService({ log, stopSeconds: stopSeconds(settings), onSignal }, async (service) => {
    output.line(`Holdfast ${VERSION}\n`);
    await claimHome({ service, settings, log });
    const own = await withOwnSecrets(settings);
    const around = { service, settings: own, log };
    logSettingWarnings(around.settings, log);
    const started = await startEverything(around, options, output);
    const demoWentRight = options.demo ? await playDemo(started, output, service.stopping) : true;
    if (options.smoke) {
      output.json({ demoWentRight });
      output.line(demoWentRight ? 'The demo went right.' : 'The demo went wrong.');
      return demoWentRight ? 0 : 1;
    }
    printFirstSteps(started, settings, output);
    await service.untilStopping();
    return 0;
  });
}

/** One `holdfast up` per home: two would run the same servers and write the same files. */
async function claimHome({ service, settings }: PartContext): Promise<void> {
  const home = resolve(settings.HOLDFAST_HOME);
  const ownership = await claimOwnership(join(home, 'up.owner.json'), `Holdfast in ${home}`);
  service.onStop({ name: 'home', stop: () => ownership.release() });
}

interface Started {
  db: Database;
  baseUrl: string;
  /** Of the embedded database; null: the database is the user's own, and so are its keys. */
  keys: DemoKeys | null;
  temporalUi: string | null;
}

async function startEverything(around: PartContext, options: UpOptions, output: Output): Promise<Started> {
  const { service, settings, log } = around;
  const [postgres, servers] = await startServers(around, output);
  const { ownerUrl, databaseUrl } = postgres;

  const applied = await migrate(ownerUrl, log, { createDatabase: true });
  await provideRuntimeRole(postgres, log, { setPassword: postgres.isOwn });
  await provideTimeouts(settings);
  output.item('Migrations', applied.length > 0 ? `${applied.length} applied` : 'none pending');
  const observability = await openObservabilityPart(around, {
    part: 'up',
    registry: createMetricsRegistry('api'),
  });
  const db = openDatabasePart(around, { url: databaseUrl, observability });
  // A database of the user keeps its own catalogue, unless the demo is wanted there.
  const seeds = options.demo || settings.DATABASE_URL === undefined;
  output.item('Catalogue', seeds ? describeSeed(await seedCatalogue(db)) : 'as it is');
  service.stopping.throwIfAborted();

  const temporal = await connectTemporalPart(around, observability, servers);
  await prepareNamespace(around, temporal);
  const names = engineNames();
  service.stopping.throwIfAborted();
  const isOwnServer = settings.TEMPORAL_ADDRESS === undefined;
  const versions = { settings, temporal, names };
  const eagerStart = await mayStartEagerly(versions, isOwnServer);
  // Shown by the API, which is in the same process.
  const metrics = createMetricsRegistry('worker');
  const client = temporal.client;
  const parts: ApiParts = {
    db,
    databaseUrl,
    client,
    names,
    eagerStart,
    observability,
    workerMetrics: metrics,
  };
  const baseUrl = await startApi(around, parts, options, output);
  output.item('API', baseUrl);
  service.stopping.throwIfAborted();
  // After the API, since only now its port is known, which the sandbox carrier reports to.
  await startWorkerPart(
    { ...around, settings: { ...settings, PORT: Number(new URL(baseUrl).port) } },
    { db, databaseUrl, temporal, names, metrics, observability },
  );
  await useOwnBuild(versions, isOwnServer, output);
  output.item('Worker', `runs orders of namespace ${temporal.namespace}`);

  // On the embedded database alone: another one is reached by others.
  const keys = settings.DATABASE_URL === undefined ? await ensureDemoKeys(settings, db) : null;
  const customer = keys && (await ensureDemoCustomer(settings, db));
  await writeDevFile(settings, {
    ...keys,
    ...(customer && { customer }),
    baseUrl,
    databaseUrl,
    databaseOwnerUrl: ownerUrl,
    temporalAddress: servers.address,
    temporalNamespace: servers.namespace,
    temporalUi: servers.uiUrl,
    pid: process.pid,
  });
  service.onStop({ name: 'dev.json', stop: () => removeDevFile(settings) });
  return { db, baseUrl, keys, temporalUi: servers.uiUrl };
}

/** Places the demo orders. On a database of the user's own by a key that ends with the demo, and is written nowhere. */
async function playDemo(
  { db, baseUrl, keys }: Started,
  output: Output,
  stopping: AbortSignal,
): Promise<boolean> {
  if (keys) return runDemo({ baseUrl, apiKey: keys.adminApiKey }, output, stopping);
  const actor = 'holdfast up';
  const { id, key } = await createKey(db, {
    service: 'holdfast-demo',
    role: 'operator',
    kind: 'live',
    scopes: [],
    label: null,
    expiresInSeconds: DEMO_SECONDS,
    actor,
  });
  try {
    return await runDemo({ baseUrl, apiKey: key }, output, stopping);
  } finally {
    await revokeKey(db, { id, actor });
  }
}

/** Longer than the demo may take. */
const DEMO_SECONDS = 3_600;

/** Both at once. When one fails, the other is waited for, so that it is known when the parts are stopped. */
async function startServers(
  around: PartContext,
  output: Output,
): Promise<[ProvidedPostgres, ProvidedTemporal]> {
  const starts = [providePostgres(around, output), provideTemporal(around, output)] as const;
  await Promise.allSettled(starts);
  around.service.stopping.throwIfAborted();
  return Promise.all(starts);
}

/** On the port that was asked for, or else on any when the default one is taken. */
async function startApi(
  around: PartContext,
  parts: ApiParts,
  options: UpOptions,
  output: Output,
): Promise<string> {
  const { settings } = around;
  try {
    return await startApiPart(around, parts);
  } catch (error) {
    if (options.portIsGiven || !isPortTaken(error)) throw error;
    output.item('API', `port ${settings.PORT} is taken, so another one is used`);
    return startApiPart({ ...around, settings: { ...settings, PORT: 0 } }, parts);
  }
}

function isPortTaken(error: unknown): boolean {
  return isAppError(error, 'PORT_TAKEN') && errorCode(error.cause) === 'EADDRINUSE';
}

function printFirstSteps({ baseUrl, keys, temporalUi }: Started, settings: Settings, output: Output): void {
  const dev = join(resolve(settings.HOLDFAST_HOME), 'dev.json');
  output.json({ baseUrl, temporalUi, devFile: dev });
  output.line();
  output.item('API', `${baseUrl}/api/v1, described at ${baseUrl}/docs`);
  if (temporalUi) output.item('Temporal UI', temporalUi);
  const mails = mailFolderOf(settings);
  if (mails !== undefined) output.item('Mails', `${resolve(mails)}, one file each`);
  output.line('\nTry an order:\n');
  output.line(
    keys
      ? `  KEY=$(node -p "require('${dev}').adminApiKey")`
      : '  KEY=…   # printed by: holdfast services create NAME --role admin',
  );
  const order = {
    items: [{ sku: 'LAPTOP-001', quantity: 2 }],
    customerId: 'c-42',
    payment: { method: 'card', token: 'tok_ok' },
  };
  output.line(
    `  curl -s ${baseUrl}/api/v1/orders -H "X-Api-Key: $KEY" -H 'Content-Type: application/json' \\\n    -d '${JSON.stringify(order)}'`,
  );
  output.line('\nCtrl-C stops everything and keeps the data.');
}
