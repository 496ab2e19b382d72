/**
 * A gateway that was asked so recently about a refund or a capture may still be about to make it: it is not asked again at a person's
 * request, and nobody records what was done instead.
 *
 * @param askedSeconds since the gateway was last asked; null: never
 * @param limitMs the longest that one attempt takes
 */
export function wasAskedRecently(
  { askedSeconds }: { askedSeconds: number | null },
  limitMs: number,
): boolean {
  return askedSeconds !== null && askedSeconds * 1_000 < limitMs;
}
