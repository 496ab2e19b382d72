const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { dirname, join, relative, resolve, sep } = require('node:path');

const ROOT = join(__dirname, '..', '..');
const IMPORT =
  /^(?:import|export)\s+(?!type\s)(?:[^;]*?\sfrom\s+)?'(\.[^']+)'|\b(?:import|require)\('(\.[^']+)'\)/gm;

/** A file that imports this one at run time needs what global set-up starts. */
const SERVERS = 'test/support/run.ts';
/** A file that imports this one itself holds the product to a time that the documents promise. */
const PROMISES = 'test/support/promised.ts';
/** Suites that load the machine, or take servers away. */
const LOADING = /^test\/(faults|load)\//;

const importsOf = new Map();

/** Paths, from the root, of the project's files that `file` imports at run time. */
function imports(file) {
  const known = importsOf.get(file);
  if (known) return known;
  const found = [];
  for (const [, from, called] of readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)) {
    const path = resolve(ROOT, dirname(file), from ?? called);
    const target = [`${path}.ts`, join(path, 'index.ts'), path].find(
      (name) => /\.ts$/.test(name) && existsSync(name),
    );
    if (target) found.push(toName(target));
  }
  importsOf.set(file, found);
  return found;
}

function reaches(file, target, seen = new Set()) {
  if (file === target) return true;
  if (seen.has(file)) return false;
  seen.add(file);
  return imports(file).some((next) => reaches(next, target, seen));
}

function toName(path) {
  return relative(ROOT, path).split(sep).join('/');
}

/** Every test file of the project, from the root. */
function testFiles() {
  return readdirSync(join(ROOT, 'test'), { recursive: true })
    .map((name) => `test/${String(name).split(sep).join('/')}`)
    .filter((name) => name.endsWith('.test.ts'))
    .sort();
}

/**
 * What a test file needs, found by what it imports:
 * - `pure`: no server;
 * - `servers`: the run's PostgreSQL and Temporal;
 * - `timed`: besides, a machine that is not overloaded, since it asserts a promised time;
 * - `loading`: it loads the machine, or stops servers, and would disturb the others.
 *
 * @param {string} file absolute, or from the root
 */
function kindOf(file) {
  const name = toName(resolve(ROOT, file));
  if (LOADING.test(name)) return 'loading';
  if (imports(name).includes(PROMISES)) return 'timed';
  return reaches(name, SERVERS) ? 'servers' : 'pure';
}

module.exports = { kindOf, testFiles };
