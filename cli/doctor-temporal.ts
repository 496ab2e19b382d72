import { hostname } from 'node:os';
import { temporal as protocol } from '@temporalio/proto';
import type { Settings } from '../platform/config';
import { boundedCall, DEADLINES_MS } from '../platform/temporal/bounded-call';
import { isNotFound } from '../platform/temporal/call-failure';
import type { LazyTemporalLink } from '../platform/temporal/connection';
import { createWorkerDeployments, type BuildId } from '../platform/temporal/deployments';
import { SEARCH_ATTRIBUTES } from '../platform/temporal/namespace';
import { buildName } from '../worker/deployment';
import { engineNames } from '../workflows/contract/names';
import { currentBuild } from './build-in-use';
import type { DoctorOptions, Finding } from './doctor-checks';
import { errorText } from './error-text';
import { locateTemporal } from './servers';
import { openTemporalLink } from './temporal-link';

/** A worker asks for work at least once a minute, and Temporal remembers for five who did. */
const POLLED_WITHIN_MS = 90_000;

type Call = <T>(request: (link: LazyTemporalLink) => Promise<T>) => Promise<T>;

export async function checkTemporal(settings: Settings): Promise<Finding[]> {
  const { address, namespace } = await locateTemporal(settings);
  return withTemporal(settings, async (call) => {
    const server = await checkServer(call, address);
    if (!server.ok) return [server];
    const found = await checkNamespace(call, namespace);
    return found.ok ? [server, found, await checkSearchAttributes(call, namespace)] : [server, found];
  });
}

/** Who asks for work of the orders' queue, and whether it is of the build that gets the work. */
export async function checkWorkers(settings: Settings, options: DoctorOptions): Promise<Finding[]> {
  const workers = await checkPollers(settings, options);
  // A container is healthy before its build is current: `deploy` waits for it.
  if (options.thisHost || workers.some(({ ok }) => !ok)) return workers;
  return [...workers, await checkBuild(settings)];
}

/** Builds whose workers ask for work, by task queue. */
type PollingBuilds = Readonly<Record<string, readonly BuildId[]>>;

export function buildFinding(current: BuildId, polling: PollingBuilds): Finding {
  const name = 'Build';
  const missing = Object.entries(polling).filter(([, builds]) => !builds.includes(current));
  if (missing.length === 0) return { name, ok: true, detail: `${buildName(current)} is current` };
  const others = [...new Set(missing.flatMap(([, builds]) => builds))].map(buildName);
  const what =
    current === null
      ? 'no build is current, and no worker without versions asks for work'
      : `${buildName(current)} is current, and no worker of it asks for work`;
  const where = `of task queue ${missing.map(([queue]) => queue).join(', ')}`;
  const polls = others.length > 0 ? `; those of ${others.join(', ')} do and get none` : '';
  return {
    name,
    ok: false,
    detail: `${what} ${where}${polls}`,
    advice: 'holdfast deploy, of the release whose workers run; or start workers of the current build',
  };
}

async function checkBuild(settings: Settings): Promise<Finding> {
  const names = engineNames();
  const link = await openTemporalLink(settings);
  try {
    const deployments = createWorkerDeployments(link.connection, link.namespace);
    const queues = [names.ordersQueue, names.paymentsQueue, names.jobsQueue];
    const builds = await Promise.all(queues.map((queue) => deployments.polling(queue)));
    const polling = Object.fromEntries(queues.map((queue, i) => [queue, builds[i] ?? []]));
    return buildFinding(await currentBuild(deployments, names, settings.WORKER_VERSIONING), polling);
  } catch (error) {
    return { name: 'Build', ok: false, detail: `not known: ${errorText(error)}` };
  } finally {
    await link.close();
  }
}

async function checkPollers(settings: Settings, { thisHost }: DoctorOptions): Promise<Finding[]> {
  const { namespace } = await locateTemporal(settings);
  const { ordersQueue } = engineNames();
  const name = 'Workers';
  try {
    const identities = await withTemporal(settings, (call) => pollers(call, namespace, ordersQueue));
    const counted = thisHost ? identities.filter((identity) => identity.includes(hostname())) : identities;
    return counted.length > 0
      ? [{ name, ok: true, detail: `${counted.join(', ')} on queue ${ordersQueue}` }]
      : [
          {
            name,
            ok: false,
            detail: `none${thisHost ? ` of ${hostname()}` : ''} asks for work of queue ${ordersQueue}`,
            advice: 'holdfast worker',
          },
        ];
  } catch (error) {
    return [{ name, ok: false, detail: `not known: ${errorText(error)}` }];
  }
}

async function withTemporal<T>(settings: Settings, work: (call: Call) => Promise<T>): Promise<T> {
  const link = await openTemporalLink(settings);
  try {
    return await work((request) => boundedCall(link.connection, DEADLINES_MS.call, () => request(link)));
  } finally {
    await link.close();
  }
}

async function checkServer(call: Call, address: string): Promise<Finding> {
  const name = 'Temporal';
  try {
    const { serverVersion } = await call(({ connection }) => connection.workflowService.getSystemInfo({}));
    return { name, ok: true, detail: `server ${serverVersion} at ${address}` };
  } catch (error) {
    const advice = 'is it running, and are TEMPORAL_ADDRESS, TEMPORAL_API_KEY and TEMPORAL_TLS* right?';
    return { name, ok: false, detail: `${address}: ${errorText(error)}`, advice };
  }
}

async function checkNamespace(call: Call, namespace: string): Promise<Finding> {
  const name = 'Namespace';
  try {
    const { config } = await call(({ connection }) =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    const days = Math.round(Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400);
    return { name, ok: true, detail: `${namespace}, keeps ended orders for ${days} days` };
  } catch (error) {
    return isNotFound(error)
      ? {
          name,
          ok: false,
          detail: `${namespace} does not exist`,
          advice: `temporal operator namespace create --namespace ${namespace}, or set TEMPORAL_NAMESPACE`,
        }
      : { name, ok: false, detail: `${namespace}: ${errorText(error)}` };
  }
}

async function checkSearchAttributes(call: Call, namespace: string): Promise<Finding> {
  const name = 'Search attributes';
  try {
    const { customAttributes } = await call(({ connection }) =>
      connection.operatorService.listSearchAttributes({ namespace }),
    );
    const wrong = Object.entries(SEARCH_ATTRIBUTES).filter(([key, type]) => customAttributes[key] !== type);
    return wrong.length === 0
      ? { name, ok: true, detail: Object.keys(SEARCH_ATTRIBUTES).join(', ') }
      : {
          name,
          ok: false,
          detail: `missing or of another type: ${wrong.map(([key]) => key).join(', ')}`,
          advice: 'holdfast worker adds those that are missing when it starts',
        };
  } catch (error) {
    // Temporal Cloud has no operator service; a worker that starts there has proved that they work.
    return { name, ok: true, detail: `can't be listed with these credentials (${errorText(error)})` };
  }
}

async function pollers(call: Call, namespace: string, queue: string): Promise<string[]> {
  const { pollers: seen } = await call(({ connection }) =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: queue },
      taskQueueType: protocol.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    }),
  );
  const since = Date.now() - POLLED_WITHIN_MS;
  return seen
    .filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 >= since)
    .map(({ identity }) => identity ?? 'unnamed');
}
