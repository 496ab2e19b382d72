import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker';
import { FAILURE_CONVERTER } from '../platform/temporal/payload-codec';

/** Where `npm run build` puts the workflows' bundle: beside the compiled folders. */
const BUILT_BUNDLE = join(__dirname, '..', 'workflow-bundle.js');

/** What every workflow runs within. */
export const WORKFLOW_INTERCEPTORS: readonly string[] = [require.resolve('../workflows/trace')];

/** All workflows as one script. Made by the build; made now where the worker runs from sources. */
export async function workflowBundle(): Promise<WorkflowBundleOption> {
  return existsSync(BUILT_BUNDLE) ? { codePath: BUILT_BUNDLE } : makeBundle();
}

export function makeBundle(): Promise<{ code: string }> {
  return bundleWorkflowCode({
    workflowsPath: require.resolve('../workflows'),
    workflowInterceptorModules: [...WORKFLOW_INTERCEPTORS],
    failureConverterPath: FAILURE_CONVERTER,
    logger: new DefaultLogger('WARN'),
  });
}

/** Characters of the hash: 48 bits, short enough to be typed. */
const BUILD_ID_LENGTH = 12;

/**
 * Names the code of a bundle: the same sources give the same id, in whatever folder and on whatever machine they are built. The
 * source map is left out, since it has the folder in it.
 */
export async function buildIdOf(bundle: WorkflowBundleOption): Promise<string> {
  const text = 'code' in bundle ? bundle.code : await readFile(bundle.codePath, 'utf8');
  const map = text.lastIndexOf('\n//# sourceMappingURL=');
  const code = map === -1 ? text : text.slice(0, map);
  return createHash('sha256').update(code).digest('hex').slice(0, BUILD_ID_LENGTH);
}

export { BUILT_BUNDLE };
