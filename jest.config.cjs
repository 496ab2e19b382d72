/** A file for the run's counts, when a script wants them. */
const countsFile = process.env.HOLDFAST_TEST_COUNTS;
const coverage = process.env.COVERAGE === '1' || process.argv.includes('--coverage');

/** @type {import('jest').Config} */
module.exports = {
  rootDir: __dirname,
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.holdfast/', '<rootDir>/coverage/'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
      },
    ],
  },
  // A Node environment in which a test file that leaves a socket, server or child process open fails.
  testEnvironment: '<rootDir>/test/support/environment.ts',
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // Real servers and real waits, on machines that may be busy.
  testTimeout: 300_000,
  maxWorkers: 2,
  reporters: [
    'default',
    ...(countsFile ? [['<rootDir>/test/support/count-reporter.cjs', { outputFile: countsFile }]] : []),
  ],
  collectCoverage: coverage,
  coverageProvider: 'babel',
  collectCoverageFrom: ['{activities,api,domain,integrations,platform,workflows}/**/*.ts'],
  coverageReporters: ['text-summary', 'lcov'],
  ...(coverage ? { coverageThreshold: { global: { lines: 85 } } } : {}),
};
