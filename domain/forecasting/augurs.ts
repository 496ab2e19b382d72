import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as EtsModule from '@bsull/augurs/ets' with { 'resolution-mode': 'import' };
import type * as MstlModule from '@bsull/augurs/mstl' with { 'resolution-mode': 'import' };
import { at, isConstant, repeated } from './numbers';

/** Loads an ES module that has no top-level await, which every Node of `engines` can (`require(esm)`). */
const load = createRequire(__filename);

/** The WebAssembly of a module, which lies beside it. It is compiled once a thread; a module that has it already ignores it. */
function wasmOf(name: 'ets' | 'mstl'): Uint8Array {
  return readFileSync(join(dirname(load.resolve(`@bsull/augurs/${name}`)), `${name}_bg.wasm`));
}

/* eslint-disable no-restricted-syntax -- code that is loaded, not state: it is the same for whoever uses it */
let etsModule: typeof EtsModule | undefined;
let mstlModule: typeof MstlModule | undefined;
/* eslint-enable no-restricted-syntax */

function loadedEts(): typeof EtsModule {
  if (etsModule) return etsModule;
  // The types of the package describe what its file has.
  const loaded = load('@bsull/augurs/ets') as typeof EtsModule;
  loaded.initSync({ module: wasmOf('ets') });
  return (etsModule = loaded);
}

function loadedMstl(): typeof MstlModule {
  if (mstlModule) return mstlModule;
  // The types of the package describe what its file has.
  const loaded = load('@bsull/augurs/mstl') as typeof MstlModule;
  loaded.initSync({ module: wasmOf('mstl') });
  return (mstlModule = loaded);
}

interface Fitting {
  fit(values: number[]): void;
  predict(horizon: number): { point: number[] };
  free(): void;
}

/** What a model of augurs forecasts; null: it found none for these values. */
function fitted(model: Fitting, values: readonly number[], horizon: number): number[] | null {
  try {
    model.fit([...values]);
    const { point } = model.predict(horizon);
    return point.length === horizon && point.every(Number.isFinite) ? point : null;
  } catch {
    // Too few values, or no model whose likelihood is finite: the caller takes another model.
    return null;
  } finally {
    model.free();
  }
}

/** Smoothing is fitted to so many values at most: it forgets older ones, and each takes its time. */
const MOST_SMOOTHED = 200;

/**
 * Exponential smoothing whose error and trend are chosen by AICc (Hyndman and Khandakar 2008), without a season.
 *
 * @param values without a season, not empty
 * @returns null where it finds no model, as for very few values
 */
export function autoEts(values: readonly number[], horizon: number): number[] | null {
  if (isConstant(values)) return repeated(at(values, 0), horizon);
  const { AutoETS } = loadedEts();
  return fitted(new AutoETS(1, 'ZZN'), values.slice(-MOST_SMOOTHED), horizon);
}

/**
 * Several seasons taken off by repeated STL (Bandara, Hyndman and Bergmeir 2021), the rest forecast by exponential smoothing.
 *
 * @param periods steps of each season, at least 2
 * @returns null where a season is not twice in the values, or it finds no model
 */
export function mstl(
  values: readonly number[],
  periods: readonly number[],
  horizon: number,
): number[] | null {
  if (periods.length === 0 || values.length < 2 * Math.max(...periods) || isConstant(values)) return null;
  const { MSTL } = loadedMstl();
  return fitted(
    MSTL.ets([...periods]),
    values.slice(-Math.max(MOST_SMOOTHED, 2 * Math.max(...periods))),
    horizon,
  );
}
