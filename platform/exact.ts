/**
 * A whole number as it is: a `number` up to 2^53 - 1, a `bigint` beyond it, which a `number` would round. Arithmetic that takes
 * both for numbers throws instead of giving a wrong result.
 */
export type Exact = number | bigint;

/** @param value a whole number, as text or as it was computed */
export function exact(value: bigint | string): Exact {
  // First as a number, which is what nearly all are: each 64-bit value that is read comes through here.
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : BigInt(value);
}

const MARK = 'exact:';
const MARKED = /"exact:\\u0000(-?\d+)"/g;

/**
 * JSON text of a value in which there may be a `bigint`: written with all its digits, as JSON allows. A string cannot pass for one,
 * since NUL is refused wherever text comes in.
 */
export function exactJson(value: unknown): string {
  const text = JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'bigint' ? `${MARK}\0${member}` : member,
  );
  return text.replaceAll(MARKED, '$1');
}
