/** Fails with `what` unless it holds. Plain, since it is called millions of times. */
export function hold(what: string, holds: boolean): void {
  if (!holds) throw new Error(`Broken: ${what}`);
}
