/** A gateway that was asked so recently about a refund or a capture is not asked again at a person's request. */
export const LEAST_SECONDS_BETWEEN_ASKS = 10;

/** @param askedSeconds since the gateway was last asked; null: never */
export function wasAskedRecently({ askedSeconds }: { askedSeconds: number | null }): boolean {
  return askedSeconds !== null && askedSeconds < LEAST_SECONDS_BETWEEN_ASKS;
}
