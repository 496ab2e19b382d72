import { seededNumbers } from '../../platform/random-numbers';

/** Random numbers that a seed repeats. */
export interface Random {
  readonly seed: number;
  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number;
  /** True in that share of cases. */
  chance(share: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
  /** A number from 0 up to, but not including, 1. */
  fraction(): number;
  /** A copy in random order. */
  shuffled<T>(list: readonly T[]): T[];
}

/** Seeded by HOLDFAST_TEST_SEED, else differently each time; prints its seed. */
export function seededRandom(): Random {
  const seed = Number(process.env.HOLDFAST_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  process.stdout.write(
    `HOLDFAST_TEST_SEED=${seed} (${expect.getState().currentTestName ?? 'before the tests'})\n`,
  );
  return randomOf(seed);
}

export function randomOf(seed: number): Random {
  const next = seededNumbers(seed);
  const whole = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    seed,
    whole,
    chance: (share) => next() < share,
    pick: (from) => from[whole(0, from.length - 1)] ?? from[0],
    fraction: next,
    shuffled: (list) =>
      list
        .map((item) => [next(), item] as const)
        .sort(([a], [b]) => a - b)
        .map(([, item]) => item),
  };
}
