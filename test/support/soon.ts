/** Longer than what is done at once takes on the busiest machine, and shorter than whatever would do it otherwise. */
export const SOON_MS = 12_000;
