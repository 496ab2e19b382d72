import type { Gap } from './types';

/** Whether a gap is to be looked at: nobody has, or somebody for whom it waits has ended. */
export function isDue({ waitsFor }: Pick<Gap, 'waitsFor'>, holders: ReadonlySet<string>): boolean {
  return waitsFor === null || waitsFor.some((one) => !holders.has(one));
}

/** For whom the rest of a gap waits, once it was looked at; none: what is missing of it was rolled back. */
export function stillAwaited({ waitsFor }: Pick<Gap, 'waitsFor'>, holders: ReadonlySet<string>): string[] {
  return (waitsFor ?? [...holders]).filter((one) => holders.has(one));
}
