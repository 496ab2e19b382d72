/** What is posted about one stock row. Times are numbers. */
export type Posting =
  | { kind: 'movement'; at: number; units: number }
  /** Null: without a time. */
  | { kind: 'correction'; asOf: number | null; units: number }
  | { kind: 'number'; asOf: number; number: number }
  /** A number of a `set` feed: one that says what is on hand anyway is nothing new. */
  | { kind: 'feed'; asOf: number; number: number };

/**
 * What is on hand after these postings, in the order in which they were posted, by the definition alone: the newest number by its
 * time, and what takes effect after it. Of two numbers as of the same time the later posted counts.
 */
export function modelOnHand(postings: readonly Posting[]): number {
  const known: Posting[] = [];
  for (const posting of postings) {
    if (posting.kind === 'feed' && onHand([...known, posting]) === onHand(known)) continue;
    known.push(posting);
  }
  return onHand(known);
}

function onHand(postings: readonly Posting[]): number {
  const newest = newestOf(postings);
  return postings.reduce((sum, posting, place) => {
    if (posting.kind === 'movement') return posting.at > newest.asOf ? sum + posting.units : sum;
    if (posting.kind !== 'correction') return sum;
    // One without a time corrects what the books say when it is posted: a number that is newer than all that was known then knows better.
    const asOf = posting.asOf ?? newestOf(postings.slice(0, place)).asOf;
    const counts = posting.asOf === null ? asOf >= newest.asOf : asOf > newest.asOf;
    return counts ? sum + posting.units : sum;
  }, newest.number);
}

/** The newest absolute number among postings, all of which are known. */
export function newestOf(postings: readonly Posting[]): { asOf: number; number: number } {
  return postings.reduce(
    (newest, posting) =>
      (posting.kind === 'number' || posting.kind === 'feed') && posting.asOf >= newest.asOf
        ? { asOf: posting.asOf, number: posting.number }
        : newest,
    { asOf: -Infinity, number: 0 },
  );
}

/** What somebody set as safety stock: of one place, or (null) of the product. */
export interface Kept {
  at: string | null;
  units: number | 'inherit';
}

/** Units that are kept back at a place after all of these: its own, else the product's. */
export function modelKept(set: readonly Kept[], place: string): number {
  const last = (at: string | null) => {
    const units = set.findLast((one) => one.at === at)?.units;
    return units === 'inherit' ? undefined : units;
  };
  return last(place) ?? last(null) ?? 0;
}
