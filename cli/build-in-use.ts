import type { Settings } from '../platform/config';
import { isAppError } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import type { TemporalLink } from '../platform/temporal/connection';
import {
  createWorkerDeployments,
  type BuildId,
  type WorkerDeployments,
} from '../platform/temporal/deployments';
import { buildName, makeCurrent, ownBuild } from '../worker/deployment';
import { restartPinnedJobs } from '../worker/restart-pinned-jobs';
import type { EngineNames } from '../workflows/contract/names';
import type { Output } from './output';

interface Around {
  settings: Settings;
  temporal: TemporalLink;
  names: EngineNames;
}

/** The build that is current. A server that does not know deployments has none, and need not where versioning is off. */
export async function currentBuild(
  deployments: WorkerDeployments,
  names: EngineNames,
  versioning: Settings['WORKER_VERSIONING'],
): Promise<BuildId> {
  try {
    return await deployments.current(names.deployment);
  } catch (error) {
    if (versioning === 'off' && isAppError(error, 'WORKER_VERSIONING_UNSUPPORTED')) return null;
    throw error;
  }
}

/** How long the worker of this process may take until Temporal knows it. */
const OWN_WORKER_SECONDS = 30;

/** Tells what to do where the build of this worker gets no new work. `holdfast worker` never changes which one does. */
export async function logBuild({ settings, temporal, names }: Around, log: Logger): Promise<void> {
  const deployments = createWorkerDeployments(temporal.connection, temporal.namespace);
  const own = await ownBuild(settings);
  const current = await currentBuild(deployments, names, settings.WORKER_VERSIONING);
  const builds = { buildId: own, current };
  if (current === own) log.info(builds, `the worker runs ${buildName(own)}, which is current`);
  else if (current === null) {
    log.warn(
      builds,
      `no build is current, so this worker gets no work: \`holdfast deploy\` makes ${buildName(own)} current`,
    );
  } else {
    log.warn(
      builds,
      `${buildName(current)} is current, this worker is of ${buildName(own)}: it gets new work after \`holdfast deploy\``,
    );
  }
}

/** Whether the first task of an order may go to the worker of this process, without asking Temporal which build is current. */
export async function mayStartEagerly(around: Around, isOwnServer: boolean): Promise<boolean> {
  if (isOwnServer) return true;
  const { settings, temporal, names } = around;
  const own = await ownBuild(settings);
  if (own === null) return true;
  const current = await createWorkerDeployments(temporal.connection, temporal.namespace).current(
    names.deployment,
  );
  return current === null || current === own;
}

/**
 * For `holdfast up`: makes the build of its worker current where none is, and on a server of its own also where no worker of the
 * current one is left, as after a change of the code. Jobs that were begun on that one are started again.
 */
export async function useOwnBuild(around: Around, isOwnServer: boolean, output: Output): Promise<void> {
  const { settings, temporal, names } = around;
  const deployments = createWorkerDeployments(temporal.connection, temporal.namespace);
  const buildId = await ownBuild(settings);
  const current = await currentBuild(deployments, names, settings.WORKER_VERSIONING);
  if (current === buildId) return;
  const isAlone = isOwnServer && !(await deployments.polling(names.ordersQueue)).includes(current);
  if (current !== null && !isAlone) {
    output.item('Build', `${buildName(current)} is current and gets new work`);
    output.item('', `\`holdfast deploy\` makes ${buildName(buildId)} current, which runs here`);
    return;
  }
  await makeCurrent(deployments, { names, buildId, seconds: OWN_WORKER_SECONDS });
  if (current === null) return;
  output.item('Build', `${buildName(buildId)} takes the place of ${current}`);
  const restarted = await restartPinnedJobs(temporal.client, names.deployment, buildId);
  if (restarted > 0) output.item('', `${restarted} jobs of it are started again within a minute`);
}
