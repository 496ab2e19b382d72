/** What a batch is decided from is missing, or was changed while it was decided: it is rolled back and done again. */
export class Undecided extends Error {}
