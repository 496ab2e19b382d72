const { Script } = require('node:vm');
const { isBuiltin } = require('node:module');
const { isAbsolute } = require('node:path');
const { default: JestRuntime } = require('jest-runtime');

/** Jest's own, which belong to one test file. */
const OF_ONE_FILE = new Set(['@jest/globals', '@jest/expect', 'expect']);

/** Packages of this process, by name. */
const packages = new Map();
/** The compiled modules of this process, by path. */
const scripts = new Map();

/**
 * Jest's runtime, in the context of Node itself (environment.ts). Modules of the project are evaluated anew for each test file, as
 * Jest does, but compiled once a process. Packages are loaded once a process, by Node: to load those of a stack takes
 * Jest longer than most files' tests take, and no test replaces a package.
 */
class Runtime extends JestRuntime {
  constructor(...args) {
    super(...args);
    const { executor } = this;
    executor.compile = (source, path) => compiled(path, source, executor.injectedModuleParameters);
  }

  requireModuleOrMock(from, name) {
    if (!isPackage(name)) return super.requireModuleOrMock(from, name);
    if (!packages.has(name)) {
      const before = Reflect.ownKeys(globalThis);
      packages.set(name, require(name));
      this._environment.keepGlobals(before);
    }
    return packages.get(name);
  }
}

function isPackage(name) {
  return !name.startsWith('.') && !isAbsolute(name) && !isBuiltin(name) && !OF_ONE_FILE.has(name);
}

/** The module's function. Lines of the wrapper are not counted, so that places in stacks are those of the source map. */
function compiled(path, source, parameters) {
  const known = scripts.get(path);
  if (known?.source === source) return known.script.runInThisContext();
  const wrapped = `(function (${parameters.join(', ')}) {\n${source}\n})`;
  const script = new Script(wrapped, { filename: path, lineOffset: -1 });
  scripts.set(path, { source, script });
  return script.runInThisContext();
}

module.exports = { __esModule: true, default: Runtime };
