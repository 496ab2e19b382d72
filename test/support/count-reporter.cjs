const { writeFileSync } = require('node:fs');

/** Writes the run's own counts to `outputFile`, for scripts. A file that failed outside its tests counts as a failure. */
module.exports = class CountReporter {
  constructor(_globalConfig, options) {
    this.outputFile = options.outputFile;
  }

  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, numPendingTests, wasInterrupted } =
      results;
    const counts = {
      passed: numPassedTests,
      failed: numFailedTests + numRuntimeErrorTestSuites + (wasInterrupted ? 1 : 0),
      skipped: numPendingTests,
    };
    writeFileSync(this.outputFile, `${JSON.stringify(counts)}\n`);
  }
};
