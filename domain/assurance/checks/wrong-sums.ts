/** Sums that are kept, and where they come from. */
export interface ComparedSums {
  /** SQL columns that name a sum. */
  key: string;
  /** What is added of it. */
  sums: readonly string[];
  /** SQL of the sums of all of the source, and of what of it is not in them yet, where there is any. */
  sources: readonly [all: string, unsummed?: string];
  /** SQL of the sums that are kept. */
  kept: string;
}

/** SQL of sums that are not what their source has, less what is not in them yet: each with how much the source has more. */
export function wrongSums({ key, sums, sources, kept }: ComparedSums): string {
  const [all, unsummed] = sources;
  const negative = sums.map((sum) => `-${sum}`).join(', ');
  return `select ${key}, ${sums.map((sum) => `sum(${sum}) as ${sum}`).join(', ')} from (
      select ${key}, ${sums.join(', ')} from (${all}) a${
        unsummed === undefined
          ? ''
          : `
      union all select ${key}, ${negative} from (${unsummed}) u`
      }
      union all select ${key}, ${negative} from (${kept}) k) d
    group by ${key} having ${sums.map((sum) => `sum(${sum}) <> 0`).join(' or ')}`;
}
