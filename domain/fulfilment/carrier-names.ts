/** Carriers whose updates are taken. */
export const CARRIER_NAMES: readonly string[] = ['sandbox'];
