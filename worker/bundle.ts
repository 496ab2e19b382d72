import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker';

/** Where `npm run build` puts the workflows' bundle: beside the compiled folders. */
const BUILT_BUNDLE = join(__dirname, '..', 'workflow-bundle.js');

/** All workflows as one script. Made by the build; made now where the worker runs from sources. */
export async function workflowBundle(): Promise<WorkflowBundleOption> {
  return existsSync(BUILT_BUNDLE) ? { codePath: BUILT_BUNDLE } : makeBundle();
}

export function makeBundle(): Promise<{ code: string }> {
  return bundleWorkflowCode({
    workflowsPath: require.resolve('../workflows'),
    logger: new DefaultLogger('WARN'),
  });
}

export { BUILT_BUNDLE };
