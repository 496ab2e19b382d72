const { Script } = require('node:vm');
const { createRequire, isBuiltin, Module } = require('node:module');
const { dirname, isAbsolute, join, sep } = require('node:path');
const { default: JestRuntime } = require('jest-runtime');

const ROOT = join(__dirname, '..', '..') + sep;
const OF_NO_PRODUCT = [join(ROOT, 'test') + sep, join(ROOT, 'node_modules') + sep];
/** Jest's own, which belong to one test file. */
const OF_ONE_FILE = new Set(['@jest/globals', '@jest/expect', 'expect']);
const PRODUCT_PARAMETERS = ['module', 'exports', 'require', '__dirname', '__filename'];

/** Packages of this process, by name. */
const packages = new Map();
/** The product's modules of this process, by path. */
const modules = new Map();
/** Where their source maps are, by path. */
const sourceMaps = new Map();
/** The compiled modules of the tests of this process, by path. */
const scripts = new Map();
/** That of the test file that runs. */
let current;

/**
 * Jest's runtime, in the context of Node itself (environment.ts). Packages and the product's modules are loaded once a process: to
 * load those of a stack takes longer than most files' tests take. No test replaces one, and the product's modules keep no
 * state. Modules of tests are evaluated anew for each test file, as Jest does, but compiled once a process.
 */
class Runtime extends JestRuntime {
  constructor(...args) {
    super(...args);
    current = this;
    const { executor } = this;
    executor.compile = (source, path) => compiledOnce(path, source, executor.injectedModuleParameters);
    for (const [path, map] of sourceMaps) this.getSourceMaps().set(path, map);
  }

  requireModuleOrMock(from, name) {
    if (isPackage(name)) return this.requirePackage(name);
    const path = isPath(name) ? this.productPath(from, name) : undefined;
    return path === undefined ? super.requireModuleOrMock(from, name) : this.requireProduct(path);
  }

  requirePackage(name) {
    if (!packages.has(name)) {
      const before = Reflect.ownKeys(globalThis);
      packages.set(name, require(name));
      this._environment.keepGlobals(before);
    }
    return packages.get(name);
  }

  /** Of the product's module that `name` means; undefined where it means another. */
  productPath(from, name) {
    const path = this._resolution.resolveCjs(from, name);
    const isProduct = path.startsWith(ROOT) && !OF_NO_PRODUCT.some((folder) => path.startsWith(folder));
    return isProduct && path.endsWith('.ts') ? path : undefined;
  }

  requireProduct(path) {
    const known = modules.get(path);
    if (known) return known.exports;
    const module = new Module(path);
    module.filename = path;
    // Before it is evaluated: who imports it in a cycle gets what it has exported so far.
    modules.set(path, module);
    try {
      const source = this.transformCache.transform(path);
      sourceMaps.set(path, this.getSourceMaps().get(path));
      const evaluate = compiled(path, source, PRODUCT_PARAMETERS).runInThisContext();
      evaluate.call(module.exports, module, module.exports, requireOf(path), dirname(path), path);
    } catch (error) {
      modules.delete(path);
      throw error;
    }
    return module.exports;
  }
}

/** What a module of the product gets as `require`. By `import()` it may be called while a later test file runs. */
function requireOf(path) {
  const { resolve } = createRequire(path);
  return Object.assign(
    (name) => (isBuiltin(name) ? require(name) : current.requireModuleOrMock(path, name)),
    {
      resolve: (name, options) =>
        isPath(name) ? current._resolution.resolveCjs(path, name) : resolve(name, options),
    },
  );
}

function isPath(name) {
  return name.startsWith('.') || isAbsolute(name);
}

function isPackage(name) {
  return !isPath(name) && !isBuiltin(name) && !OF_ONE_FILE.has(name);
}

/** Evaluates to the module's function. The wrapper's line is not counted, so that places in stacks are those of the source map. */
function compiled(path, source, parameters) {
  const wrapped = `(function (${parameters.join(', ')}) {\n${source}\n})`;
  return new Script(wrapped, { filename: path, lineOffset: -1 });
}

function compiledOnce(path, source, parameters) {
  const known = scripts.get(path);
  if (known?.source === source) return known.script.runInThisContext();
  const script = compiled(path, source, parameters);
  scripts.set(path, { source, script });
  return script.runInThisContext();
}

module.exports = { __esModule: true, default: Runtime };
