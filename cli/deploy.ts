import type { Settings } from '../platform/config';
import { createWorkerDeployments, type BuildId } from '../platform/temporal/deployments';
import { buildName, makeCurrent, ownBuild } from '../worker/deployment';
import { restartPinnedJobs } from '../worker/restart-pinned-jobs';
import { engineNames } from '../workflows/contract/names';
import type { Output } from './output';
import { openTemporalLink } from './temporal-link';

export interface DeployOptions {
  /** Another build than that of this program. */
  build?: string;
  /** Seconds to wait for its workers. */
  wait: number;
  ignoreMissingTaskQueues: boolean;
  /** Jobs of other builds are started again on this one, instead of ending where they began. */
  restartJobs: boolean;
}

/** `holdfast deploy`: makes a build the one that gets the work, once its workers ask for it. */
export async function runDeploy(settings: Settings, options: DeployOptions, output: Output): Promise<number> {
  const names = engineNames();
  const link = await openTemporalLink(settings);
  try {
    const deployments = createWorkerDeployments(link.connection, link.namespace);
    const buildId = options.build ?? (await ownBuild(settings));
    const { ignoreMissingTaskQueues, wait: seconds } = options;
    output.item('Deployment', `${names.deployment} in namespace ${link.namespace}`);
    output.item('Was current', await currentName(deployments, names.deployment));
    const { previous } = await makeCurrent(deployments, { names, buildId, seconds, ignoreMissingTaskQueues });
    output.item('Is current', `${buildName(buildId)}${previous === buildId ? ', as before' : ''}`);
    const restarted = options.restartJobs
      ? await restartPinnedJobs(link.client, names.deployment, buildId)
      : null;
    output.json({
      deployment: names.deployment,
      namespace: link.namespace,
      previous,
      current: buildId,
      restartedJobs: restarted,
    });
    if (restarted !== null) {
      output.item('Jobs', `${restarted} of other builds are started again within a minute`);
    } else if (previous !== buildId && previous !== null) {
      output.line(`\nJobs begun on ${previous} end there: keep a worker of it until they have.`);
    }
    return 0;
  } finally {
    await link.close();
  }
}

async function currentName(
  deployments: { current(deployment: string): Promise<BuildId> },
  deployment: string,
): Promise<string> {
  const current = await deployments.current(deployment);
  return current === null ? 'none' : buildName(current);
}
