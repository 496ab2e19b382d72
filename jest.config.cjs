const { join } = require('node:path');
const { kindOf, testFiles } = require('./test/support/test-kinds.cjs');

/** A file for the run's counts, when a script wants them. */
const countsFile = process.env.HOLDFAST_TEST_COUNTS;
const coverage = process.env.COVERAGE === '1' || process.argv.includes('--coverage');

const pure = testFiles().filter((file) => kindOf(file) === 'pure');

/** @type {import('jest').Config} */
const shared = {
  rootDir: __dirname,
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.holdfast/', '<rootDir>/coverage/'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: {
          parser: { syntax: 'typescript' },
          target: 'es2022',
          experimental: { cacheRoot: join(__dirname, 'node_modules', '.cache', 'holdfast', 'swc') },
        },
        module: { type: 'commonjs' },
        // Counts lines inside swc: Istanbul's own instrumenter takes 50 times as long for each file.
        experimental: { customCoverageInstrumentation: { enabled: true } },
      },
    ],
  },
  // A Node environment in which a test file that leaves a socket, server or child process open fails.
  testEnvironment: '<rootDir>/test/support/environment.ts',
  runtime: '<rootDir>/test/support/runtime.cjs',
  runner: '<rootDir>/test/support/phased-runner.cjs',
};

/** @type {import('jest').Config} */
module.exports = {
  rootDir: __dirname,
  projects: [
    {
      ...shared,
      displayName: 'pure',
      testMatch: pure.map((file) => `<rootDir>/${file}`),
    },
    {
      ...shared,
      displayName: 'servers',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: pure.map((file) => `<rootDir>/${file.replaceAll('.', '\\.')}$`),
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
  ],
  // Real servers and real waits, on machines that may be busy.
  testTimeout: 300_000,
  // At most; test/support/phased-runner.cjs says how many each kind of file gets.
  maxWorkers: 4,
  // A worker that has grown beyond this gives way to a fresh one after its file: each file evaluates the modules of tests
  // anew, and V8 collects late where much memory is free.
  workerIdleMemoryLimit: '600MB',
  reporters: [
    'default',
    '<rootDir>/test/support/slowest-reporter.cjs',
    ...(countsFile ? [['<rootDir>/test/support/count-reporter.cjs', { outputFile: countsFile }]] : []),
  ],
  collectCoverage: coverage,
  coverageProvider: 'babel',
  collectCoverageFrom: ['{activities,api,cli,domain,integrations,platform,worker,workflows}/**/*.ts'],
  coverageReporters: ['text-summary', 'lcov'],
  ...(coverage ? { coverageThreshold: { global: { lines: 85 } } } : {}),
};
