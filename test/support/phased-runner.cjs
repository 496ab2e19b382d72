const { default: TestRunner } = require('jest-runner');
const { kindOf } = require('./test-kinds.cjs');

/**
 * One after the other, each with as many workers at most. A file that mostly waits leaves its core to another. Counting
 * lines slows the product, which the last phase loads or stops: what it runs is counted in the phases before.
 */
const PHASES = [
  { kinds: ['pure', 'servers'], workers: 4, coverage: true },
  { kinds: ['timed'], workers: 2, coverage: true },
  { kinds: ['loading'], workers: 4, coverage: false },
];

/** Files that take longest, most of it waiting: begun last, one of them would be all that is left to wait for. */
const FIRST = [
  'test/cli/up.test.ts',
  'test/faults/feed-killed.test.ts',
  'test/load/mixed.test.ts',
  'test/faults/temporal-away.test.ts',
  'test/faults/consistency-killed.test.ts',
];

function rank({ path }) {
  const at = FIRST.findIndex((name) => path.replaceAll('\\', '/').endsWith(name));
  return at < 0 ? FIRST.length : at;
}

/**
 * Jest's own runner, in phases: the files that hold the product to a promised time, and those that load the machine, do
 * not run beside the rest. All phases are one run: one global set-up, one coverage report, one count.
 */
module.exports = class PhasedRunner extends TestRunner {
  async runTests(tests, watcher, options) {
    const asked = this._globalConfig;
    for (const { kinds, workers, coverage } of PHASES) {
      const part = tests
        .filter((test) => kinds.includes(kindOf(test.path)))
        .sort((one, other) => rank(one) - rank(other));
      if (part.length === 0 || watcher.isInterrupted()) continue;
      this._globalConfig = {
        ...asked,
        maxWorkers: Math.min(asked.maxWorkers, workers),
        collectCoverage: asked.collectCoverage && coverage,
      };
      await super.runTests(part, watcher, options);
    }
    this._globalConfig = asked;
  }
};
