const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { projects, testTimeout, workerIdleMemoryLimit } = require('../../jest.config.cjs');

const ROOT = join(__dirname, '..', '..');

/**
 * A configuration of Jest that runs these files alone, with the servers of every run. Of a file that was renamed or removed it says so, where
 * Jest would leave it out.
 *
 * @param {string} displayName
 * @param {string[]} files from the root
 * @returns {import('jest').Config}
 */
function chosenTests(displayName, files) {
  const missing = files.filter((file) => !existsSync(join(ROOT, file)));
  if (missing.length > 0) throw new Error(`there is no ${missing.join(', ')}`);
  return {
    ...projects.find((project) => project.displayName === 'servers'),
    testTimeout,
    workerIdleMemoryLimit,
    displayName,
    testMatch: files.map((file) => `<rootDir>/${file}`),
    testPathIgnorePatterns: [],
  };
}

module.exports = { chosenTests };
