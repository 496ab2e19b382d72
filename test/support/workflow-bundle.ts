import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowCoverage } from '@temporalio/nyc-test-coverage';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type BundleOptions,
  type InjectedSinks,
  type WorkerOptions,
} from '@temporalio/worker';
import { FAILURE_CONVERTER } from '../../platform/temporal/payload-codec';
import { WORKFLOW_INTERCEPTORS } from '../../worker/bundle';
import { ENV, fromSetup } from './run';

const COUNTING_INTERCEPTOR = join(__dirname, 'count-workflow-lines.cjs');
export const WORKFLOWS_ENTRY = join(__dirname, '..', '..', 'workflows', 'index.ts');

type HitCounts = Record<string, number | number[]>;
interface FileCoverage {
  path: string;
  s: Record<string, number>;
  f: Record<string, number>;
  b: Record<string, number[]>;
}
type CoverageMap = Record<string, FileCoverage>;

/** Where Istanbul counts; Jest reads it from the test file's global object. */
const globals = globalThis as { __coverage__?: CoverageMap };

/** Bundles the workflows, counting which lines run when `coverage` is asked for. */
export async function buildWorkflowBundle(
  folder: string,
  coverage: boolean,
  options?: Partial<BundleOptions>,
): Promise<string> {
  const plain = {
    workflowsPath: WORKFLOWS_ENTRY,
    workflowInterceptorModules: [...WORKFLOW_INTERCEPTORS],
    failureConverterPath: FAILURE_CONVERTER,
    logger: new DefaultLogger('ERROR'),
    ...options,
  };
  const { code } = await bundleWorkflowCode(coverage ? instrumented(plain) : plain);
  const file = join(folder, coverage ? 'counting-workflow-bundle.js' : 'workflow-bundle.js');
  await writeFile(file, code);
  return file;
}

/** The package instruments only where the global `__coverage__` is, which nyc would have set. */
function instrumented(options: BundleOptions): BundleOptions {
  const coverage = new WorkflowCoverage();
  return {
    ...options,
    workflowInterceptorModules: [...(options.workflowInterceptorModules ?? []), COUNTING_INTERCEPTOR],
    webpackConfigHook: (config) => {
      const before = globals.__coverage__;
      globals.__coverage__ ??= {};
      try {
        return coverage.addInstrumenterRule(options.webpackConfigHook?.(config) ?? config);
      } finally {
        globals.__coverage__ = before;
      }
    },
  };
}

/**
 * Worker options with the run's workflow bundle. In a test file whose lines Jest counts, workflows run in this thread, each in its
 * context as elsewhere: counts are handed over by reference, and a thread of their own would load the whole SDK anew for every
 * worker, 0.6 s of a core. Sinks of the test are kept.
 */
export function withWorkflowBundle<Options extends WorkerOptions>(
  options: Options,
): Options & { workflowBundle: { codePath: string } } {
  const sinks: InjectedSinks<CoverageSinks> = {
    coverage: { merge: { fn: (_info, counted) => mergeCoverage(counted), callDuringReplay: false } },
  };
  const isCounted = globals.__coverage__ !== undefined && process.env[ENV.countingBundle] !== undefined;
  return {
    ...options,
    workflowBundle: { codePath: fromSetup(isCounted ? 'countingBundle' : 'bundle') },
    ...(isCounted ? { debugMode: true, sinks: { ...options.sinks, ...sinks } } : {}),
  };
}

// A type, since the SDK's Sinks needs an index signature, which interfaces lack.
type CoverageSinks = { coverage: { merge(counted: CoverageMap): void } };

/**
 * Takes the counts of one run of a workflow into the coverage that Jest collects from this test file. They grow while it runs, and come
 * again: the highest count. The bundle's code is compiled apart from Jest's, so statements have other numbers and places; under another
 * path beside the source each keeps its own source map, and Jest's report adds both up by the lines of the original file.
 */
function mergeCoverage(counted: CoverageMap): void {
  const total = (globals.__coverage__ ??= {});
  for (const file of Object.values(counted)) {
    const path = `${file.path}.bundle`;
    const known = (total[path] ??= { ...file, path, s: {}, f: {}, b: {} });
    takeCounts(known.s, file.s);
    takeCounts(known.f, file.f);
    takeCounts(known.b, file.b);
  }
}

function takeCounts(total: HitCounts, counted: HitCounts): void {
  for (const [key, hits] of Object.entries(counted)) {
    const known = total[key];
    if (typeof hits === 'number') total[key] = Math.max(hits, typeof known === 'number' ? known : 0);
    else total[key] = hits.map((hit, way) => Math.max(hit, Array.isArray(known) ? (known[way] ?? 0) : 0));
  }
}
