const { relative } = require('node:path');
const { kindOf } = require('./test-kinds.cjs');

const SHOWN = 20;

/** Prints at the end how long each kind of file took in all, and the slowest files. */
module.exports = class SlowestReporter {
  constructor(globalConfig) {
    this.rootDir = globalConfig.rootDir;
  }

  onRunComplete(_contexts, { testResults }) {
    if (testResults.length <= 1) return;
    const files = testResults
      .map(({ testFilePath, perfStats }) => ({
        name: relative(this.rootDir, testFilePath),
        kind: kindOf(testFilePath),
        seconds: (perfStats.end - perfStats.start) / 1_000,
      }))
      .sort((a, b) => b.seconds - a.seconds);
    const kinds = [...new Set(files.map(({ kind }) => kind))].map((kind) => [
      kind,
      files.filter((file) => file.kind === kind),
    ]);
    const line = (seconds, text) => `${seconds.toFixed(1).padStart(8)} s  ${text}`;
    const lines = [
      'Seconds of workers, by kind of file (docs/testing.md):',
      ...kinds.map(([kind, of]) => line(sum(of), `${kind}, ${of.length} files`)),
      'Slowest files:',
      ...files.slice(0, SHOWN).map(({ name, seconds }) => line(seconds, name)),
    ];
    process.stderr.write(`\n${lines.join('\n')}\n`);
  }
};

function sum(files) {
  return files.reduce((total, { seconds }) => total + seconds, 0);
}
